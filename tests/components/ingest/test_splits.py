from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from components.ingest.splits import LEFT_OUT, assign_splits, hash_rows
from schemas.spec import ColumnSplit, TimeSplit

MASK = 2**64 - 1


def reference_hash(values, seed):
    state = 0xCBF29CE484222325 ^ seed
    for value in values:
        for byte in ("\x1e" if value is None else str(value)).encode() + b"\x1f":
            state = (state ^ byte) * 0x100000001B3 & MASK
    for multiplier in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        state = (state ^ state >> 33) * multiplier & MASK
    return state ^ state >> 33


@given(st.lists(st.tuples(st.none() | st.text(), st.integers(-(2**60), 2**60)), min_size=1), st.integers(0, 2**31 - 1))
def test_the_hash_is_the_documented_one(rows, seed):
    texts, numbers = (list(column) for column in zip(*rows, strict=True))
    columns = [pa.chunked_array([pa.array(texts, pa.string())]), pa.chunked_array([pa.array(numbers, pa.int64())])]
    assert hash_rows(columns, seed).tolist() == [reference_hash(row, seed) for row in rows]


def test_by_time_and_by_column():
    table = pa.table({"day": ["2013-01-01", "2013-11-01", "2013-12-01", None], "part": [1, 2, 3, 9]})
    by_time = TimeSplit(by="time", column="day", eval_from="2013-11", test_from="2013-12")
    assert assign_splits(table, by_time, 1).tolist() == [0, 1, 2, LEFT_OUT]
    by_column = ColumnSplit(by="column", column="part", values={"train": [1, 2], "test": [3]})
    assert assign_splits(table, by_column, 1).tolist() == [0, 0, 2, LEFT_OUT]
