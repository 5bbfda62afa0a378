"""How a model is fitted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from schemas.section import Section


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
    """A Keras optimizer by class name, its own arguments beside it (clipnorm, weight_decay, use_ema …)."""

    model_config = ConfigDict(extra="allow")

    name: str = "Adam"
    """A class of keras.optimizers."""

    def arguments(self) -> dict[str, Any]:
        """The optimizer's arguments, under their Keras names."""
        return dict(self.__pydantic_extra__ or {})


class PartOptimizer(Optimizer):
    """The optimizer of a part of the graph."""

    layers: Annotated[list[str], Field(min_length=1)]
    """Nodes, by name or pattern (`wide_*`), whose weights it moves."""


class Training(Section):
    """How the model is fitted."""

    epochs: Annotated[int, Field(ge=1)] = 10
    """The most epochs to train."""
    batch_size: Annotated[int, Field(ge=1)] = 1024
    """Rows a step."""
    optimizer: Optimizer = Optimizer()
    """What moves the weights."""
    optimizers: list[PartOptimizer] = []
    """Optimizers of parts of the graph; `optimizer` moves the rest."""
    early_stopping: EarlyStopping | None = EarlyStopping()
    """When to stop before `epochs`; null trains them all."""
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    """What layers compute in; weights and outputs stay float32."""
    xla: bool = False
    """Whether XLA compiles the training step."""
    steps_per_execution: Annotated[int, Field(ge=1)] = 32
    """Steps run in one call of the compiled training function."""
    memory_rows: Annotated[int, Field(ge=1024)] = 1_000_000
    """Rows held in memory at once; larger data is read in windows of this many rows, shuffled within."""
    shuffle: bool = True
    """Whether the order of rows changes each epoch."""
