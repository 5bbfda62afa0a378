"""Train as a task: plain arguments in, the artifact out."""

from __future__ import annotations

import json

import components.train.presets  # noqa: F401  makes the presets known
from components.train.worker import train
from schemas.progress import Progress
from schemas.spec import Model


def run(
    *, model: str, schema: str, name: str, seed: int, module: str, transformed: str,
    output: str, progress: Progress,
) -> None:  # fmt: skip
    """`model` is the spec's section as JSON, `schema` a text proto, `module` Python text as JSON; see `worker.train`."""
    section = Model.model_validate_json(model)
    train(
        section,
        schema,
        transformed,
        output,
        name=name,
        seed=seed,
        module=json.loads(module) if module else "",
        progress=progress,
    )
