"""Notify as a task: plain arguments in, the summary out."""

from __future__ import annotations

from components.notify.worker import notify
from schemas.progress import Progress


def run(
    *, name: str, directory: str, run: str, output: str, state: str, progress: Progress, error: str = "",
    outcomes: list[str] | None = None,
) -> None:  # fmt: skip
    """See `worker.notify`."""
    notify(name, directory, run, output, state=state, error=error, outcomes=outcomes or (), progress=progress)
