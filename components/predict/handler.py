"""A published model as Beam's RunInference takes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from apache_beam.ml.inference.base import ModelHandler

from schemas.dataset import ColumnType
from schemas.dense import numpy_columns, row_column
from schemas.errors import DataError

_TYPES: dict[str, ColumnType] = {"DT_INT64": "int", "DT_FLOAT": "float", "DT_STRING": "bytes"}


def model_columns(folder: Path) -> dict[str, ColumnType]:
    """The raw columns that a model takes, read from its signature without loading it.

    Raises:
        DataError: the folder holds no model that latticework published.
    """
    from tensorflow.core.framework import types_pb2
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
        inputs = saved.meta_graphs[0].signature_def["raw"].inputs
    except (OSError, IndexError) as error:
        raise DataError(f"{folder}: no model that latticework published: {error}") from None
    return {name: _TYPES[types_pb2.DataType.Name(info.dtype)] for name, info in sorted(inputs.items())}


class SavedModelHandler(ModelHandler[pa.Table, pa.Table, Any]):  # type: ignore[misc]
    """Predicts tables of raw rows by the signature `raw`; a table is a batch already.

    Args:
        folder: the SavedModel.
        columns: what it takes.
        keys: columns that are carried through.
    """

    def __init__(self, folder: str, columns: Mapping[str, ColumnType], keys: Sequence[str]) -> None:
        super().__init__()
        self.folder, self.columns, self.keys = folder, dict(columns), list(keys)

    def load_model(self) -> Any:
        """See ModelHandler."""
        import tensorflow as tf

        return tf.saved_model.load(self.folder)

    def run_inference(
        self, batch: Sequence[pa.Table], model: Any, inference_args: dict[str, Any] | None = None
    ) -> Iterable[pa.Table]:
        """The keys and predictions of each table, rows in their order."""
        import tensorflow as tf

        for table in batch:
            arrays = numpy_columns(table, self.columns)
            answers = model.signatures["raw"](**{name: tf.constant(array) for name, array in arrays.items()})
            found = {name: table[name] for name in self.keys}
            found |= {name: row_column(value.numpy()) for name, value in sorted(answers.items())}
            yield pa.table(found)

    def batch_elements_kwargs(self) -> Mapping[str, Any]:
        """See ModelHandler: each element is a batch of its own."""
        return {"min_batch_size": 1, "max_batch_size": 1}
