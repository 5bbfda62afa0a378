"""Push as a task: plain arguments in, the published version out."""

from __future__ import annotations

from pathlib import Path

from components.push.worker import push
from schemas.progress import Progress


def run(
    *,
    name: str,
    model: str,
    evaluation: str,
    proof: str,
    directory: str,
    output: str,
    progress: Progress,
    origin: str = "",
) -> None:
    """Publishes and writes the version's folder to the file `output`; see `worker.push`."""
    target = push(name, model, evaluation, proof, directory, origin=origin, progress=progress)
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    Path(output).write_text(f"{target}\n", encoding="utf-8")
