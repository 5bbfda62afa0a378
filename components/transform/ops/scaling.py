"""Numeric scaling. A missing value becomes the mean of the others."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import model_validator

from components.transform.ops.missing import as_float
from schemas.ops import MAX, MEAN, MIN, VARIANCE, Analysis, Figures, OneInput, Values


class ZScore(OneInput):
    """(x - mean) / standard deviation, both of the train split; 0 where the deviation is 0 or x is missing."""

    op: Literal["z_score"]
    label_values: ClassVar[Values] = "real"

    def analyses(self) -> tuple[Analysis, ...]:
        return (MEAN, VARIANCE)

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        import tensorflow as tf

        column = as_float(inputs[0])
        scaled = tf.math.divide_no_nan(column - figures[MEAN], tf.sqrt(figures[VARIANCE]))
        return tf.where(tf.math.is_nan(column), 0.0, scaled)


class _Range(OneInput):
    low: float
    high: float

    @model_validator(mode="after")
    def _in_order(self) -> _Range:
        if self.low >= self.high:
            raise ValueError(f"low {self.low} must be less than high {self.high}")
        return self


class MinMax(_Range):
    """Scaled to [low, high] by the smallest and largest value of the train split; missing is their mean, scaled."""

    op: Literal["min_max"]
    low: float = 0.0
    """Where the smallest value goes."""
    high: float = 1.0
    """Where the largest value goes."""

    def analyses(self) -> tuple[Analysis, ...]:
        return (MIN, MAX, MEAN)

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        return _between(as_float(inputs[0]), figures, self.low, self.high)


class Scale01(OneInput):
    """Scaled to [0, 1] by the smallest and largest value of the train split; missing is their mean, scaled."""

    op: Literal["scale_0_1"]

    def analyses(self) -> tuple[Analysis, ...]:
        return (MIN, MAX, MEAN)

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        return _between(as_float(inputs[0]), figures, 0.0, 1.0)


def _between(column: Any, figures: Figures, low: float, high: float) -> Any:
    import tensorflow as tf

    column = tf.where(tf.math.is_nan(column), figures[MEAN], column)
    share = tf.math.divide_no_nan(column - figures[MIN], figures[MAX] - figures[MIN])
    return low + share * (high - low)


class Log1p(OneInput):
    """log(1 + x); values below 0 count as 0."""

    op: Literal["log1p"]
    label_values: ClassVar[Values] = "real"
    leaves_missing: ClassVar[bool] = True

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        import tensorflow as tf

        column = as_float(inputs[0])
        return tf.where(tf.math.is_nan(column), column, tf.math.log1p(tf.maximum(column, 0.0)))


class Clip(_Range):
    """Values outside [low, high] become its nearer end."""

    op: Literal["clip"]
    leaves_missing: ClassVar[bool] = True
    low: float
    """The smallest value let through."""
    high: float
    """The largest value let through."""

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        import tensorflow as tf

        column = as_float(inputs[0])
        return tf.where(tf.math.is_nan(column), column, tf.clip_by_value(column, self.low, self.high))
