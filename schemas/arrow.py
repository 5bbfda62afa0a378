"""The Arrow types of a dataset's columns."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from schemas.dataset import ColumnType

ARROW_TYPES: dict[ColumnType, pa.DataType] = {"int": pa.int64(), "float": pa.float32(), "bytes": pa.string()}


def arrow_schema(columns: Mapping[str, ColumnType]) -> pa.Schema:
    """The Arrow schema of a split of these columns; every field can be null."""
    return pa.schema([(name, ARROW_TYPES[kind]) for name, kind in columns.items()])
