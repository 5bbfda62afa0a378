"""Parts that presets are made of, in the graph language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from schemas.artifacts import Feature
from schemas.errors import DataError
from schemas.spec.outputs import Output
from schemas.spec.preset import Expanded

Features = Mapping[str, Feature]
Outputs = Mapping[str, Output]


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
        tokens, mean = f"{name}_{several}_tokens", f"{name}_{several}"
        graph.layers += [
            {"name": tokens, "layer": "Embedding", "output_dim": width, **arguments, "inputs": several},
            {"name": mean, "layer": "GlobalAveragePooling1D", "inputs": tokens},
        ]
        nodes.append(mean)
    return nodes


def wide(graph: Expanded, features: Features, ids: list[str], numbers: list[str], label: str, l2: float) -> list[str]:
    """Adds a linear part of an output: a weight for each id, and for each number; the nodes of one value a row."""
    regularizer = {"embeddings_regularizer": {"L2": l2}} if l2 else {}
    single = [i for i in ids if features[i].kind == "id"]
    nodes = []
    if single:
        graph.layers.append({
            "name": f"{label}_wide", "layer": "Embedding", "output_dim": 1, "embeddings_initializer": "zeros",
            **regularizer, "each": single, "join": "Add",
        })  # fmt: skip
        nodes.append(f"{label}_wide")
    if numbers:
        kernel = {"kernel_regularizer": {"L2": l2}} if l2 else {}
        graph.layers.append({"name": f"{label}_linear", "layer": "Dense", "units": 1, **kernel, "inputs": numbers})
        nodes.append(f"{label}_linear")
    return nodes


def deep(graph: Expanded, name: str, inputs: list[str], units: list[int], dropout: float, l2: float) -> str:
    """Adds a stack of dense layers, each with dropout behind it; its last node."""
    last: str | list[str] = inputs
    for index, width in enumerate(units, start=1):
        kernel = {"kernel_regularizer": {"L2": l2}} if l2 else {}
        node = f"{name}_{index}"
        graph.layers.append({
            "name": node, "layer": "Dense", "units": width, "activation": "relu", **kernel, "inputs": last,
        })  # fmt: skip
        last = node
        if dropout:
            graph.layers.append({"name": f"{node}_drop", "layer": "Dropout", "rate": dropout, "inputs": node})
            last = f"{node}_drop"
    assert isinstance(last, str)
    return last


def head(graph: Expanded, label: str, output: Output, deep_node: str | list[str], linear: list[str]) -> None:
    """Adds the last node of an output: the deep part's one value, the linear ones added to it, as its loss needs it."""
    if output.task == "multiclass":
        raise DataError(
            f"a preset has no head for the classes of '{label}': name a node of your own as model.outputs.{label}.layer"
        )
    probability = {"activation": "sigmoid"} if output.task == "binary" else {}
    graph.heads[label] = f"{label}_out"
    terms = list(linear)
    if deep_node:
        alone = not linear
        name = f"{label}_out" if alone else f"{label}_deep"
        graph.layers.append(
            {"name": name, "layer": "Dense", "units": 1, **(probability if alone else {}), "inputs": deep_node}
        )
        if alone:
            return
        terms.append(name)
    total = f"{label}_sum" if len(terms) > 1 else terms[0]
    if len(terms) > 1:
        graph.layers.append({"name": total, "layer": "Add", "inputs": terms})
    activation = "sigmoid" if output.task == "binary" else "linear"
    graph.layers.append({"name": f"{label}_out", "layer": "Activation", "activation": activation, "inputs": total})


def some(features: Features, chosen: list[str], what: str) -> list[str]:
    """`chosen`, of which there must be one."""
    if not chosen:
        raise DataError(f"the preset needs {what}; found {', '.join(features) or 'no feature'}")
    return chosen
