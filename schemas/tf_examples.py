"""Rows as serialized tf.Examples, which the signature `serving_default` of an exported model reads."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from schemas.dataset import ColumnType
from schemas.dense import numpy_columns


def tf_examples(batch: pa.RecordBatch, columns: Mapping[str, ColumnType]) -> list[bytes]:
    """The rows as serialized tf.Examples; a missing value is a feature that is not there."""
    import tensorflow as tf

    names = list(columns)
    nulls = {name: batch[name].is_null().to_pylist() for name in names}
    arrays = {name: array.tolist() for name, array in numpy_columns(batch, columns).items()}
    lists = {"bytes": ("bytes_list", tf.train.BytesList), "int": ("int64_list", tf.train.Int64List),
             "float": ("float_list", tf.train.FloatList)}  # fmt: skip
    records = []
    for row in range(batch.num_rows):
        features = {}
        for name in names:
            if not nulls[name][row]:
                field, kind = lists[columns[name]]
                features[name] = tf.train.Feature(**{field: kind(value=[arrays[name][row]])})
        records.append(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    return records
