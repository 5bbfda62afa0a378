"""`python -m components.push`: push from a shell."""

from __future__ import annotations

from typing import Any

from schemas.shell import component_main
from schemas.spec import Push
from schemas.spec.sections import SpecFile


def arguments(spec: SpecFile) -> dict[str, Any]:
    """The task's arguments."""
    return {"name": spec.name, "directory": spec.section("push", Push).directory}


if __name__ == "__main__":
    component_main(
        "push",
        "Publishes a blessed model as the next version of its name.",
        {"model": "what train wrote", "evaluation": "what evaluate wrote", "proof": "what the canary wrote"},
        "--spec examples/flights/spec.yaml --model /tmp/model --evaluation /tmp/evaluation "
        "--proof /tmp/proof --output /tmp/published",
        arguments,
    )
