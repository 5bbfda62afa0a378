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
from schemas.dense import row_values

Matrix = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Weights:
    """How much a row counts in the loss of an output.

    Attributes:
        feature: a numeric feature that says so.
        classes: by class of the label, and so much for any other: 1.
    """

    feature: str | None = None
    classes: Mapping[int, float] | None = None


@dataclass
class Rows:
    """The rows of a split, as tf.data reads them.

    Attributes:
        parts: Parquet files, in order.
        features: read as int32 (ids) or float32, [batch] or [batch, length], by name.
        labels: read as float32 [batch].
        weights: by label, how much a row counts; all 1 where there is none.
        batch_size: rows a batch; the last of a window may have fewer.
        memory_rows: the most rows held at once; more are read in windows, shuffled within and among parts.
        shuffle: whether the order of rows changes each epoch.
        seed: of the order.
    """

    parts: list[str]
    features: Mapping[str, Feature]
    labels: list[str]
    weights: Mapping[str, Weights]
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
        """Each iteration is an epoch of ({feature: tensor}, {label: [batch]}), with {label: [batch]} of weights
        behind it where there are any.
        """
        signature = (
            tf.TensorSpec([None, sum(self._ids.values())], tf.int32),
            tf.TensorSpec([None, sum(self._numbers.values())], tf.float32),
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
                columns = {
                    **_columns(tf.gather(ids, rows), self._ids), **_columns(tf.gather(numbers, rows), self._numbers),
                }  # fmt: skip
                read = {name: columns[name] for name in self.features}
                truth = {name: columns[name] for name in self.labels}
                if not self.weights:
                    return read, truth
                return read, truth, {name: self._weight(name, columns) for name in self.labels}

            return tf.data.Dataset.range(steps).map(batch, num_parallel_calls=2, deterministic=True)

        return windows.flat_map(gather).prefetch(4).apply(tf.data.experimental.assert_cardinality(self.steps))

    def _weight(self, label: str, columns: Mapping[str, Any]) -> Any:
        weights = self.weights.get(label, Weights())
        total = tf.ones_like(columns[label])
        if weights.feature is not None:
            total *= columns[weights.feature]
        for value, share in (weights.classes or {}).items():
            total = tf.where(tf.equal(columns[label], float(value)), total * share, total)
        return total

    @property
    def _ids(self) -> dict[str, int]:
        """The matrix of ids: by name, how many columns each takes; those of one column first."""
        return _narrow_first({n: f.length or 1 for n, f in self.features.items() if f.is_ids})

    @property
    def _numbers(self) -> dict[str, int]:
        """The matrix of numbers, labels and weights among them."""
        widths = {name: f.length or 1 for name, f in self.features.items() if not f.is_ids}
        widths |= dict.fromkeys(self.labels, 1)
        return _narrow_first(widths | {w.feature: 1 for w in self.weights.values() if w.feature is not None})

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

        def matrix(widths: dict[str, int], dtype: type[np.generic]) -> Matrix:
            packed, at = np.empty((table.num_rows, sum(widths.values())), dtype), 0
            for name, width in widths.items():
                packed[:, at : at + width] = row_values(table[name]).reshape(-1, width)
                at += width
            return packed

        return matrix(self._ids, np.int32), matrix(self._numbers, np.float32)


def _narrow_first(widths: dict[str, int]) -> dict[str, int]:
    return dict(sorted(widths.items(), key=lambda column: column[1] > 1))


def _columns(matrix: Any, widths: Mapping[str, int]) -> dict[str, Any]:
    """A matrix [batch, columns] apart: [batch] of each column, [batch, width] of each wider one."""
    narrow = [name for name, width in widths.items() if width == 1]
    columns = dict(zip(narrow, tf.unstack(matrix[:, : len(narrow)], axis=1), strict=True))
    at = len(narrow)
    for name, width in widths.items():
        if width > 1:
            columns[name] = matrix[:, at : at + width]
            at += width
    return columns
