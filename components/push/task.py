"""Push as a task: plain arguments in, the published version out."""

from __future__ import annotations

from pathlib import Path

from components.push.worker import push
from schemas.progress import Progress
from schemas.registry import Registry


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
    run: str = "",
) -> None:
    """Publishes and writes the version's folder to the file `output`; see `worker.push`.

    Where `run` has an id, the version is kept under it with the published models.
    """
    target = push(name, model, evaluation, proof, directory, origin=origin, progress=progress)
    if run:
        Registry(directory, name).keep_run(run, {"published": target})
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    Path(output).write_text(f"{target}\n", encoding="utf-8")
