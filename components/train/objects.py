"""Keras objects out of a spec's plain values: `{L2: 0.001}`, `{CosineDecay: {…}}`, `relu`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from schemas.keras_names import keras_names, object_group

_MODULES = {
    "regularizers": keras.regularizers,
    "initializers": keras.initializers,
    "constraints": keras.constraints,
    "schedules": keras.optimizers.schedules,
}


def keras_object(cls: type, arguments: Mapping[str, Any], steps_per_epoch: int = 1, **more: Any) -> Any:
    """An instance of a Keras class.

    Args:
        cls: the class.
        arguments: by their Keras names; a regularizer, initializer, constraint or learning-rate schedule is a
            mapping from its class to its arguments, or to its first argument's value. A schedule's number of steps
            can be `{epochs: 1.5}`.
        steps_per_epoch: batches an epoch.
        **more: arguments that are no plain values, such as name.

    Raises:
        ValueError, TypeError: what Keras finds wrong with them.
    """
    return cls(**{name: _value(name, value, steps_per_epoch) for name, value in arguments.items()}, **more)


def reason(error: Exception) -> str:
    """What Keras says, without the frame it puts around it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Exception encountered", "Arguments received", "•"))]
    return (told or lines or [type(error).__name__])[0]


def _value(argument: str, value: Any, steps_per_epoch: int) -> Any:
    group = object_group(argument)
    if group is None or not isinstance(value, dict):
        return value
    ((name, options),) = value.items()
    found = getattr(_MODULES[group], name)
    if isinstance(options, dict):
        return found(**{option: _steps(given, steps_per_epoch) for option, given in options.items()})
    if options is None:
        return found()
    return found(**{keras_names().classes[group][name][0]: options})


def _steps(given: Any, steps_per_epoch: int) -> Any:
    return max(1, round(given["epochs"] * steps_per_epoch)) if isinstance(given, dict) else given
