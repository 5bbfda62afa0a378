"""Numeric scaling. A missing value becomes the mean of the others before it is scaled."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from components.transform.ops.missing import as_float, mean_of_present
from schemas.ops import OneInput


def _present(column: Any) -> Any:
    import tensorflow as tf

    return tf.boolean_mask(column, ~tf.math.is_nan(column))


def filled(column: Any) -> Any:
    """A column [batch] as float32, missing values at the mean of the others."""
    import tensorflow as tf

    column = as_float(column)
    return tf.where(tf.math.is_nan(column), mean_of_present(column), column)


class ZScore(OneInput):
    """(x - mean) / standard deviation, both of the train split; 0 where the deviation is 0."""

    op: Literal["z_score"]

    def apply(self, inputs: list[Any], name: str) -> Any:
        import tensorflow as tf
        import tensorflow_transform as tft

        column = as_float(inputs[0])
        mean = mean_of_present(column)
        deviation = tf.sqrt(tf.cast(tft.var(_present(column)), tf.float32))
        column = tf.where(tf.math.is_nan(column), mean, column)
        return tf.math.divide_no_nan(column - mean, deviation)


class MinMax(OneInput):
    """Scaled to [low, high] by the smallest and largest value of the train split."""

    op: Literal["min_max"]
    low: float = 0.0
    """Where the smallest value goes."""
    high: float = 1.0
    """Where the largest value goes."""

    @model_validator(mode="after")
    def _in_order(self) -> MinMax:
        if self.low >= self.high:
            raise ValueError(f"low {self.low} must be less than high {self.high}")
        return self

    def apply(self, inputs: list[Any], name: str) -> Any:
        import tensorflow as tf
        import tensorflow_transform as tft

        column = as_float(inputs[0])
        smallest, largest = tft.min(_present(column)), tft.max(_present(column))
        column = tf.where(tf.math.is_nan(column), mean_of_present(column), column)
        share = tf.math.divide_no_nan(column - smallest, largest - smallest)
        return self.low + share * (self.high - self.low)


class Scale01(OneInput):
    """Scaled to [0, 1] by the smallest and largest value of the train split."""

    op: Literal["scale_0_1"]

    def apply(self, inputs: list[Any], name: str) -> Any:
        return MinMax(op="min_max").apply(inputs, name)


class Log1p(OneInput):
    """log(1 + x); values below 0 count as 0."""

    op: Literal["log1p"]

    def apply(self, inputs: list[Any], name: str) -> Any:
        import tensorflow as tf

        return tf.math.log1p(tf.maximum(filled(inputs[0]), 0.0))


class Clip(OneInput):
    """Values outside [low, high] become its nearer end."""

    op: Literal["clip"]
    low: float
    """The smallest value let through."""
    high: float
    """The largest value let through."""

    @model_validator(mode="after")
    def _in_order(self) -> Clip:
        if self.low >= self.high:
            raise ValueError(f"low {self.low} must be less than high {self.high}")
        return self

    def apply(self, inputs: list[Any], name: str) -> Any:
        import tensorflow as tf

        return tf.clip_by_value(filled(inputs[0]), self.low, self.high)
