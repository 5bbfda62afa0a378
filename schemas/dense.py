"""Columns as dense arrays, a missing value in its one form (see `schemas.dataset`)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.dataset import MISSING_INT, ColumnType

FILLS: dict[ColumnType, object] = {"int": MISSING_INT, "float": float("nan"), "bytes": ""}


def dense_columns(table: pa.Table | pa.RecordBatch, columns: Mapping[str, ColumnType]) -> dict[str, pa.Array]:
    """Each column as an Arrow array [rows] without nulls."""
    result = {}
    for name, kind in columns.items():
        column = pc.fill_null(table[name], pa.scalar(FILLS[kind], table.schema.field(name).type))
        result[name] = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return result


def row_values(column: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.generic]:
    """A numeric column without missing values as an array [rows], or [rows, length] where each row has a list."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    is_list = pa.types.is_fixed_size_list(array.type)
    values: npt.NDArray[np.generic] = (array.flatten() if is_list else array).to_numpy(zero_copy_only=False)
    return values.reshape(len(array), -1) if is_list else values


def row_column(values: npt.NDArray[np.generic]) -> pa.Array:
    """The inverse of `row_values`: an array [rows] as a column, or [rows, length] as one of lists."""
    flat = pa.array(np.ravel(values))
    return flat if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def numpy_columns(
    table: pa.Table | pa.RecordBatch, columns: Mapping[str, ColumnType]
) -> dict[str, npt.NDArray[np.generic]]:
    """Each column as a NumPy array [rows] without missing values: int64, float32 or bytes objects."""
    dense = dense_columns(table, columns)
    return {
        name: array.cast(pa.binary()).to_numpy(zero_copy_only=False) if columns[name] == "bytes"
        else array.to_numpy(zero_copy_only=False)
        for name, array in dense.items()
    }  # fmt: skip
