"""What clients send, as columns; every mistake is told by row and column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.serve.loader import DTYPES, MISSING, Arrays
from schemas.dataset import ARROW_TYPES, MISSING_INT, VALUE_END, ColumnType
from schemas.errors import DataError, nearest

EXPECTED: dict[ColumnType, str] = {"int": "an integer", "float": "a number", "bytes": "a text"}
Columns = Mapping[str, ColumnType]


def columns_of_rows(rows: Any, columns: Columns) -> Arrays:
    """Rows as JSON gives them, as one array a column.

    Args:
        rows: a list of mappings from each column to its value; None is a missing value.
        columns: the columns that must be there.

    Raises:
        DataError: a column is missing or unknown, or a value is not of its column's type.
    """
    if not isinstance(rows, list) or not rows:
        raise DataError('"instances": expected a list of one row or more')
    wanted = columns.keys()
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise DataError(f'"instances"[{index}]: expected an object of columns, found {_shown(row)}')
        if row.keys() != wanted:
            _refuse_names(f'"instances"[{index}]', row.keys(), columns)
    return {name: _array([row[name] for row in rows], kind, name) for name, kind in columns.items()}


def columns_of_tensors(tensors: Mapping[str, Any], columns: Columns) -> Arrays:
    """The tensors of a V2 request, by name, as one array a column; all must have as many rows.

    Raises:
        DataError: a column is missing or unknown, of another type, or shorter than another.
    """
    if tensors.keys() != columns.keys():
        _refuse_names('"inputs"', tensors.keys(), columns)
    found = {}
    for name, kind in columns.items():
        values = tensors[name]
        if isinstance(values, np.ndarray):
            found[name] = _from_numpy(values.reshape(-1), kind, name)
        else:
            found[name] = _array(list(values), kind, name)
    lengths = {name: len(values) for name, values in found.items()}
    if len(set(lengths.values())) > 1:
        few, many = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
        raise DataError(f"column '{few}' has {lengths[few]} rows and '{many}' {lengths[many]}; expected as many")
    if not next(iter(lengths.values())):
        raise DataError('"inputs": expected one row or more')
    return found


def _refuse_names(where: str, found: Any, columns: Columns) -> None:
    if missing := sorted(set(columns) - set(found)):
        raise DataError(f"{where}: no column {_named(missing)}; null is a missing value")
    unknown = sorted(set(found) - set(columns))
    raise DataError(f"{where}: unknown column {_named(unknown)}{nearest(unknown[0], columns)}")


def _named(names: Sequence[str]) -> str:
    return ", ".join(f"'{str(name)[:100]}'" for name in names[:5]) + (", …" if len(names) > 5 else "")


def _array(values: list[Any], kind: ColumnType, name: str) -> npt.NDArray[Any]:
    """One column's values; a list of texts is one value (see `schemas.dataset`)."""
    if kind == "bytes":
        try:
            return _texts(values)
        except (TypeError, AttributeError):
            raise _wrong(values, kind, name) from None
    try:
        if any(type(value) is bool for value in values):
            raise pa.ArrowInvalid
        array = pa.array(values, pa.float64() if kind == "float" else ARROW_TYPES[kind])
        filled = array.fill_null(MISSING[kind]) if array.null_count else array
        found = filled.to_numpy(zero_copy_only=False)
        return found.astype(np.float32) if kind == "float" else found
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        raise _wrong(values, kind, name) from None


def _texts(values: list[Any]) -> npt.NDArray[Any]:
    found = np.empty(len(values), np.object_)
    for index, value in enumerate(values):
        if isinstance(value, list):
            value = "".join(f"{one}{VALUE_END}" for one in value if one.__class__ is str or _refuse(one))
        found[index] = b"" if value is None else value if isinstance(value, bytes) else value.encode()
    return found


def _refuse(value: Any) -> bool:
    raise TypeError(value)


def _wrong(values: list[Any], kind: ColumnType, name: str) -> DataError:
    for index, value in enumerate(values):
        if value is not None and not _is(value, kind):
            return DataError(f"row {index}: column '{name}' is {_shown(value)}; expected {EXPECTED[kind]}")
    return DataError(f"column '{name}': expected {EXPECTED[kind]} in every row")


def _is(value: Any, kind: ColumnType) -> bool:
    if kind == "bytes":
        return isinstance(value, str | bytes) or (isinstance(value, list) and all(isinstance(v, str) for v in value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return kind == "float" or (value == int(value) and MISSING_INT <= value < -MISSING_INT)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _from_numpy(values: npt.NDArray[Any], kind: ColumnType, name: str) -> npt.NDArray[Any]:
    good = {"int": np.integer, "float": (np.integer, np.floating), "bytes": (np.object_, np.bytes_)}[kind]
    if not any(np.issubdtype(values.dtype, one) for one in (good if isinstance(good, tuple) else (good,))):
        raise DataError(f"column '{name}' is of type {values.dtype}; expected {EXPECTED[kind]} in every row")
    return values.astype(DTYPES[kind])
