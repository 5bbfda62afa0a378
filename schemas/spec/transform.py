"""The `transform` section: which features and labels are made of the columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path as FilePath
from typing import Annotated, Any

from pydantic import Field, SerializeAsAny, model_validator

from schemas.artifacts import Feature
from schemas.errors import Mistake, nearest
from schemas.ops import Op
from schemas.section import Section, validate_section, validated
from schemas.source_map import Path, SourceMap


class Module(Section):
    """A Python module beside the spec, for what the YAML cannot say."""

    module: str
    """The module's file, relative to the spec."""
    function: str = "preprocessing_fn"
    """Takes and returns a mapping of names to tensors [batch]; what it returns can be read by the ops."""
    outputs: Annotated[list[str], Field(min_length=1)]
    """The names it returns."""


class Transform(Section):
    """Features and labels, each an op applied to columns, to other features or to what the module returns."""

    features: Annotated[dict[str, SerializeAsAny[Op]], Field(min_length=1)]
    """What the model can read, by name."""
    labels: Annotated[dict[str, SerializeAsAny[Op]], Field(min_length=1)]
    """What the model learns to predict, by name. Labels and the columns under them never reach the model."""
    preprocessing: Module | None = None
    """A function of one's own that runs before the ops."""

    @model_validator(mode="before")
    @classmethod
    def _resolve_ops(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        resolved = dict(data)
        for part in ("features", "labels"):
            if isinstance(data.get(part), dict):
                resolved[part] = {name: _resolve(raw, part, name) for name, raw in data[part].items()}
        return resolved


def _resolve(raw: Any, *at: str) -> Any:
    if isinstance(raw, dict) and raw.get("op") in Op.known:
        return validated(Op.known[raw["op"]], raw, *at)
    return raw


def planned(ops: Mapping[str, Op], vocabulary_size: int = 10) -> dict[str, Feature]:
    """What transform will make of features or labels, before there is any data.

    Args:
        ops: by name.
        vocabulary_size: stands for the size of each vocabulary, which only the data knows.
    """
    found = described(ops, lambda _: vocabulary_size)
    return {name: feature for name, feature in found.items() if feature.kind != "unread"}


def described(ops: Mapping[str, Op], vocabulary_size: Callable[[str], int]) -> dict[str, Feature]:
    """What the model must know of features or labels.

    Args:
        ops: by name.
        vocabulary_size: entries of the analysed vocabulary of a name.
    """
    inner = {read for name, op in ops.items() for read in op.sources(name) if read != name}
    return {
        name: Feature(name, op.kind, op.size(vocabulary_size, name), op.row_length(), op.op, name in inner)
        for name, op in ops.items()
    }


def root_columns(transform: Transform, name: str, columns: Collection[str], *, labels: bool = False) -> set[str]:
    """The columns (or outputs of the module) that a feature or label is made of, through other ops."""
    ops = transform.labels if labels else transform.features
    roots: set[str] = set()
    waiting, seen = [name], {name}
    while waiting:
        for read in ops[(current := waiting.pop())].sources(current):
            if read in columns or read not in ops:
                roots.add(read)
            elif read not in seen:
                seen.add(read)
                waiting.append(read)
    return roots


def label_columns(transform: Transform, columns: Collection[str]) -> list[str]:
    """The columns that any label is made of, in the order of `columns`."""
    found = {root for name in transform.labels for root in root_columns(transform, name, columns, labels=True)}
    return [name for name in columns if name in found]


def read_lists(data: Any, source: SourceMap, at: Path, folder: FilePath) -> list[Mistake]:
    """Puts the lines of each op's `file` into its `values`, so that a component needs no file beside the spec.

    Returns:
        A mistake for each file that cannot be read.
    """
    found = []
    for part in ("features", "labels"):
        ops = data.get(part) if isinstance(data, dict) else None
        for name, raw in ops.items() if isinstance(ops, dict) else ():
            if not isinstance(raw, dict) or not isinstance(raw.get("file"), str) or "values" in raw:
                continue
            path = folder / raw["file"]
            try:
                raw["values"] = [line for line in path.read_text(encoding="utf-8").splitlines() if line]
            except (OSError, UnicodeDecodeError) as error:
                message = f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})"
                found.append(source.mistake((*at, part, name, "file"), message + "; expected one value a line"))
                raw["values"] = ["?"]
    return found


def op_mistakes(data: Any, source: SourceMap, at: Path) -> list[Mistake]:
    """All mistakes in the ops of a raw `transform` section that stands at `at`."""
    found: list[Mistake] = []
    for part in ("features", "labels"):
        ops = data.get(part) if isinstance(data, dict) else None
        if not isinstance(ops, dict):
            continue
        for name, raw in ops.items():
            path = (*at, part, name)
            if not isinstance(raw, dict):
                found.append(source.mistake(path, f"found {raw!r}; expected a mapping such as {{op: z_score}}"))
            elif "op" not in raw:
                found.append(source.mistake(path, "missing; 'op' must be given"))
            elif raw["op"] not in Op.known:
                message = f"unknown op {raw['op']!r}{nearest(str(raw['op']), Op.known)}"
                found.append(source.mistake((*path, "op"), message))
            else:
                found.extend(validate_section(Op.known[raw["op"]], raw, source, path)[1])
    return found
