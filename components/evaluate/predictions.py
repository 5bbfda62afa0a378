"""Predictions of the exported model on raw rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from schemas.dataset import ColumnType
from schemas.dense import numpy_columns

BATCH_ROWS = 16_384
Arrays = dict[str, npt.NDArray[np.generic]]


def part_batches(part: str) -> Iterator[pa.RecordBatch]:
    """The rows of a part in record batches, in order."""
    yield from pq.ParquetFile(part).iter_batches(batch_size=BATCH_ROWS)


def tensors(batch: pa.RecordBatch, columns: Mapping[str, ColumnType]) -> dict[str, Any]:
    """The columns of a batch as the tensors [rows] that the exported signatures take."""
    return {name: tf.constant(array) for name, array in numpy_columns(batch, columns).items()}


def predict(model: Any, batch: pa.RecordBatch, columns: Mapping[str, ColumnType]) -> Arrays:
    """Predictions and labels of raw rows by the `evaluate` signature.

    Args:
        model: the loaded SavedModel.
        batch: raw rows with all columns of the schema; those that the model does not take are left out.
        columns: the columns' types.

    Returns:
        {output: float32 [rows], "label/<output>": float32 [rows]}.
    """
    signature = model.signatures["evaluate"]
    takes = signature.structured_input_signature[1]
    results = signature(**tensors(batch, {name: kind for name, kind in columns.items() if name in takes}))
    return {name: value.numpy() for name, value in results.items()}
