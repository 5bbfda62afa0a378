"""Parts that presets are made of, in the graph language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import Field

from schemas.artifacts import Feature
from schemas.errors import DataError
from schemas.spec.preset import Expanded, Preset, Rate, Target

Features = Mapping[str, Feature]
Outputs = Mapping[str, Target]


class EmbeddingPreset(Preset):
    """What presets of embeddings and dense layers have in common."""

    embedding: Annotated[int, Field(ge=1)] = 8
    """Width of each embedding."""
    dropout: Rate = 0.1
    """Behind each dense layer."""
    l2: Annotated[float, Field(ge=0)] = 1e-5
    """L2 of the dense layers' kernels."""

    def inputs(self, graph: Expanded, features: Features) -> list[str]:
        """Adds the embeddings; the nodes and features that dense layers read, at least one."""
        ids = embedded(graph, "embedded", features, ids_of(features), self.embedding)
        return some(features, [*numbers_of(features), *ids], "at least one feature")


def numbers_of(features: Features) -> list[str]:
    """The features that are numbers or vectors of numbers."""
    return [name for name, feature in features.items() if not feature.is_ids]


def ids_of(features: Features) -> list[str]:
    """The features that are ids, one a row or several."""
    return [name for name, feature in features.items() if feature.is_ids]


def crosses_of(features: Features) -> list[str]:
    """The features that are crosses of others."""
    return [name for name, feature in features.items() if feature.op == "cross"]


def embedded(
    graph: Expanded, name: str, features: Features, ids: Iterable[str], width: int, **arguments: Any
) -> list[str]:
    """Adds an embedding of each id, the mean of them where a row has several; the nodes that hold them."""
    single = [i for i in ids if features[i].kind == "id"]
    nodes = []
    if single:
        graph.layers.append({"name": name, "layer": "Embedding", "output_dim": width, **arguments, "each": single})
        nodes.append(name)
    for several in (i for i in ids if features[i].kind == "ids"):
        tokens, mean = node(name, several, "tokens"), node(name, several)
        graph.layers += [
            {"name": tokens, "layer": "Embedding", "output_dim": width, **arguments, "inputs": several},
            {"name": mean, "layer": "GlobalAveragePooling1D", "inputs": tokens},
        ]
        nodes.append(mean)
    return nodes


def wide(
    graph: Expanded, features: Features, ids: list[str], numbers: list[str], label: str, output: Target, l2: float
) -> list[str]:  # fmt: skip
    """Adds a linear part of an output: weights for each id, and for each number; the nodes that hold their sums."""
    regularizer = {"embeddings_regularizer": {"L2": l2}} if l2 else {}
    single, nodes = [i for i in ids if features[i].kind == "id"], []
    if single:
        graph.layers.append({
            "name": node("wide", label), "layer": "Embedding", "output_dim": values_of(output),
            "embeddings_initializer": "zeros", **regularizer, "each": single, "join": "Add",
        })  # fmt: skip
        nodes.append(node("wide", label))
    if numbers:
        kernel = {"kernel_regularizer": {"L2": l2}} if l2 else {}
        name = node("linear", label)
        graph.layers.append({"name": name, "layer": "Dense", "units": values_of(output), **kernel, "inputs": numbers})
        nodes.append(name)
    return nodes


def deep(graph: Expanded, name: str, inputs: list[str], units: list[int], dropout: float, l2: float) -> str:
    """Adds a stack of dense layers, each with dropout behind it; its last node."""
    last: str | list[str] = inputs
    for index, width in enumerate(units, start=1):
        kernel = {"kernel_regularizer": {"L2": l2}} if l2 else {}
        dense = node(name, str(index))
        graph.layers.append({
            "name": dense, "layer": "Dense", "units": width, "activation": "relu", **kernel, "inputs": last,
        })  # fmt: skip
        last = dense
        if dropout:
            last = f"{dense}_drop"
            graph.layers.append({"name": last, "layer": "Dropout", "rate": dropout, "inputs": dense})
    assert isinstance(last, str)
    return last


ACTIVATIONS = {"regression": "linear", "binary": "sigmoid", "multiclass": "softmax"}


def values_of(output: Target) -> int:
    """How many values a row an output has."""
    return output.classes or 1 if output.task == "multiclass" else 1


def head(graph: Expanded, label: str, output: Target, deep_node: str | list[str], linear: list[str]) -> None:
    """Adds the last node of an output: the deep part's values and the linear ones, in sum, as its loss needs them."""
    graph.heads[label] = node("out", label)
    activation, terms = ACTIVATIONS[output.task], list(linear)
    if deep_node:
        name = node("deep", label) if linear else node("out", label)
        last = {} if linear else {"activation": activation}
        graph.layers.append({"name": name, "layer": "Dense", "units": values_of(output), **last, "inputs": deep_node})
        if not linear:
            return
        terms.append(name)
    total = terms[0]
    if len(terms) > 1:
        total = node("sum", label)
        graph.layers.append({"name": total, "layer": "Add", "inputs": terms})
    graph.layers.append({"name": node("out", label), "layer": "Activation", "activation": activation, "inputs": total})


def heads(graph: Expanded, outputs: Outputs, deep_node: str | list[str]) -> None:
    """Adds the last node of each output over the same node or nodes."""
    for label, output in outputs.items():
        head(graph, label, output, deep_node, [])


def node(*parts: str) -> str:
    """A node's name out of names that may hold anything."""
    return re.sub(r"\W", "_", "_".join(parts))


def some(features: Features, chosen: list[str], what: str) -> list[str]:
    """`chosen`, of which there must be one."""
    if not chosen:
        raise DataError(f"the preset needs {what}; found {', '.join(features) or 'no feature'}")
    return chosen
