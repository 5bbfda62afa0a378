"""A schema of bare types from the first rows of a source: `python -m components.ingest.infer DATA FOLDER OUTPUT`."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from tensorflow_metadata.proto.v0 import schema_pb2

from components.ingest.worker import match_files
from schemas.dataset import TYPES, ColumnType, schema_text
from schemas.errors import DataError
from schemas.formats.base import open_file
from schemas.formats.tfrecord import first_types
from schemas.running import reported
from schemas.spec import Csv, Data

SAMPLE_ROWS = 10_000


def infer_types(data: Data, folder: str | Path) -> schema_pb2.Schema:
    """Infers the columns and their types from the first rows of the first file.

    Raises:
        DataError: the file has no rows, or its format says nothing of types.
    """
    path = match_files(data, folder)[0][1]
    samplers = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet, "tfrecord": _tfrecord}
    if data.format not in samplers:
        raise DataError(f"data.format: types cannot be inferred from '{data.format}'; write {data.schema_path} by hand")
    found = samplers[data.format](path, data.csv)
    if not found:
        raise DataError(f"{path}: no rows to infer a schema from")
    schema = schema_pb2.Schema()
    for name, kind in found.items():
        schema.feature.add(name=name, type=TYPES[kind])
    return schema


def _kinds(schema: pa.Schema) -> dict[str, ColumnType]:
    return {field.name: _kind(field.type) for field in schema}


def _kind(arrow: pa.DataType) -> ColumnType:
    if pa.types.is_integer(arrow) or pa.types.is_boolean(arrow):
        return "int"
    return "float" if pa.types.is_floating(arrow) or pa.types.is_decimal(arrow) else "bytes"


def _csv(path: str, csv: Csv) -> dict[str, ColumnType]:
    with open_file(path) as stream:
        reader = pa_csv.open_csv(
            stream,
            read_options=pa_csv.ReadOptions(column_names=None if csv.header else csv.columns),
            parse_options=pa_csv.ParseOptions(delimiter=csv.delimiter, newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(null_values=csv.null_values, strings_can_be_null=True),
        )
        return _kinds(reader.schema)


def _parquet(path: str, csv: Csv) -> dict[str, ColumnType]:
    with open_file(path, decompress=False) as stream:
        return _kinds(pq.read_schema(stream))


def _jsonl(path: str, csv: Csv) -> dict[str, ColumnType]:
    with open_file(path) as stream:
        rows = [json.loads(line) for line in itertools.islice(stream, SAMPLE_ROWS) if line.strip()]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: _plain_kind([row.get(name) for row in rows]) for name in names}


def _plain_kind(values: list[Any]) -> ColumnType:
    present = [value for value in values if value is not None]
    if present and all(isinstance(value, int) for value in present):
        return "int"
    return "float" if present and all(isinstance(value, int | float) for value in present) else "bytes"


def _tfrecord(path: str, csv: Csv) -> dict[str, ColumnType]:
    return first_types(path)


if __name__ == "__main__":
    with reported("ingest"):
        section, source_folder, target = sys.argv[1:]
        inferred = infer_types(Data.model_validate_json(section), source_folder)
        Path(target).write_text(schema_text(inferred), encoding="utf-8")
