"""Training on several workers: synchronous data parallel, every batch divided among them.

tf.distribute's MultiWorkerMirroredStrategy carries what the workers tell each other; the loop is our own, since `fit`
of Keras 3 fails under it. Each worker holds the whole model, made with the same seed, and moves it by the sum of the
gradients of all, so that all stay the same (Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 3). Rows are
weighted so that this sum is the gradient of the whole batch, however unevenly it is divided.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from components.train.batches import Rows
from components.train.checkpoint import Checkpoint
from components.train.loop import moved_parts


@dataclass(frozen=True)
class Node:
    """A worker among others.

    Attributes:
        index: its own; worker 0 writes the model.
        addresses: of all, host:port.
    """

    index: int
    addresses: Sequence[str]

    def strategy(self) -> tf.distribute.MultiWorkerMirroredStrategy:
        """Meets the others. Nothing of TensorFlow may have run before."""
        cluster = {"cluster": {"worker": list(self.addresses)}, "task": {"type": "worker", "index": self.index}}
        os.environ["TF_CONFIG"] = json.dumps(cluster)
        return tf.distribute.MultiWorkerMirroredStrategy()


class Together:
    """Fits a compiled model with others.

    Args:
        fitted: what `compile_model` returned; the same in every worker.
        node: this worker.
        strategy: that it met the others by.
        steps_between: steps between two looks at the loss.
    """

    def __init__(self, fitted: keras.Model, node: Node, strategy: tf.distribute.Strategy, steps_between: int) -> None:
        self.fitted, self.node, self.strategy = fitted, node, strategy
        self.steps_between = steps_between
        self.parts = moved_parts(fitted)
        for part in self.parts:
            part.optimizer.build(part.variables)
        self._evaluate = tf.function(self._evaluated, reduce_retracing=True)
        self._step = tf.function(self._moved, reduce_retracing=True)

    def fit(
        self, rows: Rows, validation: Rows | None, epochs: int, callbacks: Sequence[keras.callbacks.Callback],
        checkpoint: Checkpoint,
    ) -> dict[str, list[float]]:  # fmt: skip
        """Trains from the last checkpoint, or from the start.

        Args:
            rows: of the train split, this worker's share.
            validation: of the eval split, likewise.
            epochs: the most.
            callbacks: Keras' own; each worker's see the same numbers.
            checkpoint: where it goes on from, and what is kept.

        Returns:
            History: loss, and val_loss and the metrics of the eval split, by epoch.
        """
        stopping = next((c for c in callbacks if isinstance(c, keras.callbacks.EarlyStopping)), None)
        told = keras.callbacks.CallbackList(list(callbacks), model=self.fitted)
        told.on_train_begin()
        state = checkpoint.restore(self.fitted, self.parts, stopping)
        self.fitted.stop_training = False
        rows.epoch = state.epoch
        while state.epoch < epochs and not self.fitted.stop_training:
            told.on_epoch_begin(state.epoch)
            for losses, wholes in self._steps(rows, state.step):
                for loss, whole in zip(losses, wholes, strict=True):
                    state.loss += loss * whole
                    state.rows += whole
                    state.step += 1
                told.on_train_batch_end(state.step - 1, {"loss": state.loss / state.rows})
                if self.node.index == 0 and checkpoint.due(len(losses)):
                    checkpoint.save(state, self.fitted, self.parts, stopping)
            logs = {"loss": state.loss / state.rows, **self._validated(validation)}
            for key, value in logs.items():
                state.history.setdefault(key, []).append(value)
            told.on_epoch_end(state.epoch, logs)
            state.begin_epoch()
        told.on_train_end()
        return state.history

    def _steps(self, rows: Rows, after: int) -> Iterator[tuple[list[float], list[int]]]:
        """Runs the rest of an epoch, several steps between two looks at it: the loss and the rows of each.

        Each step is a call of its own: in a loop of TensorFlow's, the collectives of one step met those of another.
        """
        batches = iter(rows.shared_dataset().skip(after))
        left = rows.steps - after
        while left:
            steps = min(self.steps_between, left)
            found = [self._step(*next(batches)) for _ in range(steps)]
            left -= steps
            yield [float(loss) for loss, _ in found], [int(whole) for _, whole in found]

    def _moved(self, batch: Any, held: Any, whole: Any) -> Any:
        """Moves the weights by one batch of all workers; returns its loss and its rows."""
        x, y, weights = keras.utils.unpack_x_y_sample_weight(batch)
        rows = tf.shape(next(iter(y.values())))[0]
        counts = tf.cast(tf.range(rows) < held, tf.float32)
        weights = {name: counts * weights[name] if weights else counts for name in y}
        share = tf.cast(rows, tf.float32) / tf.cast(whole, tf.float32)
        with tf.GradientTape() as tape:
            predicted = self.fitted(x, training=True)
            everything = self.fitted.compute_loss(x, y, predicted, weights, training=True)
            penalties = tf.add_n(self.fitted.losses) if self.fitted.losses else tf.zeros([])
            loss = (everything - penalties) * share + penalties / len(self.node.addresses)
        gradients = tape.gradient(loss, [[variable.value for variable in part.variables] for part in self.parts])
        summed, total = self._sum((gradients, loss))
        for part, found in zip(self.parts, summed, strict=True):
            part.optimizer.apply(found, part.variables)
        return total, whole

    def _sum(self, values: Any) -> Any:
        """The sum of all workers' values."""
        flat = tf.nest.flatten(values, expand_composites=False)
        there = [value for value in flat if value is not None]

        def reduced() -> list[Any]:
            # Here they get the device of the replica, which the strategy asks them for.
            placed = tf.nest.map_structure(tf.identity, there, expand_composites=True)
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, placed)  # type: ignore[no-any-return]

        found = iter(self.strategy.run(reduced))
        return tf.nest.pack_sequence_as(values, [None if value is None else next(found) for value in flat])

    def _validated(self, rows: Rows | None) -> dict[str, float]:
        """Loss and metrics of the eval split: each worker's sums over its share, added up."""
        if rows is None:
            return {}
        self.fitted.reset_metrics()
        for batch, held, _ in rows.shared_dataset():
            if held:
                self._evaluate(tf.nest.map_structure(lambda rows, held=held: rows[:held], batch))
        variables = self.fitted.metrics_variables
        totals = tf.function(lambda: self._sum([variable.value for variable in variables]))()
        for variable, total in zip(variables, totals, strict=True):
            variable.assign(total)
        found = {f"val_{key}": float(value) for key, value in self.fitted.get_metrics_result().items()}
        self.fitted.reset_metrics()
        return found

    def _evaluated(self, batch: Any) -> None:
        x, y, weights = keras.utils.unpack_x_y_sample_weight(batch)
        predicted = self.fitted(x, training=False)
        loss = self.fitted.compute_loss(x, y, predicted, weights, training=False)
        count = tf.shape(next(iter(y.values())))[0]
        for metric in self.fitted.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=count)
        self.fitted.compute_metrics(x, y, predicted, sample_weight=weights)
