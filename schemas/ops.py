"""What a transform op is. The ops themselves live in `components/transform/ops`, one file a family."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from schemas.section import Section

Kind = Literal["numeric", "vector", "id", "ids", "unread"]
Values = Literal["real", "number", "binary", "id"]


@dataclass(frozen=True)
class Analysis:
    """A figure of a column over the train split, missing values left out.

    Attributes:
        of: "quantiles" gives float32 [buckets - 1], the others float32 [].
        buckets: into how many the quantiles part the rows.
    """

    of: Literal["mean", "variance", "min", "max", "quantiles"]
    buckets: int = 0


Figures = Mapping[Analysis, Any]
MEAN, VARIANCE, MIN, MAX = Analysis("mean"), Analysis("variance"), Analysis("min"), Analysis("max")


class Op(Section):
    """One op of tf.Transform, its options and what it yields.

    A subclass fixes `op: Literal["name"]`, declares its options as fields, and
    implements `apply`. It is found by its name as soon as its module is imported.
    """

    known: ClassVar[dict[str, type[Op]]] = {}
    kind: ClassVar[Kind] = "numeric"
    """"numeric" yields float32 [batch], "vector" float32 [batch, length]; "id" yields int64 [batch] with values in
    [0, size), "ids" int64 [batch, length], 0 where there is none."""

    label_values: ClassVar[Values] = "number"
    """What a label of this op is: "real" is more than 0 and 1, "binary" is nothing else, "number" may be either."""

    leaves_missing: ClassVar[bool] = False
    """Whether NaN is passed on to the ops that read this one; the feature itself gets the mean of the others there."""

    op: str

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        annotation = cls.model_fields["op"].annotation
        if typing.get_origin(annotation) is Literal:
            Op.known[typing.get_args(annotation)[0]] = cls

    def sources(self, name: str) -> list[str]:
        """The columns or features this op reads, for the feature called `name`."""
        raise NotImplementedError

    def analyses(self) -> tuple[Analysis, ...]:
        """The figures of the first input that `apply` needs; those of all ops are found together, in few passes."""
        return ()

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        """Builds the op's part of the preprocessing graph.

        Args:
            inputs: a tensor [batch] for each of `sources`: float32 with NaN, int64 with its
                smallest value, or string with "" where the value is missing.
            name: the feature's name, for vocabularies.
            figures: what `analyses` asked for.

        Returns:
            A tensor [batch] of the op's kind.
        """
        raise NotImplementedError

    def size(self, vocabulary_size: Callable[[str], int], name: str) -> int | None:
        """How many ids the op can yield; None for numeric kinds.

        Args:
            vocabulary_size: entries of the analysed vocabulary of a name.
            name: the feature's name.
        """
        return None

    def row_length(self) -> int | None:
        """How many values a row has, for the kinds "vector" and "ids"."""
        return None


class OneInput(Op):
    """An op on one column."""

    input: str | None = None
    """The column or feature to read; by default the one with the feature's own name."""

    def sources(self, name: str) -> list[str]:
        return [self.input or name]


class UnreadOp(Op):
    """Stands for an op with mistakes in it, so that the rest of the spec can be checked."""

    kind: ClassVar[Kind] = "unread"

    def sources(self, name: str) -> list[str]:
        return []
