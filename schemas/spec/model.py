"""The `model` section: an acyclic graph of Keras layers, its outputs and how it is trained."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, SerializeAsAny, model_validator

from schemas.section import Section, validated
from schemas.spec.layers import NAME, Block, Layer
from schemas.spec.outputs import Output
from schemas.spec.preset import Preset
from schemas.spec.training import Training

Name = Annotated[str, Field(pattern=NAME)]


class Builder(Section):
    """A Python module beside the spec with `build_model(inputs, features)`."""

    module: str
    """The module's file, relative to the spec."""
    function: str = "build_model"
    """Takes {feature: KerasTensor} and {feature: Feature}, returns {output: KerasTensor} or a keras.Model."""


class Model(Section):
    """The Functional model: nodes in any order, outputs, training."""

    preset: SerializeAsAny[Preset] | None = None
    """A graph by its name in the literature, made of the features there are; `latticework model --expand` shows it."""
    layers: list[Layer] = []
    """The graph's nodes."""
    groups: dict[Name, list[str]] = {}
    """Names for several features or nodes."""
    blocks: dict[Name, Block] = {}
    """Sub-models that are used as layers."""
    defaults: dict[str, dict[str, Any]] = {}
    """Arguments for every layer of a class (`Dense`) or of nodes by a pattern (`deep_*`) that has none of its own."""
    module: str | None = None
    """A Python module beside the spec whose keras.layers.Layer classes can be used as layers."""
    builder: Builder | None = None
    """Builds the graph in Python instead of `layers`."""
    outputs: Annotated[dict[str, Output], Field(min_length=1)]
    """By the name of the label each predicts."""
    training: Training = Training()
    """How it is fitted."""

    @model_validator(mode="before")
    @classmethod
    def _resolve_preset(cls, data: Any) -> Any:
        preset = data.get("preset") if isinstance(data, dict) else None
        if isinstance(preset, dict) and preset.get("name") in Preset.known:
            return {**data, "preset": validated(Preset.known[preset["name"]], preset, "preset")}
        return data

    @model_validator(mode="after")
    def _one_source_of_the_graph(self) -> Model:
        if self.builder is not None and (self.layers or self.preset is not None):
            raise ValueError("`builder` builds the whole graph; give either it, or `layers` and `preset`")
        if self.builder is None and not self.layers and self.preset is None:
            raise ValueError("give `layers`, a `preset` or a `builder`")
        return self

    @property
    def module_file(self) -> str | None:
        """The Python module beside the spec that the model needs, of layers or of the builder."""
        return self.builder.module if self.builder is not None else self.module

    def members(self, name: str) -> list[str]:
        """What a name stands for: the members of a group, or itself."""
        return self.groups.get(name, [name])
