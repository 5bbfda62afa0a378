"""What only Keras can find wrong with a model, before there is any data: its graph, its optimizer, its losses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import components.train.presets  # noqa: F401  makes the presets known
from components.train.compiling import compile_arguments
from components.train.graph import Graph, build_graph
from schemas.artifacts import Feature
from schemas.progress import Progress
from schemas.source_map import Path as Place
from schemas.spec import Model
from schemas.spec.expand import expanded


def run(
    *, model: str, features: dict[str, dict[str, Any]], labels: dict[str, dict[str, Any]], module: str,
    output: str, progress: Progress,
) -> None:  # fmt: skip
    """Writes all mistakes of a graph to the file `output`, as JSON: a list of [place in the spec, message].

    Args:
        model: the spec's section as JSON.
        features: kind, size and length by name; the size of a vocabulary is not known yet, any will do.
        labels: the same of the labels.
        module: as JSON, the text of the module that the section names.
        output: the file to write.
        progress: not told of anything.
    """
    _, _, mistakes = tried(model, features, labels, module)
    Path(output).write_text(json.dumps(mistakes), encoding="utf-8")


def tried(
    model: str, features: dict[str, dict[str, Any]], labels: dict[str, dict[str, Any]], module: str
) -> tuple[Model, Graph, list[tuple[Place, str]]]:  # fmt: skip
    """The section written out, its graph on symbolic tensors, and all mistakes of graph, optimizer and losses."""
    known, predicted = ({n: Feature(n, **about) for n, about in given.items()} for given in (features, labels))
    section = expanded(Model.model_validate_json(model), known, predicted)
    built = build_graph(section, known, json.loads(module) if module else "", predicted)
    _, of_training = compile_arguments(section, steps_per_epoch=1)
    return section, built, built.mistakes + of_training
