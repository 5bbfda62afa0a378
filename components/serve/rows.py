"""What clients send, as columns; every mistake is told by row and column."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.serve.loader import DTYPES, MISSING, Arrays
from schemas.arrow import ARROW_TYPES
from schemas.dataset import MISSING_INT, VALUE_END, ColumnType
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
    try:
        values = list(zip(*map(_getter(tuple(columns)), rows), strict=True))
        whole = set(map(len, rows)) == {len(columns)}
    except (KeyError, TypeError):
        whole = False
    if not whole:
        for index, row in enumerate(rows):
            if not isinstance(row, dict):
                raise DataError(f'"instances"[{index}]: expected an object of columns, found {_shown(row)}')
            if row.keys() != columns.keys():
                _refuse_names(f'"instances"[{index}]', row.keys(), columns)
    return {name: _array(found, kind, name) for (name, kind), found in zip(columns.items(), values, strict=True)}


@functools.cache
def _getter(names: tuple[str, ...]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """The values of some columns of a row; one column too makes a tuple."""
    return operator.itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)


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


def _array(values: Sequence[Any], kind: ColumnType, name: str) -> npt.NDArray[Any]:
    """One column's values."""
    types = set(map(type, values))
    if kind == "bytes":
        found = np.empty(len(values), np.object_)
        found[:] = values if types <= {str} else [_text(value, values, name) for value in values]
        return found
    # Arrow takes True for 1, and 1.5 for the integer 1.
    if bool in types or (kind == "int" and float in types and not all(_is(v, kind) for v in values if v is not None)):
        raise _wrong(values, kind, name)
    try:
        array = pa.array(values, pa.float64() if kind == "float" else ARROW_TYPES[kind])
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        raise _wrong(values, kind, name) from None
    if array.null_count:
        array = array.fill_null(MISSING[kind])
    return array.to_numpy(zero_copy_only=False).astype(DTYPES[kind], copy=False)


def _text(value: Any, values: Sequence[Any], name: str) -> str | bytes:
    """A text; a list of texts is one (see `schemas.dataset`)."""
    if value is None:
        return ""
    if not _is(value, "bytes"):
        raise _wrong(values, "bytes", name)
    return "".join(f"{one}{VALUE_END}" for one in value) if isinstance(value, list) else value


def _wrong(values: Sequence[Any], kind: ColumnType, name: str) -> DataError:
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
