"""Validate as a task: plain arguments in, the artifact out."""

from __future__ import annotations

from components.validate.worker import validate
from schemas.engines import engine_of_task
from schemas.progress import Progress
from schemas.spec import Validation


def run(*, rules: str, schema: str, examples: str, output: str, progress: Progress, stop: bool = True) -> None:
    """`rules` is the spec's validate section as JSON, `schema` a text proto; see `worker.validate`."""
    validate(
        Validation.model_validate_json(rules),
        schema,
        examples,
        output,
        stop=stop,
        engine=engine_of_task("validate"),
        progress=progress,
    )
