"""The SavedModel that is served: the transform graph and the model in one, raw columns in, predictions out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from schemas.dataset import MISSING_INT, ColumnType

DTYPES: dict[ColumnType, tf.DType] = {"int": tf.int64, "float": tf.float32, "bytes": tf.string}
MISSING: dict[ColumnType, Any] = {"int": MISSING_INT, "float": float("nan"), "bytes": ""}


class ServedModel(tf.Module):
    """Transform graph and Keras model as one module.

    Signatures:
        serving_default: `examples`, serialized tf.Example [batch] → {output: float32 [batch] or [batch, classes]}.
            A feature that an example lacks is missing.
        raw: a tensor [batch] for each column (float32, NaN where missing; int64, its smallest value; string, "").
        evaluate: the same with the labels' columns → predictions, and `label/<name>` float32 [batch].
    """

    def __init__(
        self, model: keras.Model, transform_fn: Path, columns: Mapping[str, ColumnType],
        label_columns: Collection[str], labels: Collection[str],
    ) -> None:  # fmt: skip
        super().__init__()
        self.model = model
        self.transform = tf.saved_model.load(str(transform_fn / "transform_fn"))
        self._columns = dict(columns)
        self._label_columns = [name for name in columns if name in set(label_columns)]
        self._labels = list(labels)

    def _transformed(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        rows = tf.shape(next(iter(raw.values())))[0]
        complete = {
            name: raw[name] if name in raw else tf.fill([rows], tf.constant(MISSING[kind], DTYPES[kind]))
            for name, kind in self._columns.items()
        }
        return self.transform.transform_fn(complete)  # type: ignore[no-any-return]

    def _predicted(self, transformed: Mapping[str, Any]) -> dict[str, Any]:
        inputs = {tensor.name: transformed[tensor.name] for tensor in self.model.inputs}
        outputs = self.model(inputs, training=False)
        return {name: tf.reshape(value, [-1]) if value.shape[-1] == 1 else value for name, value in outputs.items()}

    def save(self, path: Path) -> None:
        """Writes the SavedModel with its three signatures."""
        served = {name: kind for name, kind in self._columns.items() if name not in self._label_columns}

        def raw_specs(columns: Mapping[str, ColumnType]) -> dict[str, tf.TensorSpec]:
            return {name: tf.TensorSpec([None], DTYPES[kind], name=name) for name, kind in columns.items()}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serving_default(examples: Any) -> Any:
            parsing = {n: tf.io.FixedLenFeature([], DTYPES[k], MISSING[k]) for n, k in served.items()}
            return self._predicted(self._transformed(tf.io.parse_example(examples, parsing)))

        @tf.function
        def raw(**columns: Any) -> Any:
            return self._predicted(self._transformed(columns))

        @tf.function
        def evaluate(**columns: Any) -> Any:
            transformed = self._transformed(columns)
            truth = {f"label/{name}": tf.cast(transformed[name], tf.float32) for name in self._labels}
            return {**self._predicted(transformed), **truth}

        signatures = {
            "serving_default": serving_default,
            "raw": raw.get_concrete_function(**raw_specs(served)),
            "evaluate": evaluate.get_concrete_function(**raw_specs(self._columns)),
        }
        tf.saved_model.save(self, str(path), signatures=signatures)
