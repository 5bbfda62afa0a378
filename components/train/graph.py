"""The Functional model that a spec's graph describes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from components.train.objects import keras_object
from schemas.artifacts import Feature
from schemas.errors import DataError
from schemas.graph import topological_order
from schemas.spec import Layer, Model
from schemas.spec.model import metric_name
from schemas.user_module import load_function

MERGING = {"Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract", "Attention"}


def build_model(section: Model, features: Mapping[str, Feature], name: str, module: str = "") -> keras.Model:
    """Builds the model.

    Args:
        section: the spec's model section.
        features: what transform wrote, by name.
        name: the model's name.
        module: the text of the module that `section.builder` names.

    Returns:
        A Functional model from {feature: [batch] or [batch, 1]} to {output: [batch, 1]}.

    Raises:
        DataError: Keras refuses a layer; the text names it.
    """
    if section.builder is not None:
        inputs = {name: _input(feature) for name, feature in features.items()}
        function = load_function(module, section.builder.module, section.builder.function)
        built = function(inputs, dict(features))
        return built if isinstance(built, keras.Model) else keras.Model(inputs, built, name=name)
    used = {read for layer in section.layers for read in layer.reads() if read in features}
    inputs = {name: _input(feature) for name, feature in features.items() if name in used}
    tensors: dict[str, Any] = dict(inputs)
    layers = {layer.name: layer for layer in section.layers}
    for layer_name in topological_order({name: layer.reads() for name, layer in layers.items()}):
        layer = layers[layer_name]
        try:
            tensors[layer_name] = _apply(layer, tensors, features)
        except (ValueError, TypeError) as error:
            shapes = ", ".join(f"{read} {tuple(tensors[read].shape)}" for read in layer.reads())
            raise DataError(f"model.layers '{layer_name}' ({layer.layer}) of {shapes}: {error}") from None
    outputs = {label: tensors[output.layer] for label, output in section.outputs.items()}
    for label, tensor in outputs.items():
        if tuple(tensor.shape) not in ((None, 1), (None,)):
            layer_name = section.outputs[label].layer
            raise DataError(
                f"model.outputs.{label}: '{layer_name}' has shape {tuple(tensor.shape)}; expected (None, 1)"
            )
    return keras.Model(inputs, outputs, name=name.replace("-", "_"))


def _input(feature: Feature) -> Any:
    if feature.kind == "id":
        return keras.Input((), name=feature.name, dtype="int32")
    return keras.Input((1,), name=feature.name, dtype="float32")


def _apply(layer: Layer, tensors: Mapping[str, Any], features: Mapping[str, Feature]) -> Any:
    if layer.each is not None:
        copies = [_make(layer, f"{layer.name}_{read}", [read], features)(tensors[read]) for read in layer.each]
        join = getattr(keras.layers, layer.join)
        return join(name=layer.name)(copies) if len(copies) > 1 else copies[0]
    reads = layer.reads()
    made = _make(layer, layer.name, reads, features)
    if len(reads) == 1:
        return made(tensors[reads[0]])
    values = [tensors[read] for read in reads]
    if layer.layer in MERGING:
        return made(values)
    return made(keras.layers.Concatenate(name=f"{layer.name}_inputs")(values))


def _make(layer: Layer, name: str, reads: list[str], features: Mapping[str, Feature]) -> Any:
    arguments = layer.arguments()
    if layer.layer == "Embedding":
        arguments["input_dim"] = features[reads[0]].size
    return keras_object(getattr(keras.layers, layer.layer), arguments, name=name)


def compile_model(model: keras.Model, section: Model) -> None:
    """Gives the model its optimizer, losses and metrics."""
    training = section.training
    optimizer = getattr(keras.optimizers, training.optimizer.name)
    losses, metrics = {}, {}
    for label, output in section.outputs.items():
        loss = keras.losses.get(output.loss)
        if output.loss_arguments:
            loss = type(keras.losses.get({"class_name": _class_name(output.loss), "config": {}}))(
                **output.loss_arguments
            )
        losses[label] = loss
        metrics[label] = [getattr(keras.metrics, metric)(name=metric_name(metric)) for metric in output.metrics]
    model.compile(
        optimizer=keras_object(optimizer, training.optimizer.arguments()),
        loss=losses,
        loss_weights={label: output.loss_weight for label, output in section.outputs.items()},
        metrics=metrics,
        steps_per_execution=training.steps_per_execution,
        jit_compile=False,
    )


def _class_name(loss: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in loss.split("_"))
