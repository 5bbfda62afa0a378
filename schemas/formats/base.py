"""What a source format is: how its files are cut into chunks and how a chunk becomes columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, ClassVar

import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from schemas.arrow import arrow_schema
from schemas.dataset import VALUE_END, ColumnType
from schemas.spec import Csv

CHUNK_BYTES = 16 << 20
MAX_RAW = 2_000


@dataclass(frozen=True)
class Chunk:
    """A part of one file that is read on its own.

    Attributes:
        path: the file.
        index: the chunk's place among all chunks of the file.
        start: where it begins, in the format's own unit (byte, row group); `end` where it ends,
            None for the end of the file.
        first_line: the 1-based line, or record, it begins with.
        names: the columns of the file in order, for formats that say so once a file.
    """

    path: str
    index: int
    start: int
    end: int | None
    first_line: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class BadRow:
    """A row that could not be read: `line` is 1-based, `raw` its text (cut at 2,000 characters)."""

    line: int
    reason: str
    raw: str


QUARANTINE_SCHEMA = pa.schema(
    [("file", pa.string()), ("line", pa.int64()), ("reason", pa.string()), ("raw", pa.string())]
)


@dataclass
class Rows:
    """Rows of a chunk: `table` has the schema's columns and types, `bad` the rows that are not in it."""

    table: pa.Table
    bad: list[BadRow] = field(default_factory=list)

    def quarantine(self, path: str) -> pa.Table:
        """The bad rows as a table of where each was, why it is bad, and its text."""
        records = [{"file": path, "line": bad.line, "reason": bad.reason, "raw": bad.raw} for bad in self.bad]
        return pa.Table.from_pylist(records, schema=QUARANTINE_SCHEMA)


class Format:
    """Reads one format.

    Args:
        columns: the columns wanted, with their types.
        csv: options of the csv format.
    """

    known: ClassVar[dict[str, type[Format]]] = {}
    name: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        Format.known[cls.name] = cls

    def __init__(self, columns: Mapping[str, ColumnType], csv: Csv) -> None:
        self.columns = dict(columns)
        self.csv = csv
        self.schema = arrow_schema(columns)

    def plan(self, path: str) -> Iterator[Chunk]:
        """The chunks of a file, in order."""
        raise NotImplementedError

    def read(self, chunk: Chunk) -> Iterator[Rows]:
        """The rows of a chunk, in order, in pieces that fit in memory."""
        raise NotImplementedError

    def names(self, chunk: Chunk) -> tuple[str, ...]:
        """The columns that the chunk's file has; by default those it was planned with."""
        return chunk.names

    def from_rows(self, rows: list[dict[str, Any]]) -> pa.Table:
        """A table of converted rows."""
        return pa.Table.from_pylist(rows, schema=self.schema)


def open_file(path: str, *, decompress: bool = True) -> IO[bytes]:
    """Opens a file on any Beam filesystem; `.gz` and its like are decompressed."""
    compression = CompressionTypes.AUTO if decompress else CompressionTypes.UNCOMPRESSED
    opened: IO[bytes] = FileSystems.open(path, "application/octet-stream", compression)
    return opened


def is_compressed(path: str) -> bool:
    """Whether a file's name says that it is compressed, so that it can only be read from its start."""
    return bool(CompressionTypes.detect_compression_type(path) != CompressionTypes.UNCOMPRESSED)


def convert(value: Any, kind: ColumnType, name: str) -> Any:
    """One value as the column's type, None where there is none; several are one text (see `schemas.dataset`).

    Raises:
        ValueError: the value is not of that type; the text names the column.
    """
    if value is None:
        return None
    try:
        if kind == "bytes":
            if isinstance(value, bytes):
                return value.decode("utf-8")
            if isinstance(value, list):
                if any(isinstance(one, list) for one in value):
                    raise ValueError
                return "".join(f"{convert(one, kind, name) or ''}{VALUE_END}" for one in value) or None
            if isinstance(value, dict):
                raise ValueError
            return str(value)
        if kind == "int":
            number = int(value)
            if (isinstance(value, float) and number != value) or not -(2**63) <= number < 2**63:
                raise ValueError
            return number
        return float(value)
    except (ValueError, TypeError, OverflowError):
        expected = {"int": "an integer", "float": "a number", "bytes": "UTF-8 text"}[kind]
        raise ValueError(f"column '{name}' is not {expected}") from None
