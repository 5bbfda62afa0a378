"""The `model` section: an acyclic graph of Keras layers, its outputs and how it is trained."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from schemas.section import Section


class Layer(Section):
    """One node: a Keras layer by its class name, its own arguments beside it, and what it reads.

    `inputs` names features or other layers; with several, the layer is called on the list
    (Concatenate, Add …) or, where it takes one tensor, on their concatenation. `each` applies
    a copy of the layer to every input and puts the results together with `join`.
    """

    model_config = ConfigDict(extra="allow")

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
    """How other layers and outputs refer to it."""
    layer: str
    """A class of keras.layers."""
    inputs: str | list[str] | None = None
    """What the layer reads."""
    each: list[str] | None = None
    """What copies of the layer read, one each."""
    join: Literal["Concatenate", "Add", "Average", "Multiply"] = "Concatenate"
    """How the results of `each` are put together."""

    @model_validator(mode="after")
    def _one_kind_of_input(self) -> Layer:
        if (self.inputs is None) == (self.each is None):
            raise ValueError("give either `inputs` or `each`")
        if not self.reads():
            raise ValueError("reads nothing; name at least one feature or layer")
        return self

    def reads(self) -> list[str]:
        """The names this layer reads, in order."""
        if self.each is not None:
            return list(self.each)
        return [self.inputs] if isinstance(self.inputs, str) else list(self.inputs or [])

    def arguments(self) -> dict[str, Any]:
        """The layer's own arguments, under their Keras names."""
        return dict(self.__pydantic_extra__ or {})


class Output(Section):
    """One output of the model: the layer that yields it and the label it learns."""

    layer: str
    """The layer whose value, one number a row, is the prediction."""
    loss: str
    """A loss of keras.losses, by its snake_case or class name."""
    loss_arguments: dict[str, Any] = {}
    """Arguments of the loss, under their Keras names."""
    loss_weight: Annotated[float, Field(gt=0)] = 1.0
    """Its share in the sum of losses."""
    metrics: list[str] = []
    """Metrics of keras.metrics shown while training, by class name."""


class EarlyStopping(Section):
    """Stops when the eval split no longer gets better, and keeps the best weights."""

    monitor: str = "val_loss"
    """A logged value, such as val_loss or val_<output>_auc."""
    patience: Annotated[int, Field(ge=0)] = 1
    """Epochs without improvement before training stops."""
    min_delta: Annotated[float, Field(ge=0)] = 0.0
    """The smallest change that counts."""
    mode: Literal["min", "max"] = "min"
    """Whether smaller or larger is better."""


class Optimizer(Section):
    """A Keras optimizer by class name, its own arguments beside it."""

    model_config = ConfigDict(extra="allow")

    name: str = "Adam"
    """A class of keras.optimizers."""

    def arguments(self) -> dict[str, Any]:
        """The optimizer's arguments, under their Keras names."""
        return dict(self.__pydantic_extra__ or {})


class Training(Section):
    """How the model is fitted."""

    epochs: Annotated[int, Field(ge=1)] = 10
    """The most epochs to train."""
    batch_size: Annotated[int, Field(ge=1)] = 1024
    """Rows a step."""
    optimizer: Optimizer = Optimizer()
    """What moves the weights."""
    early_stopping: EarlyStopping | None = EarlyStopping()
    """When to stop before `epochs`; null trains them all."""
    steps_per_execution: Annotated[int, Field(ge=1)] = 32
    """Steps run in one call of the compiled training function."""
    memory_rows: Annotated[int, Field(ge=1024)] = 1_000_000
    """Rows held in memory at once; larger data is read in windows of this many rows, shuffled within."""
    shuffle: bool = True
    """Whether the order of rows changes each epoch."""


class Builder(Section):
    """A Python module beside the spec with `build_model(inputs, features)`."""

    module: str
    """The module's file, relative to the spec."""
    function: str = "build_model"
    """Takes {feature: KerasTensor} and {feature: Feature}, returns {output: KerasTensor} or a keras.Model."""


class Model(Section):
    """The Functional model: layers in any order, outputs, training."""

    layers: list[Layer] = []
    """The graph's nodes."""
    builder: Builder | None = None
    """Builds the graph in Python instead of `layers`."""
    outputs: Annotated[dict[str, Output], Field(min_length=1)]
    """By the name of the label each predicts."""
    training: Training = Training()
    """How it is fitted."""

    @model_validator(mode="after")
    def _layers_or_builder(self) -> Model:
        if bool(self.layers) == (self.builder is not None):
            raise ValueError("give either `layers` or `builder`")
        return self


def is_classification(loss: str) -> bool:
    """Whether a loss is of a yes/no label, so that the output is a probability."""
    return loss.replace("_", "").lower() in {"binarycrossentropy", "binaryfocalcrossentropy"}


def metric_name(metric: str) -> str:
    """What the log calls a metric: `RootMeanSquaredError` is root_mean_squared_error, `AUC` auc."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", metric).lower()


def logged_names(model: Model) -> list[str]:
    """What the log of a training holds for each epoch, as Keras names it."""
    several = len(model.outputs) > 1
    names = {"loss"}
    for label, output in model.outputs.items():
        prefix = f"{label}_" if several else ""
        names |= {prefix + metric for metric in [*map(metric_name, output.metrics), *(["loss"] if several else [])]}
    return sorted(names | {f"val_{name}" for name in names})
