"""How a model is fitted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

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


class Checkpoints(Section):
    """What training on several workers goes on from, when one was lost."""

    steps: Annotated[int, Field(ge=1)] = 500
    """Steps between two."""
    folder: str = ""
    """Where they are kept, seen by every worker; by default beside the model, while it is trained."""
    restarts: Annotated[int, Field(ge=0)] = 3
    """How often workers that were lost are started again."""


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
    workers: Annotated[int, Field(ge=1)] = 1
    """Processes that train together, each on its share of the files: the same batches, divided."""
    devices: Annotated[int, Field(ge=1)] = 1
    """GPUs of this machine that one process trains on, each batch divided among them."""
    checkpoints: Checkpoints = Checkpoints()
    """With several workers, how often and where they are written."""

    @model_validator(mode="after")
    def _what_several_workers_can(self) -> Training:
        if self.workers > 1 and self.devices > 1:
            raise ValueError("`devices` is of one worker; with several, start a worker a GPU: `workers` alone")
        if self.batch_size % self.devices:
            raise ValueError(f"batch_size {self.batch_size} cannot be divided among {self.devices} devices evenly")
        if self.workers > 1 and self.optimizer.arguments().get("use_ema"):
            raise ValueError("`use_ema` is of one worker; averaged weights are not kept by several")
        if self.workers > 1 and self.precision == "mixed_float16":
            raise ValueError("mixed_float16 is of one worker; mixed_bfloat16 needs no scaled loss")
        return self
