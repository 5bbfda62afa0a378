"""Writes `schemas/keras_names.json` from the installed Keras: `python -m components.train.keras_names`."""

from __future__ import annotations

import inspect
import json
from types import ModuleType
from typing import Any

import keras

from schemas.keras_names import FILE, UNSAFE


def collect() -> dict[str, Any]:
    """The names of layers, losses, optimizers … and of their arguments."""
    modules: dict[str, tuple[ModuleType, type]] = {
        "layers": (keras.layers, keras.layers.Layer),
        "losses": (keras.losses, keras.losses.Loss),
        "metrics": (keras.metrics, keras.metrics.Metric),
        "optimizers": (keras.optimizers, keras.optimizers.Optimizer),
        "regularizers": (keras.regularizers, keras.regularizers.Regularizer),
        "initializers": (keras.initializers, keras.initializers.Initializer),
        "constraints": (keras.constraints, keras.constraints.Constraint),
        "schedules": (keras.optimizers.schedules, keras.optimizers.schedules.LearningRateSchedule),
    }
    classes = {
        group: {
            name: _arguments(cls)
            for name, cls in sorted(vars(module).items())
            if inspect.isclass(cls) and issubclass(cls, base) and cls is not base and name not in UNSAFE
        }
        for group, (module, base) in modules.items()
    }
    groups = ("losses", "activations", "regularizers", "initializers", "constraints")
    functions = {group: _functions(getattr(keras, group)) for group in groups}
    return {"keras": keras.__version__, "classes": classes, "functions": {**functions, "schedules": []}}


def _arguments(cls: type) -> list[str]:
    """The keyword arguments of a class, those of its bases too where it passes `**kwargs` on."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names: list[str] = []
    for base in cls.__mro__:
        init = base.__dict__.get("__init__")
        if init is None:
            continue
        parameters = list(inspect.signature(init).parameters.values())[1:]
        names += [parameter.name for parameter in parameters if parameter.kind in named]
        if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
            break
    return list(dict.fromkeys(n for n in names if n != "name"))


def _functions(module: ModuleType) -> list[str]:
    return sorted(
        name for name, value in vars(module).items()
        if name not in ("get", "serialize", "deserialize") and inspect.isfunction(value)
    )  # fmt: skip


if __name__ == "__main__":
    FILE.write_text(json.dumps(collect(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
