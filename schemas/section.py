"""The base of every part of the spec, and how pydantic's findings become `Mistake`s."""

from __future__ import annotations

import types
import typing
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import InitErrorDetails

from schemas.errors import Mistake, nearest
from schemas.source_map import Path, SourceMap, dotted_path


class Section(BaseModel):
    """A mapping in the spec: unknown keys are mistakes, values are checked strictly enough to catch typos."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


SectionType = TypeVar("SectionType", bound=Section)


def validate_section(
    cls: type[SectionType], data: Any, source: SourceMap, at: Path
) -> tuple[SectionType | None, list[Mistake]]:
    """Builds `cls` from plain data that stands at path `at` of `source`.

    Returns:
        The section, or None, and all mistakes found in it.
    """
    try:
        return cls.model_validate(data), []
    except ValidationError as error:
        return None, [_mistake(cls, details, source, at) for details in error.errors()]


def validated(cls: type[SectionType], data: Any, *at: str) -> SectionType:
    """Builds `cls` in a validator of the section that holds it at `at`, so that a mistake is told at its own place."""
    try:
        return cls.model_validate(data)
    except ValidationError as error:
        told = [
            InitErrorDetails(
                type=details["type"], loc=(*at, *details["loc"]), input=details["input"], ctx=details.get("ctx", {})
            )
            for details in error.errors()
        ]
        raise ValidationError.from_exception_data(cls.__name__, told) from None


def _mistake(cls: type[BaseModel], details: Any, source: SourceMap, at: Path) -> Mistake:
    path = _path_in_file(at, details["loc"], source)
    found = details.get("input")
    kind = details["type"]
    if kind == "extra_forbidden":
        owner = _section_at(cls, details["loc"][:-1])
        valid = owner.model_fields if owner is not None else ()
        message = f"unknown key '{path[-1]}'{nearest(str(path[-1]), valid)}"
    elif kind == "missing":
        key = details["loc"][-1]
        return Mistake(source.line(path), _dotted(at, details["loc"], source), f"missing; '{key}' must be given")
    elif kind in ("literal_error", "enum"):
        expected = details.get("ctx", {}).get("expected", "")
        choices = [choice.strip(" '") for choice in expected.replace(" or ", ",").split(",") if choice.strip()]
        message = f"found {found!r}{nearest(str(found), choices)}"
    elif kind == "value_error":
        message = str(details["ctx"]["error"])
    else:
        message = f"found {_short(found)}; {details['msg'][0].lower()}{details['msg'][1:]}"
    return source.mistake(path, message)


def _path_in_file(at: Path, loc: tuple[Any, ...], source: SourceMap) -> Path:
    """`loc` without the names of union branches, which stand in no file."""
    path = at
    for part in loc:
        value = source.value(path)
        inside_mapping = isinstance(value, dict) and part in value
        inside_list = isinstance(value, list) and isinstance(part, int)
        if inside_mapping or inside_list:
            path = (*path, part)
    return path


def _dotted(at: Path, loc: tuple[Any, ...], source: SourceMap) -> str:
    return dotted_path((*_path_in_file(at, loc[:-1], source), loc[-1]))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _section_at(cls: Any, loc: tuple[Any, ...]) -> type[BaseModel] | None:
    """The section class that owns the key after `loc`, found by walking annotations."""
    current: Any = cls
    for part in loc:
        current = _step(current, part)
        if current is None:
            return None
    models = [c for c in _alternatives(current) if isinstance(c, type) and issubclass(c, BaseModel)]
    return models[0] if models else None


def _alternatives(annotation: Any) -> list[Any]:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _alternatives(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [a for arg in typing.get_args(annotation) for a in _alternatives(arg)]
    return [annotation]


def _step(annotation: Any, part: Any) -> Any:
    for choice in _alternatives(annotation):
        origin = typing.get_origin(choice)
        if isinstance(choice, type) and issubclass(choice, BaseModel):
            if part == choice.__name__:
                return choice
            if part in choice.model_fields:
                return choice.model_fields[part].annotation
        elif origin is dict:
            return typing.get_args(choice)[1]
        elif origin in (list, tuple):
            return typing.get_args(choice)[0]
    return None
