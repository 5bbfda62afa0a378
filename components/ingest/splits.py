"""Which split a row belongs to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.spec import SPLITS, ColumnSplit, HashSplit, Split, TimeSplit

LEFT_OUT = -1
_OFFSET, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


def assign_splits(table: pa.Table, split: Split, seed: int) -> npt.NDArray[np.int8]:
    """The split of each row, as a position in `SPLITS`; `LEFT_OUT` for a row that belongs to none.

    Args:
        table: rows with the columns the split names.
        split: by hash, column or time.
        seed: of the hash; another seed gives other splits.
    """
    if isinstance(split, HashSplit):
        hashes = hash_rows([table[name] for name in split.columns], seed)
        shares = np.array([split.ratios.get(name, 0.0) for name in SPLITS])
        edges = np.cumsum(shares / shares.sum())
        edges[-1] = 1.0
        place = (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return np.searchsorted(edges, place, side="right").clip(0, len(SPLITS) - 1).astype(np.int8)
    if isinstance(split, ColumnSplit):
        text = table[split.column].cast(pa.string())
        result = np.full(table.num_rows, LEFT_OUT, np.int8)
        for position, name in enumerate(SPLITS):
            wanted = pa.array([str(v) for v in split.values.get(name, [])], pa.string())
            result[pc.is_in(text, value_set=wanted).to_numpy(zero_copy_only=False)] = position
        return result
    if isinstance(split, TimeSplit):
        column = table[split.column]
        result = np.zeros(table.num_rows, np.int8)
        for position, start in ((1, split.eval_from), (2, split.test_from)):
            from_start = pc.greater_equal(column, pa.scalar(start, column.type)).fill_null(False)
            result[from_start.to_numpy(zero_copy_only=False)] = position
        result[column.is_null().to_numpy(zero_copy_only=False)] = LEFT_OUT
        return result
    raise ValueError(f"the split {split.by!r} is not decided by the rows")


def hash_rows(columns: list[pa.ChunkedArray], seed: int) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of each row's values in `columns`, the same on every machine and version.

    FNV-1a (Fowler, Noll, Vo) over the values' decimal or UTF-8 texts, each followed by the byte 0x1f
    (a missing value is the byte 0x1e), then the finalizer of MurmurHash3.
    """
    rows = len(columns[0])
    state = np.full(rows, _OFFSET ^ np.uint64(seed), np.uint64)
    with np.errstate(over="ignore"):
        for column in columns:
            text = pc.fill_null(column.cast(pa.string()), "\x1e").combine_chunks()
            array = text.chunk(0) if isinstance(text, pa.ChunkedArray) else text
            state = _fnv1a(array, state)
        state ^= state >> np.uint64(33)
        state *= np.uint64(0xFF51AFD7ED558CCD)
        state ^= state >> np.uint64(33)
        state *= np.uint64(0xC4CEB9FE1A85EC53)
        state ^= state >> np.uint64(33)
    return state


def _fnv1a(array: pa.StringArray, state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    if len(array) == 0:
        return state
    _, offsets_buffer, bytes_buffer = array.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32)[array.offset : array.offset + len(array) + 1].astype(np.int64)
    data = np.frombuffer(bytes_buffer, np.uint8) if bytes_buffer is not None else np.empty(0, np.uint8)
    starts, lengths = offsets[:-1], np.diff(offsets)
    longest = int(lengths.max())
    for position in range(longest):
        rows = np.flatnonzero(lengths > position) if position >= int(lengths.min()) else slice(None)
        state[rows] = (state[rows] ^ data[starts[rows] + position]) * _PRIME
    return (state ^ np.uint64(0x1F)) * _PRIME
