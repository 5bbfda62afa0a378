"""CSV: Arrow's reader for whole blocks, row by row only where a block does not parse."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.csv as pa_csv

from schemas.errors import DataError
from schemas.formats.base import (
    CHUNK_BYTES,
    MAX_RAW,
    BadRow,
    Chunk,
    Format,
    Rows,
    convert,
    is_compressed,
    open_file,
)
from schemas.formats.blocks import Block, record_blocks


class CsvFormat(Format):
    """Comma (or otherwise) separated text, with or without a header, quoted newlines, compressed or not."""

    name = "csv"

    def plan(self, path: str) -> Iterator[Chunk]:
        index = 0
        with open_file(path) as stream:
            blocks = record_blocks(stream, CHUNK_BYTES, quote=b'"')
            first = next(blocks, None)
            if first is None:
                return
            names, skip = self._names(path, first.text)
            start, line = skip, 1 + first.text[:skip].count(b"\n")
            if is_compressed(path):
                yield Chunk(path, 0, start, None, line, names)
                return
            if len(first.text) > skip:
                yield Chunk(path, 0, start, len(first.text), line, names)
                index = 1
            for number, block in enumerate(blocks, start=index):
                yield Chunk(path, number, block.start, block.start + len(block.text), block.line, names)

    def _names(self, path: str, text: bytes) -> tuple[tuple[str, ...], int]:
        """The file's columns, and how many bytes its header takes."""
        if not self.csv.header:
            return tuple(self.csv.columns or ()), 0
        head = next(record_blocks(io.BytesIO(text), 1 << 16, quote=b'"')).text
        lines = io.StringIO(head.decode("utf-8-sig", "replace"), newline="")
        reader = csv.reader(lines, delimiter=self.csv.delimiter)
        names = tuple(next(reader))
        for name in names:
            if names.count(name) > 1:
                raise DataError(f"{path}: the header names column '{name}' twice; expected each once")
        size = sum(len(line) for line in head.splitlines(keepends=True)[: reader.line_num])
        return names, size

    def read(self, chunk: Chunk) -> Iterator[Rows]:
        with open_file(chunk.path) as stream:
            stream.seek(chunk.start)
            if chunk.end is None:
                for block in record_blocks(stream, CHUNK_BYTES, quote=b'"', line=chunk.first_line):
                    yield self._parse(block, chunk.names)
            else:
                text = stream.read(chunk.end - chunk.start)
                yield self._parse(Block(chunk.start, chunk.first_line, text), chunk.names)

    def _parse(self, block: Block, names: tuple[str, ...]) -> Rows:
        if not block.text.strip():
            return Rows(self.schema.empty_table())
        try:
            table = pa_csv.read_csv(
                io.BytesIO(block.text),
                read_options=pa_csv.ReadOptions(column_names=list(names)),
                parse_options=pa_csv.ParseOptions(delimiter=self.csv.delimiter, newlines_in_values=b'"' in block.text),
                convert_options=pa_csv.ConvertOptions(
                    column_types=self.schema,
                    include_columns=self.schema.names,
                    include_missing_columns=True,
                    null_values=self.csv.null_values,
                    strings_can_be_null=True,
                ),
            )
        except pa.ArrowInvalid:
            return self._parse_rows(block, names)
        return Rows(table)

    def _parse_rows(self, block: Block, names: tuple[str, ...]) -> Rows:
        lines = block.text.decode("utf-8", "surrogateescape").splitlines(keepends=True)
        reader = csv.reader(lines, delimiter=self.csv.delimiter)
        good, bad, nulls, before = [], [], set(self.csv.null_values), 0
        while True:
            try:
                record = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                record, problem = [], str(error)
            else:
                problem = ""
            line, text = block.line + before, "".join(lines[before : reader.line_num])
            before = reader.line_num
            if not record and not problem:
                continue
            try:
                if problem:
                    raise ValueError(problem)
                if len(record) != len(names):
                    raise ValueError(f"{len(record)} fields; expected {len(names)}")
                values = dict(zip(names, record, strict=True))
                good.append({
                    name: convert(_text(values, name, nulls), kind, name) for name, kind in self.columns.items()
                })  # fmt: skip
            except ValueError as error:
                raw = text.rstrip("\r\n").encode("utf-8", "surrogateescape").decode("utf-8", "replace")
                bad.append(BadRow(line, str(error), raw[:MAX_RAW]))
        return Rows(self.from_rows(good), bad)


def _text(values: dict[str, str], name: str, nulls: set[str]) -> str | bytes | None:
    value = values.get(name)
    if value is None or value in nulls:
        return None
    return value if value.isprintable() else value.encode("utf-8", "surrogateescape")
