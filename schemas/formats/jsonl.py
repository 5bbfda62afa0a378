"""JSON Lines: one object a line."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.json as pa_json

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


class JsonLinesFormat(Format):
    """Text with one JSON object a line, compressed or not."""

    name = "jsonl"

    def plan(self, path: str) -> Iterator[Chunk]:
        if is_compressed(path):
            yield Chunk(path, 0, 0, None, 1)
            return
        with open_file(path) as stream:
            for index, block in enumerate(record_blocks(stream, CHUNK_BYTES)):
                yield Chunk(path, index, block.start, block.start + len(block.text), block.line)

    def names(self, chunk: Chunk) -> tuple[str, ...]:
        with open_file(chunk.path) as stream:
            first = stream.readline()
        try:
            return tuple(json.loads(first))
        except ValueError:
            return ()

    def read(self, chunk: Chunk) -> Iterator[Rows]:
        with open_file(chunk.path) as stream:
            if chunk.end is None:
                for block in record_blocks(stream, CHUNK_BYTES):
                    yield self._parse(block)
            else:
                stream.seek(chunk.start)
                yield self._parse(Block(chunk.start, chunk.first_line, stream.read(chunk.end - chunk.start)))

    def _parse(self, block: Block) -> Rows:
        if not block.text.strip():
            return Rows(self.schema.empty_table())
        try:
            options = pa_json.ParseOptions(explicit_schema=self.schema, unexpected_field_behavior="ignore")
            return Rows(pa_json.read_json(io.BytesIO(block.text), parse_options=options).select(self.schema.names))
        except pa.ArrowInvalid:
            return self._parse_rows(block)

    def _parse_rows(self, block: Block) -> Rows:
        good, bad = [], []
        for offset, line in enumerate(block.text.split(b"\n")):
            if not line.strip():
                continue
            try:
                values = json.loads(line)
                if not isinstance(values, dict):
                    raise ValueError("not a JSON object")
                good.append({name: convert(values.get(name), kind, name) for name, kind in self.columns.items()})
            except ValueError as error:
                reason = (
                    "not valid JSON" if isinstance(error, json.JSONDecodeError | UnicodeDecodeError) else str(error)
                )
                bad.append(BadRow(block.line + offset, reason, line.decode("utf-8", "replace")[:MAX_RAW]))
        return Rows(self.from_rows(good), bad)
