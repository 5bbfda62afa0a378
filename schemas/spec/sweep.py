"""The `sweep` section: which values of the spec are searched, and what makes one better than another."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from schemas.section import Section


class Choice(Section):
    """One of some values, of any kind."""

    choices: Annotated[list[Any], Field(min_length=1)]
    """The values: numbers, texts, lists such as [128, 64], mappings such as {L2: 0.001}."""

    def edges(self) -> list[Any]:
        """Values that stand for all, to be checked before anything runs."""
        return self.choices


class Range(Section):
    """A number from `low` to `high`, both among them; whole where both are."""

    low: int | float
    """The smallest."""
    high: int | float
    """The largest."""
    log: bool = False
    """Whether it is searched by its logarithm: for rates and strengths."""
    step: Annotated[int | float, Field(gt=0)] | None = None
    """Distance between values; not with `log`."""

    @model_validator(mode="after")
    def _in_order(self) -> Range:
        if self.low >= self.high:
            raise ValueError(f"low {self.low} must be less than high {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("a logarithmic range begins above 0 and has no step")
        return self

    def edges(self) -> list[Any]:
        """Values that stand for all, to be checked before anything runs."""
        return [self.low, self.high]


class Sweep(Section):
    """A search over values of the spec, each trial a training judged on the eval split."""

    space: Annotated[dict[str, Choice | Range], Field(min_length=1)]
    """By dotted key of the spec (model.training.batch_size, model.layers.deep_1.units), what it can be."""
    trials: Annotated[int, Field(ge=1)] = 20
    """How many."""
    monitor: str = "val_loss"
    """A logged value, such as val_loss or val_<output>_auc; the best epoch of a trial counts."""
    mode: Literal["min", "max"] = "min"
    """Whether smaller or larger is better."""
    parallel: Annotated[int, Field(ge=1)] = 1
    """Trials at once."""
    prune: bool = True
    """Whether a trial that is worse than the median of those before it, at the same epoch, is ended early."""
    warmup_epochs: Annotated[int, Field(ge=0)] = 1
    """Epochs before a trial can be ended."""
