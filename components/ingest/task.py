"""Ingest as a task: plain arguments in, the artifact out."""

from __future__ import annotations

from components.ingest.worker import ingest
from schemas.engines import engine_of_task
from schemas.progress import Progress
from schemas.spec import Data


def run(*, data: str, schema: str, folder: str, seed: int, output: str, progress: Progress) -> None:
    """`data` is the spec's section as JSON, `schema` a text proto; see `worker.ingest`."""
    ingest(
        Data.model_validate_json(data),
        schema,
        output,
        folder=folder,
        seed=seed,
        engine=engine_of_task("ingest"),
        progress=progress,
    )
