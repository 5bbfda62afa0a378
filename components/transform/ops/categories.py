"""Categories to ids: a vocabulary of the train split, a hash, or ids that are there already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from components.transform.ops.missing import is_missing
from schemas.ops import Figures, Kind, OneInput


def as_text(column: Any) -> Any:
    """A column [batch] as strings, "" where the value is missing."""
    import tensorflow as tf

    if column.dtype == tf.string:
        return column
    return tf.where(is_missing(column), "", tf.strings.as_string(column))


class Vocabulary(OneInput):
    """The position of a value among those of the train split, the most frequent first; then the OOV buckets.

    A missing value is the value "" and counts as any other.
    """

    op: Literal["vocabulary"]
    kind: ClassVar[Kind] = "id"
    also: list[str] = []
    """Columns whose values are in the vocabulary too: features that name each other have the same ids."""
    top_k: Annotated[int, Field(ge=1)] | None = None
    """Keep only so many values."""
    frequency_threshold: Annotated[int, Field(ge=1)] | None = None
    """Keep only values that stand in at least so many train rows."""
    oov_buckets: Annotated[int, Field(ge=1)] = 1
    """Ids for values that are not in the vocabulary, shared among them by hash."""

    def sources(self, name: str) -> list[str]:
        return [*super().sources(name), *self.also]

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        import tensorflow as tf
        import tensorflow_transform as tft

        # tf.Transform drops "" from vocabularies; a byte no text starts with keeps it.
        marked = [_marked(as_text(column)) for column in inputs]
        found = tft.vocabulary(
            tf.concat(marked, axis=0),
            top_k=self.top_k,
            frequency_threshold=self.frequency_threshold,
            vocab_filename=name,
        )
        return tft.apply_vocabulary(marked[0], found, num_oov_buckets=self.oov_buckets)

    def size(self, vocabulary_size: Callable[[str], int], name: str) -> int:
        return vocabulary_size(name) + self.oov_buckets


def _marked(text: Any) -> Any:
    import tensorflow as tf

    return tf.where(tf.equal(text, ""), "\x01", tf.strings.regex_replace(text, "[\n\r]", " "))


class Lookup(OneInput):
    """The position of a value in a given list; then the OOV buckets, where a missing value goes too."""

    op: Literal["lookup"]
    kind: ClassVar[Kind] = "id"
    values: Annotated[list[str], Field(min_length=1)]
    """The values in the order of their ids."""
    file: str | None = None
    """Instead of `values`, a text file beside the spec with one value a line."""
    oov_buckets: Annotated[int, Field(ge=1)] = 1
    """Ids for other values, shared among them by hash."""

    @model_validator(mode="after")
    def _each_once(self) -> Lookup:
        twice = next((value for value, count in Counter(self.values).items() if count > 1), None)
        if twice is not None:
            raise ValueError(f"the value '{twice}' stands in the list twice")
        return self

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        import tensorflow as tf
        import tensorflow_transform as tft

        def table() -> Any:
            ids = tf.range(len(self.values), dtype=tf.int64)
            listed = tf.lookup.KeyValueTensorInitializer(tf.constant(self.values), ids)
            return tf.lookup.StaticVocabularyTable(listed, self.oov_buckets)

        return tft.make_and_track_object(table, name=f"lookup_{name}").lookup(as_text(inputs[0]))

    def size(self, vocabulary_size: Callable[[str], int], name: str) -> int:
        return len(self.values) + self.oov_buckets


class HashBuckets(OneInput):
    """A hash of the value, modulo the number of buckets (FarmHash64)."""

    op: Literal["hash"]
    kind: ClassVar[Kind] = "id"
    buckets: Annotated[int, Field(ge=2)]
    """How many ids; different values may share one."""

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        import tensorflow as tf

        return tf.strings.to_hash_bucket_fast(as_text(inputs[0]), self.buckets)

    def size(self, vocabulary_size: Callable[[str], int], name: str) -> int:
        return self.buckets


class Identity(OneInput):
    """Integers in [0, size) as they are; any other value, and a missing one, is `size`."""

    op: Literal["identity"]
    kind: ClassVar[Kind] = "id"
    values: Annotated[int, Field(ge=1)]
    """How many ids there are, without the one for other values."""

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        import tensorflow as tf

        column = inputs[0]
        if column.dtype.is_floating:
            column = tf.where(tf.math.is_nan(column), -1.0, column)
        ids = tf.cast(column, tf.int64)
        return tf.where((ids >= 0) & (ids < self.values), ids, self.values)

    def size(self, vocabulary_size: Callable[[str], int], name: str) -> int:
        return self.values + 1
