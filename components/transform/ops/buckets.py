"""Numbers to buckets, by given boundaries or by quantiles of the train split."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from components.transform.ops.missing import as_float
from schemas.ops import Analysis, Figures, Kind, OneInput


def _assign(column: Any, boundaries: Any) -> Any:
    """Bucket of each value [batch], the number of boundaries that are <= it; the last bucket is for missing."""
    import tensorflow as tf

    bucket = tf.searchsorted(boundaries, column, side="right", out_type=tf.int64)
    missing = tf.size(boundaries, out_type=tf.int64) + 1
    return tf.where(tf.math.is_nan(column), missing, bucket)


class Buckets(OneInput):
    """The bucket a value falls in: bucket i holds boundaries[i-1] <= x < boundaries[i]; one more for missing."""

    op: Literal["buckets"]
    kind: ClassVar[Kind] = "id"
    boundaries: Annotated[list[float], Field(min_length=1)]
    """Rising numbers between the buckets."""

    @model_validator(mode="after")
    def _rising(self) -> Buckets:
        if any(a >= b for a, b in itertools.pairwise(self.boundaries)):
            raise ValueError("boundaries must rise; sort them and remove what is there twice")
        return self

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        import tensorflow as tf

        return _assign(as_float(inputs[0]), tf.constant(self.boundaries, tf.float32))

    def size(self, vocabulary_size: Callable[[str], int], name: str) -> int:
        return len(self.boundaries) + 2


class QuantileBuckets(OneInput):
    """Buckets that hold about the same number of train rows each; one more for missing."""

    op: Literal["quantile_buckets"]
    kind: ClassVar[Kind] = "id"
    buckets: Annotated[int, Field(ge=2, le=10_000)]
    """How many."""

    def analyses(self) -> tuple[Analysis, ...]:
        return (Analysis("quantiles", self.buckets),)

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        return _assign(as_float(inputs[0]), figures[Analysis("quantiles", self.buckets)])

    def size(self, vocabulary_size: Callable[[str], int], name: str) -> int:
        return self.buckets + 1
