"""Several GPUs of one machine: tf.distribute's MirroredStrategy around Keras' own `fit`."""

from __future__ import annotations

import contextlib

import tensorflow as tf

from schemas.errors import DataError
from schemas.spec import Model


def for_devices(section: Model) -> Model:
    """The section as several devices can take it: Keras' loop of several steps fails under MirroredStrategy where the
    optimizer has a condition in it, so that each step is a call of its own.
    """
    if section.training.devices == 1:
        return section
    return section.model_copy(update={"training": section.training.model_copy(update={"steps_per_execution": 1})})


def on_devices(count: int) -> contextlib.AbstractContextManager[object]:
    """What a model is built and compiled in, so that each of its batches is divided among so many devices.

    Raises:
        DataError: there are fewer.
    """
    if count == 1:
        return contextlib.nullcontext()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) < count:
        raise DataError(
            f"model.training.devices: {count} asked for, found {len(devices)} "
            f"({', '.join(device.name for device in devices)}); ask for fewer, or for a node with more"
        )
    scope: contextlib.AbstractContextManager[object] = tf.distribute.MirroredStrategy(devices[:count]).scope()
    return scope
