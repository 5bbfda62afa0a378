"""A published version in memory: what it takes, what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from schemas.dataset import MISSING_INT, ColumnType
from schemas.errors import DataError

Arrays = dict[str, npt.NDArray[Any]]
MISSING: dict[ColumnType, Any] = {"int": MISSING_INT, "float": float("nan"), "bytes": b""}
DTYPES: dict[ColumnType, type[np.generic]] = {"int": np.int64, "float": np.float32, "bytes": np.object_}
_KINDS: dict[Any, ColumnType] = {tf.int64: "int", tf.float32: "float", tf.string: "bytes"}
WARM_ROWS = (1, 32, 512)


class Servable:
    """One version, loaded and warm.

    Args:
        folder: a SavedModel with the signature `raw`.
        version: its number, as clients are told.

    Attributes:
        columns: the raw columns it takes, with their types.
        outputs: the outputs it gives, and of how many values a row each is.

    Raises:
        DataError: the folder is no SavedModel of Latticework.
    """

    def __init__(self, folder: Path, version: int = 0) -> None:
        try:
            self._model = tf.saved_model.load(str(folder))
            self._raw = self._model.signatures["raw"]
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{folder}: no model that latticework published: {str(error).splitlines()[0]}") from None
        self.version = version
        specs = self._raw.structured_input_signature[1]
        self.columns: dict[str, ColumnType] = {name: _KINDS[spec.dtype] for name, spec in sorted(specs.items())}
        answers = sorted(self._raw.structured_outputs.items())
        self.outputs: dict[str, int] = {n: 1 if s.shape.rank == 1 else int(s.shape[-1]) for n, s in answers}

    def predict(self, columns: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        """Predictions of raw rows.

        Args:
            columns: an array [rows] for each of `self.columns`: int64, float32 or bytes objects.

        Returns:
            {output: float32 [rows], or [rows, classes]}.
        """
        answers = self._raw(**{name: tf.constant(columns[name]) for name in self.columns})
        return {name: answers[name].numpy() for name in self.outputs}

    def warm(self) -> None:
        """Asks for rows without any value, so that the first client does not wait for TensorFlow's first call."""
        for rows in WARM_ROWS:
            self.predict({n: np.full(rows, MISSING[kind], DTYPES[kind]) for n, kind in self.columns.items()})
