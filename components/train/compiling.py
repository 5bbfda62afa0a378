"""Optimizer, losses and metrics of a spec, as Keras' `compile` takes them."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import keras

from components.train.loop import Part, PartedTrainer
from components.train.objects import keras_object, reason
from schemas.errors import DataError
from schemas.source_map import Path, dotted_path
from schemas.spec import Model, Optimizer, Output
from schemas.spec.outputs import metric_name

Layers = Mapping[str, list[keras.layers.Layer]]


def compile_model(
    model: keras.Model, section: Model, steps_per_epoch: int, layers: Layers | None = None
) -> keras.Model:  # fmt: skip
    """Gives the model its optimizers, losses and metrics.

    Args:
        model: with an output for each of `section.outputs`.
        section: the spec's model section, expanded.
        steps_per_epoch: batches an epoch, for schedules that are given in epochs.
        layers: by node, the Keras layers that it made; for optimizers of parts of the graph.

    Returns:
        What is to be fitted: the model itself, or, with optimizers of parts, a trainer around it.

    Raises:
        DataError: Keras refuses an argument, or a part has no weights; the text names each.
    """
    arguments, mistakes = compile_arguments(section, steps_per_epoch)
    parts = []
    for index, optimizer in enumerate(section.training.optimizers):
        at = ("model", "training", "optimizers", index)
        chosen = [
            layer for node, made in (layers or {}).items() for layer in made
            if any(fnmatchcase(node, pattern) for pattern in optimizer.layers)
        ]  # fmt: skip
        variables = [variable for layer in chosen for variable in layer.trainable_variables]
        if not variables:
            mistakes.append((at, f"{', '.join(optimizer.layers)} have no weights to move"))
        elif not mistakes:
            parts.append(Part(_optimizer(optimizer, steps_per_epoch), variables))
    if mistakes:
        raise DataError("\n".join(f"{dotted_path(at)}: {message}" for at, message in mistakes))
    fitted = PartedTrainer(model, parts) if parts else model
    fitted.compile(**arguments, jit_compile=section.training.xla)
    return fitted


def compile_arguments(section: Model, steps_per_epoch: int) -> tuple[dict[str, Any], list[tuple[Path, str]]]:
    """What `keras.Model.compile` is given, and all mistakes: where in the spec, and what."""
    mistakes: list[tuple[Path, str]] = []
    training = section.training
    arguments: dict[str, Any] = {
        "loss": {},
        "metrics": {},
        "loss_weights": {label: output.loss_weight for label, output in section.outputs.items()},
        "steps_per_execution": training.steps_per_execution,
    }
    optimizers: list[tuple[Path, Optimizer]] = [(("optimizer",), training.optimizer)]
    optimizers += [(("optimizers", index), part) for index, part in enumerate(training.optimizers)]
    for at, optimizer in optimizers:
        try:
            made = _optimizer(optimizer, steps_per_epoch)
        except (ValueError, TypeError) as error:
            mistakes.append((("model", "training", *at), f"{optimizer.name}: {reason(error)}"))
        else:
            arguments.setdefault("optimizer", made)
    for label, output in section.outputs.items():
        try:
            arguments["loss"][label] = _loss(output)
        except (ValueError, TypeError) as error:
            mistakes.append((("model", "outputs", label, "loss"), f"{output.loss}: {reason(error)}"))
        arguments["metrics"][label] = [
            getattr(keras.metrics, metric)(name=metric_name(metric)) for metric in output.metrics
        ]
    return arguments, mistakes


def _optimizer(optimizer: Optimizer, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    cls = getattr(keras.optimizers, optimizer.name)
    made = keras_object(cls, f"keras.optimizers.{optimizer.name}", optimizer.arguments(), steps_per_epoch)
    return made.value  # type: ignore[no-any-return]


def _loss(output: Output) -> Any:
    loss = keras.losses.get(output.loss)
    if not output.loss_arguments:
        return loss
    name = "".join(word[:1].upper() + word[1:] for word in output.loss.split("_"))
    cls: Mapping[str, Any] = vars(keras.losses)
    return cls[name](**output.loss_arguments)
