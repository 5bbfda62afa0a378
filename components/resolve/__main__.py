"""`python -m components.resolve`: resolve from a shell."""

from __future__ import annotations

from typing import Any

from schemas.shell import component_main
from schemas.spec.evaluation import Push
from schemas.spec.sections import SpecFile


def arguments(spec: SpecFile) -> dict[str, Any]:
    """The task's arguments."""
    return {"spec": spec.as_json, "folder": str(spec.folder), "directory": spec.section("push", Push).directory}


if __name__ == "__main__":
    component_main(
        "resolve",
        "Finds what a retraining works on: the files of the newest span, the version in service.",
        {},
        "--spec examples/flights/spec.yaml --output /tmp/resolved",
        arguments,
    )
