"""A model for a person to look at: its layers as a table, its graph as a picture, the Python of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras

from components.train.check import tried
from components.train.code import model_code
from components.train.graph import functional, model_name
from components.train.plot import plot_png, plot_svg
from schemas.progress import Progress


def run(
    *, model: str, features: dict[str, dict[str, Any]], labels: dict[str, dict[str, Any]], module: str, name: str,
    output: str, plot: str, progress: Progress,
) -> None:  # fmt: skip
    """Writes to the file `output`, as JSON: the mistakes, or else the layers, the number of parameters and the code.

    Args:
        model: the spec's section as JSON.
        features: kind, size and length by name.
        labels: the same of the labels.
        module: as JSON, the text of the module that the section names.
        name: the model's name.
        output: the file to write.
        plot: a file that ends in .svg or .png for the picture, or "".
        progress: not told of anything.
    """
    section, built, mistakes = tried(model, features, labels, module)
    if mistakes:
        Path(output).write_text(json.dumps({"mistakes": mistakes}), encoding="utf-8")
        return
    made = functional(built, name)
    own = sorted({str(n.layer) for n in section.layers if n.layer and not hasattr(keras.layers, n.layer)}
                 - set(section.blocks) - {"Sequential"})  # fmt: skip
    code = "" if section.builder is not None else model_code(model_name(name), built.lines, section.module, own)
    about = {"mistakes": [], "layers": _rows(made), "parameters": int(made.count_params()), "code": code}
    Path(output).write_text(json.dumps(about), encoding="utf-8")
    if plot.endswith(".png"):
        plot_png(made, Path(plot))
    elif plot:
        Path(plot).write_text(plot_svg(made), encoding="utf-8")


def _rows(model: keras.Model) -> list[dict[str, Any]]:
    rows = []
    for operation in model.operations:
        outputs = operation.output if isinstance(operation.output, list | tuple) else [operation.output]
        read_by = [node.parent_nodes for node in operation._inbound_nodes]
        reads = list(dict.fromkeys(parent.operation.name for parents in read_by for parent in parents))
        rows.append({
            "name": operation.name,
            "layer": type(operation).__name__,
            "shape": ", ".join(str(tuple(tensor.shape)) for tensor in outputs),
            "parameters": int(operation.count_params()) if hasattr(operation, "count_params") else 0,
            "calls": len(read_by),
            "reads": reads,
        })  # fmt: skip
    return rows
