"""One trial in a process of its own, `python -m pipeline.sweep.trial`: JSON on stdin, a line of JSON for each event."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import components.train.presets
import components.transform.ops  # noqa: F401  makes ops and presets known
from pipeline.local import run_local
from schemas.artifacts import read_manifest
from schemas.errors import UserError
from schemas.progress import Event
from schemas.spec import load_spec


def main() -> int:
    """Trains, tells the logs of each epoch as it ends, then the trained model's history; or what went wrong."""
    # A trial that is ended early leaves no process behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    asked = json.load(sys.stdin)
    out = sys.stdout

    def tell(**fields: Any) -> None:
        out.write(json.dumps(fields) + "\n")
        out.flush()

    def listen(kind: str, event: Event | None) -> None:
        if kind == "event" and event is not None and "logs" in event.fields:
            tell(epoch=event.fields["epoch"], logs=event.fields["logs"])

    try:
        run = run_local(
            load_spec(asked["spec"], asked["overrides"]), Path(asked["runs"]), None, listen, training_only=True
        )
    except UserError as error:
        tell(failed=str(error))
        return error.exit_status
    trained = read_manifest(run.outputs["model"], "train")
    tell(history=trained["history"], parameters=trained["parameters"], seconds=run.seconds.get("train"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
