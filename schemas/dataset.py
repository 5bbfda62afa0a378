"""The dataset schema: tensorflow.metadata.v0.Schema on disk, column types for everything that reads rows.

A missing value has one dense form per type, the same in training and in serving:
FLOAT is NaN, INT is the smallest int64, BYTES is "". Several values of a row (a list in JSON, Parquet or tf.Example)
are one BYTES value, VALUE_END behind each of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from schemas.errors import DataError

ColumnType = Literal["int", "float", "bytes"]
MISSING_INT = -(2**63)
# Behind each value of a BYTES column that holds several a row (ASCII's unit separator).
VALUE_END = "\x1f"
_NAMES: dict[int, ColumnType] = {schema_pb2.INT: "int", schema_pb2.FLOAT: "float", schema_pb2.BYTES: "bytes"}
TYPES: dict[ColumnType, int] = {name: number for number, name in _NAMES.items()}


def parse_schema(text: str, where: str) -> schema_pb2.Schema:
    """Reads a Schema from its text form.

    Args:
        text: a tensorflow.metadata.v0.Schema as text proto.
        where: the file's name, for errors.

    Raises:
        DataError: the text is no Schema, or a feature has no name or no type.
    """
    try:
        schema = text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as error:
        raise DataError(f"{where}: not a tensorflow.metadata.v0.Schema: {error}") from None
    seen: set[str] = set()
    for feature in schema.feature:
        if not feature.name:
            raise DataError(f'{where}: a feature without a name; add `name: "…"`')
        if feature.name in seen:
            raise DataError(f"{where}: feature '{feature.name}' is given twice")
        if feature.type not in _NAMES:
            raise DataError(f"{where}: feature '{feature.name}' has no type; expected INT, FLOAT or BYTES")
        seen.add(feature.name)
    if not seen:
        raise DataError(f"{where}: the schema has no feature")
    return schema


def read_schema(path: Path) -> schema_pb2.Schema:
    """Reads `schema.pbtxt`; a missing file is a DataError that says how to make one."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(
            f"{path}: no such file; write one with `latticework infer-schema SPEC` and look it over"
        ) from None
    return parse_schema(text, str(path))


def schema_text(schema: schema_pb2.Schema, *, one_line: bool = False) -> str:
    """The text form of a schema, as it is kept in version control or, in one line, handed to a component."""
    return str(text_format.MessageToString(schema, as_one_line=one_line))


def column_types(schema: schema_pb2.Schema) -> dict[str, ColumnType]:
    """Each column's type, in the schema's order."""
    return {feature.name: _NAMES[feature.type] for feature in schema.feature}
