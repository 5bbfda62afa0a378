"""The canary as a task: plain arguments in, the artifact out."""

from __future__ import annotations

from components.serve.canary import canary
from schemas.progress import Progress


def run(*, name: str, examples: str, model: str, evaluation: str, output: str, progress: Progress) -> None:
    """See `canary.canary`."""
    canary(name, examples, model, evaluation, output, progress=Progress("canary"))
