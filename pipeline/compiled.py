"""Compiled pipelines: the file that KFP and Vertex AI take, and the parameters it lets a run set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from schemas.errors import DataError, UserError, nearest
from schemas.source_map import yaml_value

_TYPES: dict[str, tuple[type, ...]] = {
    "STRING": (str,), "NUMBER_INTEGER": (int,), "NUMBER_DOUBLE": (int, float), "BOOLEAN": (bool,), "LIST": (list,),
    "STRUCT": (dict,),
}  # fmt: skip


@dataclass(frozen=True)
class Compiled:
    """A compiled pipeline.

    Attributes:
        path: the YAML file.
        name: the pipeline's.
        description: the pipeline's.
        parameters: by name, as the file defines them (parameterType, defaultValue, description).
    """

    path: Path
    name: str
    description: str
    parameters: Mapping[str, Mapping[str, Any]]

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Values for a run, checked.

        Args:
            given: by parameter; a text that the parameter does not take is read as YAML.

        Raises:
            UserError: a name or a type is not the pipeline's.
        """
        found = {}
        for name, value in given.items():
            if name not in self.parameters:
                raise UserError(f"'{name}' is no parameter of {self.path.name}{nearest(name, self.parameters)}")
            kind = str(self.parameters[name]["parameterType"])
            parsed = yaml_value(value) if isinstance(value, str) and kind != "STRING" else value
            if not isinstance(parsed, _TYPES[kind]) or (isinstance(parsed, bool) and kind != "BOOLEAN"):
                raise UserError(f"parameter '{name}': expected {kind}, found {value!r}")
            found[name] = parsed
        return found


def is_compiled(path: Path) -> bool:
    """Whether a file is a compiled pipeline, not a spec."""
    try:
        with path.open(encoding="utf-8") as stream:
            return any(line.startswith(("pipelineInfo:", "# PIPELINE DEFINITION")) for line in stream)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def read_compiled(path: Path) -> Compiled:
    """Reads what a compiled pipeline says of itself.

    Raises:
        DataError: it is none.
    """
    try:
        document = next(yaml.safe_load_all(path.read_text(encoding="utf-8")))
        return Compiled(
            path, document["pipelineInfo"]["name"], document["pipelineInfo"].get("description", ""),
            document["root"].get("inputDefinitions", {}).get("parameters", {}),
        )  # fmt: skip
    except (OSError, yaml.YAMLError, KeyError, TypeError, StopIteration) as error:
        raise DataError(
            f"{path}: no compiled pipeline ({error}); write one: latticework compile SPEC -o {path}"
        ) from None
