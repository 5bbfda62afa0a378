"""The graph of a model: nodes, what they read, and blocks of nodes that are used as one layer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from schemas.section import Section
from schemas.source_map import Path

Inputs = str | list[str | list[str]] | dict[str, str | list[str]]
# Arguments that come from what a layer reads: how many ids a feature has.
FROM_FEATURE = {"Embedding": "input_dim", "CategoryEncoding": "num_tokens"}
NAME = r"^[A-Za-z][A-Za-z0-9_]*$"
_INDEXED = re.compile(r"^(.*)\[(\d+)\]$")


class Stacked(Section):
    """A layer of a Sequential: a class of keras.layers, its own arguments beside it."""

    model_config = ConfigDict(extra="allow")

    layer: str
    """A class of keras.layers, or of the module that the model names."""

    def arguments(self) -> dict[str, Any]:
        """The layer's own arguments, under their Keras names."""
        return dict(self.__pydantic_extra__ or {})


class Layer(Section):
    """One node: a layer, its own arguments beside it, and what it reads.

    `inputs` names features, groups or other nodes. With several, a layer that merges (Concatenate, Add …) is called
    on the list and any other on their concatenation; a list in the list is concatenated to one of its items. A
    mapping names the arguments of the call: {query: a, value: b}. `lstm[1]` is the second value of a layer that
    yields several.
    """

    model_config = ConfigDict(extra="allow")

    name: Annotated[str, Field(pattern=NAME)]
    """How other nodes and outputs refer to it."""
    layer: str | None = None
    """A class of keras.layers or of the model's module, a block, or Sequential."""
    share: str | None = None
    """A node whose layer, weights and all, is called again here."""
    inputs: Inputs | None = None
    """What the layer reads."""
    each: str | list[str] | None = None
    """What copies of the layer read, one each; a group stands for its members."""
    one: bool = False
    """Whether `each` calls one and the same layer instead of copies: shared weights, such as a shared embedding."""
    join: Literal["Concatenate", "Add", "Average", "Multiply", "Maximum", "Minimum"] = "Concatenate"
    """How the results of `each` are put together."""
    layers: list[Stacked] | None = None
    """The layers of a Sequential, in their order."""

    @model_validator(mode="after")
    def _fits_together(self) -> Layer:
        if (self.layer is None) == (self.share is None):
            raise ValueError("give either `layer` (a new one) or `share` (the node whose layer is called again)")
        if (self.inputs is None) == (self.each is None):
            raise ValueError("give either `inputs` or `each`")
        if not self.reads():
            raise ValueError("reads nothing; name at least one feature or node")
        if (self.layer == "Sequential") != (self.layers is not None):
            raise ValueError("`layers` belongs to `layer: Sequential`, and it needs them")
        if self.share is not None and self.arguments():
            raise ValueError(f"shares the layer of '{self.share}', so it has no arguments of its own")
        if self.one and self.each is None:
            raise ValueError("`one` belongs to `each`")
        return self

    def references(self) -> Iterator[tuple[Path, str]]:
        """What the node reads, with the place of each name: features, groups, nodes, or `node[1]`."""
        key = "inputs" if self.each is None else "each"
        value: Any = self.inputs if self.each is None else self.each
        yield from _references((key,), value)

    def reads(self) -> list[str]:
        """The names of what the node reads, in their order, and the node whose layer it shares."""
        names = [base_name(reference) for _, reference in self.references()]
        return names if self.share is None else [*names, self.share]

    def members_read(self, groups: Mapping[str, list[str]]) -> list[str]:
        """The same with the members of a group in the group's place."""
        return [member for read in self.reads() for member in groups.get(read, [read])]

    def arguments(self) -> dict[str, Any]:
        """The layer's own arguments, under their Keras names."""
        return dict(self.__pydantic_extra__ or {})


def _references(at: Path, value: Any) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield at, value
        return
    items = value.items() if isinstance(value, dict) else enumerate(value or ())
    for key, item in items:
        yield from _references((*at, key), item)


def base_name(reference: str) -> str:
    """The node of a reference: `lstm` of `lstm[1]`."""
    return indexed(reference)[0]


def indexed(reference: str) -> tuple[str, int | None]:
    """A reference in its parts: (`lstm`, 1) of `lstm[1]`, (`deep`, None) of `deep`."""
    found = _INDEXED.match(reference)
    return (found[1], int(found[2])) if found else (reference, None)


class Block(Section):
    """A sub-model that is used as a layer: each node with `layer: <its name>` gets one of its own."""

    inputs: Annotated[list[Annotated[str, Field(pattern=NAME)]], Field(min_length=1)]
    """How the block's nodes call what it is given, in the order of the node's inputs."""
    layers: Annotated[list[Layer], Field(min_length=1)]
    """The block's nodes."""
    output: str
    """The node whose value is the block's."""
