"""Reads a spec: every mistake in it is found at once, before any data is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import yaml
from tensorflow_metadata.proto.v0 import schema_pb2

from schemas.dataset import column_types, read_schema
from schemas.errors import DataError, SpecError, nearest
from schemas.ops import Op
from schemas.section import Section, validate_section
from schemas.source_map import Path, SourceMap, dotted_path, yaml_value
from schemas.spec.checks import check_references
from schemas.spec.mending import mended
from schemas.spec.preset import Preset, preset_mistakes
from schemas.spec.spec import Spec
from schemas.spec.transform import op_mistakes, read_lists


@dataclass(frozen=True)
class LoadedSpec:
    """A spec that holds, with its dataset schema.

    Attributes:
        path: the YAML file.
        spec: what it says.
        schema: the dataset schema it names.
    """

    path: FilePath
    spec: Spec
    schema: schema_pb2.Schema

    @property
    def folder(self) -> FilePath:
        """The folder that relative paths of the spec start from."""
        return self.path.parent


def load_spec(path: str | FilePath, overrides: dict[str, str] | None = None, *, with_schema: bool = True) -> LoadedSpec:
    """Reads and checks a spec and the schema it names.

    The transform ops and the presets must have been imported (`components.transform.ops`, `components.train.presets`).

    Args:
        path: the YAML file.
        overrides: YAML values by dotted key (`{"model.training.epochs": "3"}`) that replace the file's.
        with_schema: False accepts a spec whose schema file is not there yet.

    Raises:
        SpecError: with all mistakes of the spec.
        DataError: the file or its schema cannot be read.
    """
    path = FilePath(path)
    source = SourceMap.read(path)
    for key, value in (overrides or {}).items():
        _override(source, key, value)

    unreadable = read_lists(source.data.get("transform"), source, ("transform",), path.parent)
    spec, mistakes = validate_section(Spec, source.data, source, ())
    in_ops = op_mistakes(source.data.get("transform"), source, ("transform",))
    mistakes = [m for m in mistakes if not m.key.startswith(("transform.features.", "transform.labels."))]
    mistakes = [m for m in mistakes if not m.key.startswith("model.preset")] + in_ops
    mistakes += unreadable + preset_mistakes(source.data.get("model"), source, ("model",))
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
        parsed = yaml_value(value)
    except yaml.YAMLError as error:
        raise DataError(f"--set {key}: {value!r} is not a YAML value: {error}") from None
    set_value(source, key, parsed)


def set_value(source: SourceMap, key: str, value: Any) -> None:
    """Puts a value in the place of `source.data` that a dotted key means; mappings on the way are made.

    Raises:
        DataError: there is no such place in the spec.
    """
    *parents, last = path_of(source, key)
    target: Any = source.data
    for part in parents:
        target = target.setdefault(part, {}) if isinstance(target, dict) else target[part]
    target[last] = value


def path_of(source: SourceMap, key: str) -> Path:
    """The path that a dotted key means: an item of a list is named by its `name` or its position.

    Raises:
        DataError: there is no such place in the spec.
    """
    path: Path = ()
    for part in key.split("."):
        value = source.value(path)
        if isinstance(value, list):
            names = [item.get("name") if isinstance(item, dict) else None for item in value]
            position = int(part) if part.isdigit() else names.index(part) if part in names else len(value)
            if position >= len(value):
                known = nearest(part, [name for name in names if name])
                raise DataError(f"{key}: '{dotted_path(path)}' in {source.name} has no '{part}'{known}")
            path = (*path, position)
        elif isinstance(value, dict) or value is None:
            path = (*path, part)
        else:
            raise DataError(f"{key}: '{dotted_path(path)}' is not a mapping in {source.name}")
    return path


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a spec, for editors; ops and presets are in it, each with its own options."""
    schema = Spec.model_json_schema(by_alias=True)
    _one_of(schema["$defs"], "Op", "One op of the transform.", "op", Op.known)
    _one_of(schema["$defs"], "Preset", "A graph by its name in the literature.", "name", Preset.known)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _one_of(
    definitions: dict[str, Any], base: str, text: str, key: str, known: Mapping[str, type[Section]]
) -> None:  # fmt: skip
    """Puts all known classes in the place of their base class."""
    choices = []
    for name, cls in sorted(known.items()):
        definition = cls.model_json_schema()
        definition["required"] = sorted({*definition.get("required", []), key})
        definitions.update(definition.pop("$defs", {}))
        definitions[f"{base.lower()}_{name}"] = definition
        choices.append({"$ref": f"#/$defs/{base.lower()}_{name}"})
    definitions[base] = {"description": text, "oneOf": choices}
