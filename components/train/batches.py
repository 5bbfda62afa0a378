"""Batches for training straight from the columns, shuffled, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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
        share: (index, of): which part files are read; every batch is divided by whose file its rows are in.
        devices: that each batch can be divided among evenly: the last of a window leaves out the rows over.
    """

    parts: list[str]
    features: Mapping[str, Feature]
    labels: list[str]
    weights: Mapping[str, Weights]
    batch_size: int
    memory_rows: int
    shuffle: bool
    seed: int
    share: tuple[int, int] = (0, 1)
    devices: int = 1

    def __post_init__(self) -> None:
        self._rows = {part: pq.read_metadata(part).num_rows for part in self.parts}
        self._holder = {part: index % self.share[1] for index, part in enumerate(self.parts)}
        self.count = sum(self._rows.values())
        self.epoch = 0
        self._held: tuple[npt.NDArray[np.int16], Matrix, Matrix] | None = None
        self._last: tuple[str, pa.Table] | None = None

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return sum(-(-self._even(rows) // self.batch_size) for rows in self._window_rows())

    def _even(self, rows: int) -> int:
        return rows - rows % self.devices

    def _window_rows(self) -> list[int]:
        if self.count <= self.memory_rows:
            return [self.count]
        full, rest = divmod(self.count, self.memory_rows)
        return [self.memory_rows] * full + ([rest] if rest else [])

    def dataset(self) -> tf.data.Dataset:
        """Each iteration is an epoch of ({feature: tensor}, {label: [batch]}), with {label: [batch]} of weights
        behind it where there are any.
        """
        return self._read(lambda batch, held, whole: batch)

    def shared_dataset(self) -> tf.data.Dataset:
        """As `dataset`, of this share: (batch, held, whole), `held` the rows of the batch that are in it, int32 [], and
        `whole` the rows that all shares have. Behind these rows are others that only make it as long as it is in every
        share, since what is looked up in embeddings must be as long in all of them.
        """
        return self._read(lambda batch, held, whole: (batch, held, whole))

    def _read(self, chosen: Callable[[Any, Any, Any], Any]) -> tf.data.Dataset:
        signature = (
            tf.TensorSpec([None, sum(self._ids.values())], tf.int32),
            tf.TensorSpec([None, sum(self._numbers.values())], tf.float32),
            *[tf.TensorSpec([None], tf.int32)] * 4,
        )
        windows = tf.data.Dataset.from_generator(self._windows, output_signature=signature)
        if len(self._window_rows()) > 1:
            windows = windows.prefetch(1)

        def gather(ids: Any, numbers: Any, order: Any, ends: Any, longest: Any, wholes: Any) -> tf.data.Dataset:
            steps = tf.size(ends, tf.int64) - 1

            def batch(step: Any) -> Any:
                rows = order[ends[step] : ends[step + 1]]
                held, whole = ends[step + 1] - ends[step], wholes[step]
                rows = tf.pad(rows, [[0, longest[step] - held]])
                columns = {
                    **_columns(tf.gather(ids, rows), self._ids), **_columns(tf.gather(numbers, rows), self._numbers),
                }  # fmt: skip
                read = {name: columns[name] for name in self.features}
                truth = {name: columns[name] for name in self.labels}
                if not self.weights:
                    return chosen((read, truth), held, whole)
                weights = {name: self._weight(name, columns) for name in self.labels}
                return chosen((read, truth, weights), held, whole)

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

    def _windows(self) -> Iterator[tuple[Matrix, ...]]:
        random = np.random.default_rng([self.seed, self.epoch])
        self.epoch += 1
        for holders, ids, numbers in self._matrices(random):
            order = random.permutation(len(holders)) if self.shuffle else np.arange(len(holders))
            order = order[: self._even(len(order))]
            at = np.append(np.arange(0, len(order), self.batch_size), len(order))
            ends = [np.append(0, np.cumsum(holders[order] == share))[at] for share in range(self.share[1])]
            longest = np.max([np.diff(end) for end in ends], 0)
            # A row's place among the rows that are held here, in the order of all.
            held = holders == self.share[0]
            places = (np.cumsum(held) - 1)[order[held[order]]]
            found = (places, ends[self.share[0]], longest, np.diff(at))
            yield ids, numbers, *(array.astype(np.int32) for array in found)

    def _matrices(self, random: np.random.Generator) -> Iterator[tuple[npt.NDArray[np.int16], Matrix, Matrix]]:
        """By window: the share that holds each of its rows, and the rows of this share."""
        if self.count <= self.memory_rows:
            if self._held is None:
                self._held = self._window([(part, 0, rows) for part, rows in self._rows.items()])
            yield self._held
            return
        parts = list(self.parts)
        if self.shuffle:
            random.shuffle(parts)
        waiting: list[tuple[str, int, int]] = []
        rows = 0
        for part in parts:
            at, left = 0, self._rows[part]
            while rows + left >= self.memory_rows:
                cut = self.memory_rows - rows
                yield self._window([*waiting, (part, at, cut)])
                waiting, rows, at, left = [], 0, at + cut, left - cut
            if left:
                waiting.append((part, at, left))
                rows += left
        if waiting:
            yield self._window(waiting)

    def _window(self, slices: list[tuple[str, int, int]]) -> tuple[npt.NDArray[np.int16], Matrix, Matrix]:
        """The rows of some slices (part, first row, rows)."""
        holders = np.concatenate([np.full(rows, self._holder[part], np.int16) for part, _, rows in slices])
        own = [(part, at, rows) for part, at, rows in slices if self._holder[part] == self.share[0]]
        return holders, *self._pack([self._table(part).slice(at, rows) for part, at, rows in own])

    def _table(self, part: str) -> pa.Table:
        """A part file; a window may end in it and the next begin."""
        if self._last is None or self._last[0] != part:
            self._last = part, pq.read_table(part, partitioning=None)
        return self._last[1]

    def _pack(self, tables: list[pa.Table]) -> tuple[Matrix, Matrix]:
        """Ids as int32 [rows, ids] and numbers as float32 [rows, numbers]: a batch gathers twice, not once a column."""
        # A window of which this share holds no row has still a row that stands for it.
        table = pa.concat_tables(tables) if tables else pq.read_table(self.parts[0], partitioning=None).slice(0, 1)

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
