"""Missing values: filled, or told as a feature of their own."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from schemas.dataset import MISSING_INT
from schemas.ops import MEAN, Analysis, Figures, Kind, OneInput, Values


def is_missing(column: Any) -> Any:
    """Where a dense column [batch] has no value: NaN, the smallest int64, or ""."""
    import tensorflow as tf

    if column.dtype.is_floating:
        return tf.math.is_nan(column)
    return tf.equal(column, "" if column.dtype == tf.string else tf.constant(MISSING_INT, column.dtype))


def as_float(column: Any) -> Any:
    """A numeric column [batch] as float32, NaN where the value is missing; texts are parsed."""
    import tensorflow as tf

    if column.dtype == tf.string:
        column = tf.strings.to_number(tf.where(tf.equal(column, ""), "nan", column))
    if column.dtype.is_floating:
        return tf.cast(column, tf.float32)
    return tf.where(is_missing(column), tf.constant(float("nan")), tf.cast(column, tf.float32))


class Fill(OneInput):
    """The value itself, missing ones replaced by a number or by the mean of the others."""

    op: Literal["fill"]
    value: float | Literal["mean"] = "mean"
    """What stands where nothing was."""

    def analyses(self) -> tuple[Analysis, ...]:
        return (MEAN,) if self.value == "mean" else ()

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        import tensorflow as tf

        column = as_float(inputs[0])
        return tf.where(tf.math.is_nan(column), figures[MEAN] if self.value == "mean" else self.value, column)


class IsMissing(OneInput):
    """1 where the value is missing, 0 elsewhere."""

    op: Literal["is_missing"]
    label_values: ClassVar[Values] = "binary"
    kind: ClassVar[Kind] = "numeric"

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        import tensorflow as tf

        return tf.cast(is_missing(inputs[0]), tf.float32)
