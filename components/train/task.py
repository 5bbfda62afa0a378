"""Train as a task: plain arguments in, the artifact out."""

from __future__ import annotations

import json
from typing import Any

import components.train.presets  # noqa: F401  makes the presets known
from components.train.launch import launch
from components.train.together import Node
from components.train.worker import train
from schemas.progress import Progress
from schemas.spec import Model


def run(*, model: str, progress: Progress, **arguments: Any) -> None:
    """Trains here, or in as many processes as the section says; see `train_as` for the arguments."""
    training = Model.model_validate_json(model).training
    if training.workers > 1:
        launch(training.workers, training.checkpoints.restarts, {"model": model, **arguments}, progress)
    else:
        train_as(None, model=model, progress=progress, **arguments)


def train_as(
    node: Node | None, *, model: str, schema: str, name: str, seed: int, module: str, transformed: str,
    output: str, progress: Progress,
) -> None:  # fmt: skip
    """`model` is the spec's section as JSON, `schema` a text proto, `module` Python text as JSON; see `worker.train`."""
    train(
        Model.model_validate_json(model),
        schema,
        transformed,
        output,
        name=name,
        seed=seed,
        module=json.loads(module) if module else "",
        node=node,
        progress=progress,
    )
