"""Resolve as a task: plain arguments in, the artifact out."""

from __future__ import annotations

import json
from typing import Any

from components.resolve.worker import resolve
from schemas.progress import Progress


def run(
    *, spec: str, folder: str, directory: str, output: str, progress: Progress, source: str = "", span: str = "",
    thresholds: list[dict[str, Any]] | None = None, trials: list[dict[str, Any]] | None = None,
    made_of: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """`spec` is the whole spec as JSON; see `worker.resolve`."""
    resolve(
        json.loads(spec), output, folder=folder, directory=directory, source=source, span=span,
        thresholds=thresholds or (), trials=trials or (), made_of=made_of, progress=progress,
    )  # fmt: skip
