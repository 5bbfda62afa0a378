"""Choose as a task: plain arguments in, the artifact out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from components.choose.worker import as_markdown, choose
from schemas.progress import Progress


def run(
    *, models: list[str], output: str, table: str, monitor: str, mode: Literal["min", "max"], trials: list[Any],
    progress: Progress,
) -> None:  # fmt: skip
    """Copies the best model, and writes all trials to the file `table`; see `worker.choose`."""
    ranked = choose(models, output, monitor=monitor, mode=mode, trials=trials, progress=progress)
    Path(table).parent.mkdir(parents=True, exist_ok=True)
    Path(table).write_text(as_markdown(monitor, ranked), encoding="utf-8")
