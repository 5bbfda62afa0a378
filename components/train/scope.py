"""What the nodes of a graph can read, and the names that are taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.spec.layers import base_name, indexed


@dataclass(frozen=True)
class Value:
    """What a node yields: a symbolic tensor or several, the Python of it, and of ids how many there are."""

    tensor: Any
    code: str
    size: int | None = None


@dataclass(frozen=True)
class Scope:
    """What a node can read."""

    values: Mapping[str, Value]
    groups: Mapping[str, list[str]]

    def members(self, names: str | list[str]) -> list[tuple[Value, str]]:
        """Each value that names, groups resolved, lead to, with its name."""
        listed = [names] if isinstance(names, str) else names
        return [(self._value(m), base_name(m)) for name in listed for m in self.groups.get(name, [name])]

    def values_of(self, names: str | list[str]) -> list[Value]:
        """Each value that names, groups resolved, lead to."""
        return [value for value, _ in self.members(names)]

    def _value(self, reference: str) -> Value:
        name, index = indexed(reference)
        value = self.values[name]
        if index is None:
            return value
        if not isinstance(value.tensor, list | tuple):
            raise ValueError(f"'{name}' yields one value; `{reference}` asks for several")
        return Value(value.tensor[index], f"{value.code}[{index}]")


def unique(name: str, taken: set[str]) -> str:
    """The name, with a number behind it where it is taken already; it is taken from now on."""
    found, count = name, 2
    while found in taken:
        found, count = f"{name}_{count}", count + 1
    taken.add(found)
    return found


def shape_text(value: Value) -> str:
    """The shape of a value for a person, or of each where there are several."""
    tensors = value.tensor if isinstance(value.tensor, list | tuple) else [value.tensor]
    return ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
