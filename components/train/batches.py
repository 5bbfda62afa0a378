"""Batches for training straight from the columns, shuffled, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from schemas.artifacts import Feature

Columns = dict[str, npt.NDArray[np.generic]]


@dataclass
class Rows:
    """The rows of a split, as tf.data reads them.

    Attributes:
        parts: Parquet files, in order.
        features: read as int32 (ids) or float32 [batch], by name.
        labels: read as float32 [batch].
        batch_size: rows a batch; the last of a window may have fewer.
        memory_rows: the most rows held at once; more are read in windows, shuffled within and among parts.
        shuffle: whether the order of rows changes each epoch.
        seed: of the order.
    """

    parts: list[str]
    features: Mapping[str, Feature]
    labels: list[str]
    batch_size: int
    memory_rows: int
    shuffle: bool
    seed: int

    def __post_init__(self) -> None:
        self.count = sum(pq.read_metadata(part).num_rows for part in self.parts)
        self._epoch = 0
        self._held: Columns | None = None

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return sum(-(-rows // self.batch_size) for rows in self._window_rows())

    def _window_rows(self) -> list[int]:
        if self.count <= self.memory_rows:
            return [self.count]
        full, rest = divmod(self.count, self.memory_rows)
        return [self.memory_rows] * full + ([rest] if rest else [])

    def dataset(self) -> tf.data.Dataset:
        """A tf.data.Dataset of ({feature: [batch]}, {label: [batch]}); each iteration is an epoch."""
        signature = (
            {name: tf.TensorSpec([None], tf.as_dtype(dtype)) for name, dtype in self._dtypes().items()},
            tf.TensorSpec([None], tf.int32),
        )
        windows = tf.data.Dataset.from_generator(self._windows, output_signature=signature)
        size = self.batch_size

        def gather(columns: Mapping[str, Any], order: Any) -> tf.data.Dataset:
            steps = (tf.size(order, tf.int64) + size - 1) // size

            def batch(step: Any) -> Any:
                rows = order[step * size : (step + 1) * size]
                taken = {name: tf.gather(column, rows) for name, column in columns.items()}
                return {name: taken[name] for name in self.features}, {name: taken[name] for name in self.labels}

            return tf.data.Dataset.range(steps).map(batch, num_parallel_calls=2, deterministic=True)

        return windows.flat_map(gather).prefetch(4).apply(tf.data.experimental.assert_cardinality(self.steps))

    def _dtypes(self) -> dict[str, Any]:
        kinds = {name: np.int32 if f.kind == "id" else np.float32 for name, f in self.features.items()}
        return {**kinds, **dict.fromkeys(self.labels, np.float32)}

    def _windows(self) -> Iterator[tuple[Columns, npt.NDArray[np.int32]]]:
        random = np.random.default_rng([self.seed, self._epoch])
        self._epoch += 1
        for columns in self._columns(random):
            rows = len(next(iter(columns.values())))
            order = random.permutation(rows) if self.shuffle else np.arange(rows)
            yield columns, order.astype(np.int32)

    def _columns(self, random: np.random.Generator) -> Iterator[Columns]:
        if self.count <= self.memory_rows:
            if self._held is None:
                self._held = self._to_arrays([pq.read_table(p, partitioning=None) for p in self.parts])
            yield self._held
            return
        parts = list(self.parts)
        if self.shuffle:
            random.shuffle(parts)
        waiting: list[pa.Table] = []
        rows = 0
        for part in parts:
            table = pq.read_table(part, partitioning=None)
            while rows + table.num_rows >= self.memory_rows:
                cut = self.memory_rows - rows
                yield self._to_arrays([*waiting, table.slice(0, cut)])
                waiting, rows, table = [], 0, table.slice(cut)
            if table.num_rows:
                waiting.append(table)
                rows += table.num_rows
        if waiting:
            yield self._to_arrays(waiting)

    def _to_arrays(self, tables: list[pa.Table]) -> Columns:
        table = pa.concat_tables(tables)
        return {name: table[name].to_numpy().astype(dtype, copy=False) for name, dtype in self._dtypes().items()}
