"""Which slices a row belongs to: values of columns, ranges of numbers, and pairs of both."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.spec.evaluation import Buckets, SlicedBy, sliced_column

OVERALL = "overall"
Key = tuple[tuple[str, str], ...]


def columns_of(slices: Sequence[Sequence[SlicedBy]]) -> list[list[str]]:
    """The columns of each kind of slice."""
    return [[sliced_column(part) for part in parts] for parts in slices]


def slices_of(
    batch: pa.RecordBatch | pa.Table, slices: Sequence[Sequence[SlicedBy]]
) -> Iterator[tuple[Key, npt.NDArray[np.int64]]]:
    """Every slice that the rows have some of, as TFMA's key, with the positions of those rows."""
    texts: dict[str, npt.NDArray[np.object_]] = {}
    for parts in slices:
        for part in parts:
            texts.setdefault(repr(part), _texts(batch, part))
        coded = [np.unique(texts[repr(part)], return_inverse=True) for part in parts]
        codes = np.zeros(batch.num_rows, np.int64)
        for known, inverse in coded:
            codes = codes * len(known) + inverse
        order = np.argsort(codes, kind="stable")
        ends = np.flatnonzero(np.diff(codes[order], append=-1)) + 1
        for start, end in itertools.pairwise([0, *ends]):
            rows = order[start:end]
            values = (texts[repr(part)][rows[0]] for part in parts)
            yield tuple(zip((sliced_column(part) for part in parts), values, strict=True)), rows


def slice_name(key: Key) -> str:
    """A slice as people read it, its columns in the order of their names."""
    return ", ".join(f"{column}={value}" for column, value in sorted(key))


def parts_of(name: str) -> list[tuple[str, str]]:
    """Columns and values of a slice, out of its name; none of the slice of all rows."""
    if name == OVERALL:
        return []
    found = (part.partition("=") for part in re.split(r", (?=[^=, ]+=)", name))
    return [(column, value) for column, _, value in found]


def _texts(batch: pa.RecordBatch | pa.Table, part: SlicedBy) -> npt.NDArray[np.object_]:
    values = batch[sliced_column(part)].to_pylist()
    found = np.empty(len(values), np.object_)
    if not isinstance(part, Buckets):
        found[:] = ["" if value is None else str(value) for value in values]
        return found
    names = _ranges(part.edges)
    for index, value in enumerate(values):
        missing = value is None or math.isnan(value)
        found[index] = "" if missing else names[int(np.searchsorted(part.edges, value, side="right"))]
    return found


def _ranges(edges: Sequence[float]) -> list[str]:
    inner = [f"[{low:g}, {high:g})" for low, high in itertools.pairwise(edges)]
    return [f"< {edges[0]:g}", *inner, f"≥ {edges[-1]:g}"]
