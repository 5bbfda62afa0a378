"""What only Keras can find wrong with a model, before there is any data: its graph, its optimizer, its losses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import components.train.presets  # noqa: F401  makes the presets known
from components.train.compiling import compile_arguments
from components.train.graph import build_graph
from schemas.artifacts import Feature
from schemas.progress import Progress
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
    known = {name: Feature(name, **feature) for name, feature in features.items()}
    predicted = {label: Feature(label, **about) for label, about in labels.items()}
    section = expanded(Model.model_validate_json(model), known, predicted)
    built = build_graph(section, known, json.loads(module) if module else "", predicted)
    _, of_training = compile_arguments(section, steps_per_epoch=1)
    Path(output).write_text(json.dumps(built.mistakes + of_training), encoding="utf-8")
