"""What a transform op is. The ops themselves live in `components/transform/ops`, one file a family."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from schemas.section import Section

Kind = Literal["numeric", "id"]


class Op(Section):
    """One op of tf.Transform, its options and what it yields.

    A subclass fixes `op: Literal["name"]`, declares its options as fields, and
    implements `apply`. It is found by its name as soon as its module is imported.
    """

    known: ClassVar[dict[str, type[Op]]] = {}
    kind: ClassVar[Kind] = "numeric"
    """"numeric" yields float32 [batch]; "id" yields int64 [batch] with values in [0, size)."""

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

    def apply(self, inputs: list[Any], name: str) -> Any:
        """Builds the op's part of the preprocessing graph.

        Args:
            inputs: a tensor [batch] for each of `sources`: float32 with NaN, int64 with its
                smallest value, or string with "" where the value is missing.
            name: the feature's name, for vocabularies.

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


class OneInput(Op):
    """An op on one column."""

    input: str | None = None
    """The column or feature to read; by default the one with the feature's own name."""

    def sources(self, name: str) -> list[str]:
        return [self.input or name]
