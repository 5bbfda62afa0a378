"""TFRecord of tf.Example, without TensorFlow."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from apache_beam.io.tfrecordio import _TFRecordUtil as TFRecord
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from schemas.dataset import ColumnType
from schemas.formats.base import MAX_RAW, BadRow, Chunk, Format, Rows, convert, open_file

ROWS_AT_ONCE = 65_536


class TFRecordFormat(Format):
    """Records of serialized tf.Example, compressed or not; a feature with several values is a BYTES column."""

    name = "tfrecord"

    def plan(self, path: str) -> Iterator[Chunk]:
        yield Chunk(path, 0, 0, None, 1)

    def names(self, chunk: Chunk) -> tuple[str, ...]:
        with open_file(chunk.path) as stream:
            try:
                record = TFRecord.read_record(stream)
                return tuple(_example(record).features.feature) if record else ()
            except (ValueError, DecodeError):
                return ()

    def read(self, chunk: Chunk) -> Iterator[Rows]:
        good: list[dict[str, Any]] = []
        bad: list[BadRow] = []
        line = 0
        with open_file(chunk.path) as stream:
            while True:
                line += 1
                try:
                    record = TFRecord.read_record(stream)
                except ValueError as error:
                    # After a broken frame nothing says where the next record begins.
                    bad.append(BadRow(line, f"broken record, the rest of the file is lost ({str(error)[:60]})", ""))
                    break
                if record is None:
                    break
                try:
                    good.append(self._row(record))
                except (ValueError, DecodeError) as error:
                    reason = "not a tf.Example" if isinstance(error, DecodeError) else str(error)
                    bad.append(BadRow(line, reason, repr(record)[:MAX_RAW]))
                if len(good) + len(bad) >= ROWS_AT_ONCE:
                    yield Rows(self.from_rows(good), bad)
                    good, bad = [], []
        if good or bad:
            yield Rows(self.from_rows(good), bad)

    def _row(self, record: bytes) -> dict[str, Any]:
        features = _example(record).features.feature
        return {name: convert(_value(features, name, kind), kind, name) for name, kind in self.columns.items()}


def first_types(path: str) -> dict[str, ColumnType]:
    """The features of a file's first record, with their types."""
    kinds: dict[str, ColumnType] = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int"}
    with open_file(path) as stream:
        record = TFRecord.read_record(stream)
    features = _example(record).features.feature if record else {}
    found = {name: features[name].WhichOneof("kind") or "bytes_list" for name in sorted(features)}
    several = {name for name, kind in found.items() if len(getattr(features[name], kind).value) > 1}
    return {name: "bytes" if name in several else kinds[kind] for name, kind in found.items()}


def _value(features: Any, name: str, wanted: ColumnType) -> Any:
    if name not in features:
        return None
    feature = features[name]
    kind = feature.WhichOneof("kind")
    values = getattr(feature, kind).value if kind else ()
    if len(values) > 1:
        if wanted == "bytes":
            return list(values)
        raise ValueError(f"column '{name}' has several values; its type in the schema must be BYTES")
    return values[0] if values else None


def _example(record: bytes) -> Any:
    return _example_class().FromString(record)


@functools.cache
def _example_class() -> Any:
    """tf.Example by its wire format (tensorflow/core/example/{example,feature}.proto)."""
    file = descriptor_pb2.FileDescriptorProto(name="latticework/example.proto", package="latticework", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    lists = (("BytesList", kinds.TYPE_BYTES), ("FloatList", kinds.TYPE_FLOAT), ("Int64List", kinds.TYPE_INT64))
    for name, kind in lists:
        file.message_type.add(name=name).field.add(name="value", number=1, type=kind, label=kinds.LABEL_REPEATED)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, _) in enumerate(lists, start=1):
        feature.field.add(
            name=name.lower().replace("list", "_list"), number=number, type=kinds.TYPE_MESSAGE,
            type_name=f".latticework.{name}", label=kinds.LABEL_OPTIONAL, oneof_index=0,
        )  # fmt: skip
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    entry.field.add(
        name="value", number=2, type=kinds.TYPE_MESSAGE, type_name=".latticework.Feature", label=kinds.LABEL_OPTIONAL
    )
    features.field.add(
        name="feature", number=1, type=kinds.TYPE_MESSAGE, label=kinds.LABEL_REPEATED,
        type_name=".latticework.Features.FeatureEntry",
    )  # fmt: skip
    file.message_type.add(name="Example").field.add(
        name="features",
        number=1,
        type=kinds.TYPE_MESSAGE,
        type_name=".latticework.Features",
        label=kinds.LABEL_OPTIONAL,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("latticework.Example"))
