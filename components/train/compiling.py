"""Optimizer, losses and metrics of a spec, as Keras' `compile` takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from components.train.objects import keras_object, reason
from schemas.errors import DataError
from schemas.source_map import Path, dotted_path
from schemas.spec import Model, Output
from schemas.spec.model import metric_name


def compile_model(model: keras.Model, section: Model, steps_per_epoch: int) -> None:
    """Gives the model its optimizer, losses and metrics.

    Args:
        model: with an output for each of `section.outputs`.
        section: the spec's model section.
        steps_per_epoch: batches an epoch, for schedules that are given in epochs.

    Raises:
        DataError: Keras refuses an argument; the text names each.
    """
    arguments, mistakes = compile_arguments(section, steps_per_epoch)
    if mistakes:
        raise DataError("\n".join(f"{dotted_path(at)}: {message}" for at, message in mistakes))
    model.compile(**arguments, jit_compile=False)


def compile_arguments(section: Model, steps_per_epoch: int) -> tuple[dict[str, Any], list[tuple[Path, str]]]:
    """What `keras.Model.compile` is given, and all mistakes: where in the spec, and what."""
    mistakes: list[tuple[Path, str]] = []
    optimizer = section.training.optimizer
    arguments: dict[str, Any] = {
        "loss": {},
        "metrics": {},
        "loss_weights": {label: output.loss_weight for label, output in section.outputs.items()},
        "steps_per_execution": section.training.steps_per_execution,
    }
    try:
        cls = getattr(keras.optimizers, optimizer.name)
        arguments["optimizer"] = keras_object(cls, optimizer.arguments(), steps_per_epoch)
    except (ValueError, TypeError) as error:
        mistakes.append((("model", "training", "optimizer"), f"{optimizer.name}: {reason(error)}"))
    for label, output in section.outputs.items():
        try:
            arguments["loss"][label] = _loss(output)
        except (ValueError, TypeError) as error:
            mistakes.append((("model", "outputs", label, "loss"), f"{output.loss}: {reason(error)}"))
        arguments["metrics"][label] = [
            getattr(keras.metrics, metric)(name=metric_name(metric)) for metric in output.metrics
        ]
    return arguments, mistakes


def _loss(output: Output) -> Any:
    loss = keras.losses.get(output.loss)
    if not output.loss_arguments:
        return loss
    name = "".join(word[:1].upper() + word[1:] for word in output.loss.split("_"))
    cls: Mapping[str, Any] = vars(keras.losses)
    return cls[name](**output.loss_arguments)
