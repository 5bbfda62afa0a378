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

Matrix = npt.NDArray[np.generic]


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
        self._held: tuple[Matrix, Matrix] | None = None

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
            tf.TensorSpec([None, len(self._ids)], tf.int32),
            tf.TensorSpec([None, len(self._numbers)], tf.float32),
            tf.TensorSpec([None], tf.int32),
        )
        windows = tf.data.Dataset.from_generator(self._windows, output_signature=signature)
        if len(self._window_rows()) > 1:
            windows = windows.prefetch(1)
        size = self.batch_size

        def gather(ids: Any, numbers: Any, order: Any) -> tf.data.Dataset:
            steps = (tf.size(order, tf.int64) + size - 1) // size

            def batch(step: Any) -> Any:
                rows = order[step * size : (step + 1) * size]
                columns = dict(zip(self._ids, tf.unstack(tf.gather(ids, rows), axis=1), strict=True))
                columns |= dict(zip(self._numbers, tf.unstack(tf.gather(numbers, rows), axis=1), strict=True))
                return {name: columns[name] for name in self.features}, {name: columns[name] for name in self.labels}

            return tf.data.Dataset.range(steps).map(batch, num_parallel_calls=2, deterministic=True)

        return windows.flat_map(gather).prefetch(4).apply(tf.data.experimental.assert_cardinality(self.steps))

    @property
    def _ids(self) -> list[str]:
        return [name for name, feature in self.features.items() if feature.kind == "id"]

    @property
    def _numbers(self) -> list[str]:
        return [name for name, feature in self.features.items() if feature.kind != "id"] + self.labels

    def _windows(self) -> Iterator[tuple[Matrix, Matrix, npt.NDArray[np.int32]]]:
        random = np.random.default_rng([self.seed, self._epoch])
        self._epoch += 1
        for ids, numbers in self._matrices(random):
            order = random.permutation(len(numbers)) if self.shuffle else np.arange(len(numbers))
            yield ids, numbers, order.astype(np.int32)

    def _matrices(self, random: np.random.Generator) -> Iterator[tuple[Matrix, Matrix]]:
        if self.count <= self.memory_rows:
            if self._held is None:
                self._held = self._pack([pq.read_table(p, partitioning=None) for p in self.parts])
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
                yield self._pack([*waiting, table.slice(0, cut)])
                waiting, rows, table = [], 0, table.slice(cut)
            if table.num_rows:
                waiting.append(table)
                rows += table.num_rows
        if waiting:
            yield self._pack(waiting)

    def _pack(self, tables: list[pa.Table]) -> tuple[Matrix, Matrix]:
        """Ids as int32 [rows, ids] and numbers as float32 [rows, numbers]: a batch gathers twice, not once a column."""
        table = pa.concat_tables(tables)

        def matrix(names: list[str], dtype: type[np.generic]) -> Matrix:
            packed = np.empty((table.num_rows, len(names)), dtype)
            for index, name in enumerate(names):
                packed[:, index] = table[name].to_numpy()
            return packed

        return matrix(self._ids, np.int32), matrix(self._numbers, np.float32)
