"""Texts that hold several values: words to ids, numbers to vectors. What the model reads has a fixed length a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from components.transform.ops.categories import as_text
from schemas.dataset import VALUE_END
from schemas.ops import Figures, Kind, OneInput


def _parts(column: Any, delimiter: str, length: int) -> Any:
    """The first `length` pieces of each text [batch] as strings [batch, length], "" where there are fewer."""
    import tensorflow as tf

    text = as_text(column)
    if not delimiter:
        # A list of the source, each value with its end behind it; any other text is split where it has white space.
        spaced = tf.strings.regex_replace(tf.strings.strip(text), r"\s+", VALUE_END)
        text = tf.where(tf.strings.regex_full_match(text, f"(?s).*{VALUE_END}"), text, spaced)
    pieces = tf.strings.split(text, sep=delimiter or VALUE_END)
    return pieces[:, :length].to_tensor("", shape=[None, length])


class Tokens(OneInput):
    """The words of a text as ids, in their order: a sequence, or a set where their order does not matter.

    Ids are 1 and more, by a vocabulary of the train split, the most frequent first, or by hash (FarmHash64); 0 stands
    where a row has fewer words. A column with several values a row (`red|green`) is such a text too.
    """

    op: Literal["tokens"]
    kind: ClassVar[Kind] = "ids"
    length: Annotated[int, Field(ge=1)]
    """The most words of a row that are read."""
    delimiter: str = ""
    """What stands between two words; by default any white space, and a list of the source is its values."""
    lower: bool = False
    """Whether capitals are the same words."""
    top_k: Annotated[int, Field(ge=1)] | None = None
    """Keep only so many words."""
    frequency_threshold: Annotated[int, Field(ge=1)] | None = None
    """Keep only words that stand at least so many times in the train rows."""
    buckets: Annotated[int, Field(ge=2)] | None = None
    """Hash the words into so many ids instead."""

    @model_validator(mode="after")
    def _hash_or_vocabulary(self) -> Tokens:
        if self.buckets is not None and (self.top_k or self.frequency_threshold):
            raise ValueError("give either `buckets` (hash), or `top_k` and/or `frequency_threshold` (vocabulary)")
        return self

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        import tensorflow as tf
        import tensorflow_transform as tft

        text = as_text(inputs[0])
        words = _parts(tf.strings.lower(text) if self.lower else text, self.delimiter, self.length)
        if self.buckets is not None:
            ids = tf.strings.to_hash_bucket_fast(words, self.buckets)
        else:
            ids = tft.compute_and_apply_vocabulary(
                words, top_k=self.top_k, frequency_threshold=self.frequency_threshold, num_oov_buckets=1,
                vocab_filename=name,
            )  # fmt: skip
        return tf.where(tf.equal(words, ""), tf.constant(0, tf.int64), ids + 1)

    def size(self, vocabulary_size: Callable[[str], int], name: str) -> int:
        return 1 + (self.buckets if self.buckets is not None else vocabulary_size(name) + 1)

    def row_length(self) -> int:
        return self.length


class Vector(OneInput):
    """Numbers of a text (`0.1 0.2 0.3`) as a vector: a pre-computed embedding, or the weights of tokens."""

    op: Literal["vector"]
    kind: ClassVar[Kind] = "vector"
    length: Annotated[int, Field(ge=1)]
    """How many; a row with fewer is filled up, more are left out."""
    delimiter: str = ""
    """What stands between two numbers; by default any white space, and a list of the source is its values."""
    fill: float = 0.0
    """What stands where a row has fewer."""

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        import tensorflow as tf

        numbers = _parts(inputs[0], self.delimiter, self.length)
        return tf.strings.to_number(tf.where(tf.equal(numbers, ""), str(self.fill), numbers))

    def row_length(self) -> int:
        return self.length
