"""Reads a spec: every mistake in it is found at once, before any data is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tensorflow_metadata.proto.v0 import schema_pb2

from schemas.dataset import column_types, read_schema
from schemas.errors import DataError, SpecError
from schemas.ops import Op
from schemas.section import validate_section
from schemas.source_map import SourceMap
from schemas.spec.checks import check_references
from schemas.spec.mending import mended
from schemas.spec.spec import Spec
from schemas.spec.transform import op_mistakes


@dataclass(frozen=True)
class LoadedSpec:
    """A spec that holds, with its dataset schema.

    Attributes:
        path: the YAML file.
        spec: what it says.
        schema: the dataset schema it names.
    """

    path: Path
    spec: Spec
    schema: schema_pb2.Schema

    @property
    def folder(self) -> Path:
        """The folder that relative paths of the spec start from."""
        return self.path.parent


def load_spec(path: str | Path, overrides: dict[str, str] | None = None, *, with_schema: bool = True) -> LoadedSpec:
    """Reads and checks a spec and the schema it names.

    The transform ops must have been imported (`import components.transform.ops`).

    Args:
        path: the YAML file.
        overrides: YAML values by dotted key (`{"model.training.epochs": "3"}`) that replace the file's.
        with_schema: False accepts a spec whose schema file is not there yet.

    Raises:
        SpecError: with all mistakes of the spec.
        DataError: the file or its schema cannot be read.
    """
    path = Path(path)
    source = SourceMap.read(path)
    for key, value in (overrides or {}).items():
        _override(source, key, value)

    spec, mistakes = validate_section(Spec, source.data, source, ())
    in_ops = op_mistakes(source.data.get("transform"), source, ("transform",))
    mistakes = [m for m in mistakes if not m.key.startswith(("transform.features.", "transform.labels."))]
    mistakes = [m for m in mistakes if not (in_ops and m.key == "transform")] + in_ops
    schema = schema_pb2.Schema()
    schema_key = source.value(("data", "schema")) or "schema.pbtxt"
    schema_path = path.parent / str(schema_key)
    if with_schema or schema_path.exists():
        try:
            schema = read_schema(schema_path)
        except DataError as error:
            mistakes.append(source.mistake(("data", "schema"), str(error)))
    readable = spec if spec is not None else mended(source)
    if readable is not None and schema.feature:
        mistakes += check_references(readable, column_types(schema), source)
    if mistakes or spec is None:
        raise SpecError(str(path), mistakes)
    return LoadedSpec(path, spec, schema)


def _override(source: SourceMap, key: str, value: str) -> None:
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise DataError(f"--set {key}: {value!r} is not a YAML value: {error}") from None
    *parents, last = key.split(".")
    target: Any = source.data
    for part in parents:
        target = target.setdefault(part, {}) if isinstance(target, dict) else None
    if not isinstance(target, dict):
        raise DataError(f"--set {key}: '{'.'.join(parents)}' is not a mapping in {source.name}")
    target[last] = parsed


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a spec, for editors; each known op is in it with its own options."""
    schema = Spec.model_json_schema(by_alias=True)
    definitions = schema["$defs"]
    choices = []
    for name, op in sorted(Op.known.items()):
        definition = op.model_json_schema()
        definition["required"] = sorted({*definition.get("required", []), "op"})
        definitions.update(definition.pop("$defs", {}))
        definitions[f"op_{name}"] = definition
        choices.append({"$ref": f"#/$defs/op_{name}"})
    definitions["Op"] = {"description": "One op of the transform.", "oneOf": choices}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
