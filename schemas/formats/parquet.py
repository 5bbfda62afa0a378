"""Parquet: a chunk is a row group."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.dataset import VALUE_END
from schemas.formats.base import MAX_RAW, BadRow, Chunk, Format, Rows, convert, open_file


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
        table = _joined(table.select(self.schema.names), self.schema)
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


def _joined(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with each list that is to be a text as one, the values ended by VALUE_END."""
    for index, field in enumerate(table.schema):
        kind = field.type
        if schema.field(index).type != pa.string() or not (pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind)):
            continue
        if pa.types.is_nested(kind.value_type):
            continue
        texts = table.column(index).cast(pa.list_(pa.string()))
        text = pc.binary_join_element_wise(pc.binary_join(texts, VALUE_END), VALUE_END, "")
        has_none = pc.equal(pc.list_value_length(texts), 0)
        table = table.set_column(index, field.name, pc.if_else(has_none, pa.scalar(None, pa.string()), text))
    return table
