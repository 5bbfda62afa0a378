"""The skew proof: the exported model answers raw rows as the trained model answers transformed ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from components.evaluate.predictions import tensors
from schemas.artifacts import split_parts
from schemas.dataset import ColumnType
from schemas.dense import row_values
from schemas.errors import CheckFailed, DataError
from schemas.tf_examples import tf_examples
from schemas.user_module import load_module

ROWS, TOLERANCE = 500, 1e-5
Predictions = Mapping[str, npt.NDArray[np.floating[Any]]]


def check_skew(
    served: Any, model_path: Path, examples: str | Path, transformed: str | Path, columns: Mapping[str, ColumnType],
    label_columns: Collection[str],
) -> dict[str, float]:  # fmt: skip
    """Compares both serving signatures on raw rows with the .keras model on transform's output of the same rows.

    Returns:
        The largest difference by signature, relative to max(1, |prediction|).

    Raises:
        CheckFailed: a difference is larger than 1e-5.
        DataError: the splits have no row to compare.
    """
    raw = _head(examples)
    ready = _head(transformed)
    if not raw.num_rows or raw.num_rows != ready.num_rows:
        raise DataError(f"{examples} and {transformed} have no common rows to compare; run transform again")
    own_layers = model_path.with_name("module.py")
    if own_layers.exists():
        load_module(own_layers.read_text(encoding="utf-8"), own_layers.name)
    model = keras.saving.load_model(model_path, compile=False, safe_mode=True)
    trained = _trained(model, ready)
    inputs = {name: kind for name, kind in columns.items() if name not in label_columns}
    answers = {
        "raw": served.signatures["raw"](**tensors(raw, inputs)),
        "serving_default": served.signatures["serving_default"](examples=tf.constant(tf_examples(raw, inputs))),
    }
    differences = {name: _largest_difference(trained, answer) for name, answer in answers.items()}
    for name, difference in differences.items():
        if not difference <= TOLERANCE:
            raise CheckFailed(
                f"training/serving skew: signature '{name}' of the exported model differs from the trained model by "
                f"{difference:.3g} on {raw.num_rows} rows; allowed {TOLERANCE:g}. The model is not published."
            )
    return differences


def _head(artifact: str | Path) -> pa.RecordBatch:
    """The first rows of the first split that has any."""
    for split in ("test", "eval", "train"):
        for part in split_parts(artifact, split):
            for batch in pq.ParquetFile(part).iter_batches(batch_size=ROWS):
                return batch
    return pa.RecordBatch.from_pylist([])


def _trained(model: keras.Model, ready: pa.RecordBatch) -> Predictions:
    inputs = {tensor.name: tf.constant(row_values(ready[tensor.name])) for tensor in model.inputs}
    return {name: np.reshape(value.numpy(), [-1]) for name, value in model(inputs, training=False).items()}


def _largest_difference(trained: Predictions, answer: Mapping[str, Any]) -> float:
    return max(
        float(np.max(np.abs(np.reshape(answer[name], [-1]) - value) / np.maximum(1.0, np.abs(value))))
        for name, value in trained.items()
    )
