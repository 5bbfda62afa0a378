"""Parquet: a chunk is a row group."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from components.ingest.formats.base import MAX_RAW, BadRow, Chunk, Format, Rows, convert, open_file


class ParquetFormat(Format):
    """Apache Parquet."""

    name = "parquet"

    def plan(self, path: str) -> Iterator[Chunk]:
        with open_file(path, decompress=False) as stream:
            file = pq.ParquetFile(stream)
            line = 1
            for group in range(file.num_row_groups):
                yield Chunk(path, group, group, group + 1, line, tuple(file.schema_arrow.names))
                line += file.metadata.row_group(group).num_rows

    def read(self, chunk: Chunk) -> Iterator[Rows]:
        with open_file(chunk.path, decompress=False) as stream:
            wanted = [name for name in self.schema.names if name in chunk.names]
            table = pq.ParquetFile(stream).read_row_group(chunk.start, columns=wanted)
        for field in self.schema:
            if field.name not in chunk.names:
                table = table.append_column(field, pa.nulls(table.num_rows, field.type))
        table = table.select(self.schema.names)
        try:
            # A float64 that float32 rounds is no mistake; an integer that would be cut is.
            floats = pa.schema([f if f.type == pa.float32() else table.schema.field(f.name) for f in self.schema])
            yield Rows(table.cast(floats, safe=False).cast(self.schema))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            yield self._convert_rows(table, chunk.first_line)

    def _convert_rows(self, table: pa.Table, first_line: int) -> Rows:
        good, bad = [], []
        for offset, values in enumerate(table.to_pylist()):
            try:
                good.append({name: convert(values[name], kind, name) for name, kind in self.columns.items()})
            except ValueError as error:
                bad.append(BadRow(first_line + offset, str(error), repr(values)[:MAX_RAW]))
        return Rows(self.from_rows(good), bad)
