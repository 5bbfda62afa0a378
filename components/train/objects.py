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


def keras_object(cls: type, arguments: Mapping[str, Any], **more: Any) -> Any:
    """An instance of a Keras class.

    Args:
        cls: the class.
        arguments: by their Keras names; a regularizer, initializer, constraint or learning-rate schedule is a
            mapping from its class to its arguments, or to its first argument's value.
        **more: arguments that are no plain values, such as name.

    Raises:
        ValueError, TypeError: what Keras finds wrong with them.
    """
    return cls(**{name: _value(name, value) for name, value in arguments.items()}, **more)


def _value(argument: str, value: Any) -> Any:
    group = object_group(argument)
    if group is None or not isinstance(value, dict):
        return value
    ((name, options),) = value.items()
    found = getattr(_MODULES[group], name)
    if isinstance(options, dict):
        return found(**options)
    if options is None:
        return found()
    return found(**{keras_names().classes[group][name][0]: options})
