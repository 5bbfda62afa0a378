"""Predict as a task: plain arguments in, the artifact out."""

from __future__ import annotations

import tempfile
from pathlib import Path

from components.predict.worker import predict
from schemas.engines import engine_of_task
from schemas.errors import DataError
from schemas.progress import Progress
from schemas.registry import Registry
from schemas.spec.prediction import Prediction


def run(
    *, source: str, folder: str, name: str, directory: str, output: str, progress: Progress, version: int = 0,
    schema: str = "",
) -> None:  # fmt: skip
    """Predicts by a version of `name`, the one in service where `version` is 0; see `worker.predict`."""
    registry = Registry(directory, name)
    chosen = version or registry.champion()
    if chosen is None:
        raise DataError(f"{registry.place}: no version is in service; name one, or publish one: latticework run SPEC")
    with tempfile.TemporaryDirectory(prefix="latticework-") as scratch:
        model = registry.fetch(chosen, Path(scratch))
        section = Prediction.model_validate_json(source)
        predict(
            section,
            model,
            output,
            folder=folder,
            schema=schema,
            version=str(chosen),
            engine=engine_of_task("predict"),
            progress=progress,
        )
