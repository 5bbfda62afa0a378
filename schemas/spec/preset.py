"""What a preset is. The presets themselves live in `components/train/presets`, one file each."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from schemas.artifacts import Feature
from schemas.errors import Mistake, nearest
from schemas.section import Section, validate_section
from schemas.source_map import Path, SourceMap
from schemas.spec.outputs import Task

Units = list[Annotated[int, Field(ge=1)]]
Rate = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True)
class Target:
    """What an output predicts: a number, a probability, or one for each of `classes`."""

    task: Task
    classes: int | None = None


@dataclass
class Expanded:
    """A preset in the graph language.

    Attributes:
        layers: nodes, as a spec has them.
        heads: by output, the node that predicts it.
        optimizers: of parts of the graph, as `model.training.optimizers` has them.
        blocks: sub-models.
    """

    layers: list[dict[str, Any]] = field(default_factory=list)
    heads: dict[str, str] = field(default_factory=dict)
    optimizers: list[dict[str, Any]] = field(default_factory=list)
    blocks: dict[str, Any] = field(default_factory=dict)


class Preset(Section):
    """A graph by its name in the literature.

    A subclass fixes `name: Literal["name"]`, declares its options as fields, and implements `expand`. It is found by
    its name as soon as its module is imported.
    """

    known: ClassVar[dict[str, type[Preset]]] = {}
    paper: ClassVar[str]
    """Authors, title, year."""

    name: str
    features: list[str] | None = None
    """What it reads; by default all features that no node reads by itself, without numbers that others are made of."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        annotation = cls.model_fields["name"].annotation
        if typing.get_origin(annotation) is Literal:
            Preset.known[typing.get_args(annotation)[0]] = cls

    def expand(self, features: Mapping[str, Feature], outputs: Mapping[str, Target]) -> Expanded:
        """The graph over these features.

        Args:
            features: what it reads, by name.
            outputs: what it predicts, by label.

        Raises:
            DataError: the features are not what the preset needs.
        """
        raise NotImplementedError


def preset_mistakes(data: Any, source: SourceMap, at: Path) -> list[Mistake]:
    """All mistakes in the preset of a raw `model` section that stands at `at`."""
    raw = data.get("preset") if isinstance(data, dict) else None
    path = (*at, "preset")
    if raw is None:
        return []
    if not isinstance(raw, dict) or "name" not in raw:
        return [source.mistake(path, f"found {raw!r}; expected a mapping such as {{name: wide_deep}}")]
    if raw["name"] not in Preset.known:
        return [source.mistake((*path, "name"), f"unknown preset {raw['name']!r}{nearest(raw['name'], Preset.known)}")]
    return validate_section(Preset.known[raw["name"]], raw, source, path)[1]
