"""Keras objects out of a spec's plain values (`{L2: 0.001}`, `{CosineDecay: {…}}`, `relu`), and the Python of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

from schemas.keras_names import keras_names, object_group

_MODULES = {
    "layers": keras.layers,
    "regularizers": keras.regularizers,
    "initializers": keras.initializers,
    "constraints": keras.constraints,
    "schedules": keras.optimizers.schedules,
}


@dataclass(frozen=True)
class Made:
    """A value and the Python expression that yields it."""

    value: Any
    code: str


def keras_object(
    cls: type, path: str, arguments: Mapping[str, Any], steps_per_epoch: int = 1, **more: Any
) -> Made:  # fmt: skip
    """An instance of a Keras class.

    Args:
        cls: the class.
        path: how Python names it, such as `keras.layers.Dense`.
        arguments: by their Keras names; a regularizer, initializer, constraint, learning-rate schedule or wrapped
            layer is a mapping from its class to its arguments, or to its first argument's value. A schedule's
            number of steps can be `{epochs: 1.5}`.
        steps_per_epoch: batches an epoch.
        **more: arguments that are plain values, such as name.

    Raises:
        ValueError, TypeError: what Keras finds wrong with them.
    """
    made = {name: _value(name, value, steps_per_epoch) for name, value in arguments.items()}
    made |= {name: Made(value, repr(value)) for name, value in more.items()}
    if "of" in made:  # what a wrapper (Bidirectional, TimeDistributed) calls its layer
        made["layer"] = made.pop("of")
    return _call(cls, path, made)


def reason(error: Exception) -> str:
    """What Keras says, without the frame it puts around it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Exception encountered", "Arguments received", "•"))]
    return (told or lines or [type(error).__name__])[0]


def _call(cls: Any, path: str, made: Mapping[str, Made]) -> Made:
    code = ", ".join(f"{name}={part.code}" for name, part in made.items())
    return Made(cls(**{name: part.value for name, part in made.items()}), f"{path}({code})")


def _value(argument: str, value: Any, steps_per_epoch: int) -> Made:
    group = object_group(argument)
    if group is None or not isinstance(value, dict):
        return Made(value, repr(value))
    ((name, options),) = value.items()
    module = _MODULES[group]
    path = f"{module.__name__}.{name}"
    if options is None:
        options = {}
    elif not isinstance(options, dict):
        options = {keras_names().classes[group][name][0]: options}
    made = {option: _option(option, given, steps_per_epoch) for option, given in options.items()}
    return _call(getattr(module, name), path, made)


def _option(option: str, given: Any, steps_per_epoch: int) -> Made:
    if isinstance(given, dict) and "epochs" in given:
        given = max(1, round(given["epochs"] * steps_per_epoch))
    return _value(option, given, steps_per_epoch)
