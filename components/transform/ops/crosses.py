"""Feature crosses: one id for a combination of values (Cheng et al., "Wide & Deep Learning", 2016)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from components.transform.ops.categories import Vocabulary, as_text
from schemas.ops import Figures, Kind, Op

SEPARATOR = "\x1f"


class Cross(Op):
    """An id for each combination of the inputs' values, by hash or, exactly, by a vocabulary of combinations."""

    op: Literal["cross"]
    kind: ClassVar[Kind] = "id"
    inputs: Annotated[list[str], Field(min_length=2)]
    """Columns or features; floats are not crossed, put them into buckets first."""
    buckets: Annotated[int, Field(ge=2)] | None = None
    """Hash the combinations into so many ids."""
    top_k: Annotated[int, Field(ge=1)] | None = None
    """Keep the so many most frequent combinations of the train split."""
    frequency_threshold: Annotated[int, Field(ge=1)] | None = None
    """Keep the combinations that stand in at least so many train rows."""

    @model_validator(mode="after")
    def _hash_or_vocabulary(self) -> Cross:
        vocabulary = self.top_k is not None or self.frequency_threshold is not None
        if (self.buckets is not None) == vocabulary:
            raise ValueError("give either `buckets` (hash), or `top_k` and/or `frequency_threshold` (vocabulary)")
        return self

    def sources(self, name: str) -> list[str]:
        return list(self.inputs)

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        import tensorflow as tf

        combination = tf.strings.join([as_text(column) for column in inputs], separator=SEPARATOR)
        if self.buckets is not None:
            return tf.strings.to_hash_bucket_fast(combination, self.buckets)
        return self._vocabulary().apply([combination], name, figures)

    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(op="vocabulary", top_k=self.top_k, frequency_threshold=self.frequency_threshold)

    def size(self, vocabulary_size: Callable[[str], int], name: str) -> int:
        return self.buckets if self.buckets is not None else self._vocabulary().size(vocabulary_size, name)
