"""The Functional model that a spec's graph describes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from components.train.objects import keras_object, reason
from schemas.artifacts import Feature
from schemas.errors import DataError
from schemas.graph import topological_order
from schemas.source_map import Path, dotted_path
from schemas.spec import Layer, Model
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
        DataError: Keras refuses a layer, or an output has not one value a row; the text names each.
    """
    inputs, outputs, mistakes = graph(section, features, module)
    if mistakes:
        raise DataError("\n".join(f"{dotted_path(at)}: {message}" for at, message in mistakes))
    return keras.Model(inputs, outputs, name=name.replace("-", "_"))


def graph(
    section: Model, features: Mapping[str, Feature], module: str = ""
) -> tuple[dict[str, Any], dict[str, Any], list[tuple[Path, str]]]:
    """Calls every layer on symbolic tensors.

    Returns:
        Inputs by feature, outputs by label, and all mistakes: where in the spec, and what. A layer that reads
        one that failed is not tried.
    """
    if section.builder is not None:
        inputs, tensors = _built(section, features, module)
        wanted = {label: label for label in section.outputs}
        mistakes: list[tuple[Path, str]] = []
    else:
        used = {read for layer in section.layers for read in layer.reads() if read in features}
        inputs = {name: _input(feature) for name, feature in features.items() if name in used}
        tensors, mistakes = _called(section, inputs, features)
        wanted = {label: output.layer for label, output in section.outputs.items()}
    for label, layer in wanted.items():
        if layer in tensors and tuple(tensors[layer].shape) not in ((None, 1), (None,)):
            message = f"'{layer}' has shape {tuple(tensors[layer].shape)}; expected (None, 1), one value a row"
            mistakes.append((("model", "outputs", label), message))
    return inputs, {label: tensors.get(layer) for label, layer in wanted.items()}, mistakes


def _built(section: Model, features: Mapping[str, Feature], module: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs and outputs of the model that the user's function makes."""
    assert section.builder is not None
    where = f"{section.builder.module}: {section.builder.function}"
    function = load_function(module, section.builder.module, section.builder.function)
    inputs = {name: _input(feature) for name, feature in features.items()}
    try:
        built = function(dict(inputs), dict(features))
    except Exception as error:
        raise DataError(f"{where} failed: {type(error).__name__}: {reason(error)}") from error
    if isinstance(built, keras.Model):
        inputs, built = {tensor.name: tensor for tensor in built.inputs}, built.output
    if not isinstance(built, dict) or set(built) != set(section.outputs):
        found = sorted(built) if isinstance(built, dict) else type(built).__name__
        raise DataError(
            f"{where} returned {found}; expected a mapping with a tensor for each of {sorted(section.outputs)}"
        )
    return inputs, built


def _called(
    section: Model, inputs: Mapping[str, Any], features: Mapping[str, Feature]
) -> tuple[dict[str, Any], list[tuple[Path, str]]]:
    tensors: dict[str, Any] = dict(inputs)
    mistakes: list[tuple[Path, str]] = []
    places = {layer.name: index for index, layer in enumerate(section.layers)}
    for name in topological_order({layer.name: layer.reads() for layer in section.layers}):
        layer = section.layers[places[name]]
        if any(read not in tensors for read in layer.reads()):
            continue
        try:
            tensors[name] = _apply(layer, tensors, features)
        except (ValueError, TypeError) as error:
            shapes = ", ".join(f"{read} {tuple(tensors[read].shape)}" for read in layer.reads())
            message = f"'{name}' ({layer.layer}) of {shapes}: {reason(error)}"
            mistakes.append((("model", "layers", places[name]), message))
    return tensors, mistakes


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
