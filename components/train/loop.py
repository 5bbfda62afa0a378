"""The training loop for what Keras' own cannot do: an optimizer for each part of the graph, all moved by one loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf


@dataclass(frozen=True)
class Part:
    """Some of a model's weights and what moves them."""

    optimizer: keras.optimizers.Optimizer
    variables: Sequence[keras.Variable]


class PartedTrainer(keras.Model):
    """Fits a model with several optimizers: one gradient of the whole loss, each part of it to its own optimizer.

    It is compiled and fitted in the model's place, as joint training is described by Cheng et al., "Wide & Deep
    Learning for Recommender Systems", 2016; the model itself is what is saved. `optimizer` of `compile` moves the
    weights that no part has.
    """

    def __init__(self, model: keras.Model, parts: Sequence[Part]) -> None:
        super().__init__(name=f"{model.name}_trainer")
        self.model = model
        self.parts = list(parts)
        taken = {id(variable) for part in parts for variable in part.variables}
        self.rest = [variable for variable in model.trainable_variables if id(variable) not in taken]

    def build(self, input_shape: Any = None) -> None:
        """The model is built already; its optimizers get their weights here."""
        for part in self.parts:
            part.optimizer.build(part.variables)
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """What the model says."""
        return self.model(inputs, training=training)

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step on ({feature: tensor}, {label: [batch]}), with {label: [batch]} of weights behind it or without."""
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            predicted = self(x, training=True)
            loss = self.compute_loss(x, y, predicted, weights, training=True)
        moved = moved_parts(self)
        gradients = tape.gradient(loss, [[variable.value for variable in part.variables] for part in moved])
        for part, found in zip(moved, gradients, strict=True):
            part.optimizer.apply(found, part.variables)
        rows = tf.shape(next(iter(y.values())))[0]
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=rows)
        return self.compute_metrics(x, y, predicted, sample_weight=weights)  # type: ignore[no-any-return]


def moved_parts(fitted: keras.Model) -> list[Part]:
    """All weights of what is fitted, by what moves them."""
    if not isinstance(fitted, PartedTrainer):
        return [Part(fitted.optimizer, fitted.trainable_variables)]
    return [*fitted.parts, Part(fitted.optimizer, fitted.rest)] if fitted.rest else fitted.parts
