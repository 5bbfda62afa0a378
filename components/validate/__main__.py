"""`python -m components.validate`: validate from a shell."""

from __future__ import annotations

from typing import Any

from schemas.shell import component_main
from schemas.spec import Validation
from schemas.spec.sections import SpecFile


def arguments(spec: SpecFile) -> dict[str, Any]:
    """The task's arguments."""
    return {"rules": spec.section("validate", Validation).model_dump_json(), "schema": spec.schema}


if __name__ == "__main__":
    component_main(
        "validate",
        "Computes statistics of every split and checks them against the schema.",
        {"examples": "what ingest wrote"},
        "--spec examples/flights/spec.yaml --examples /tmp/examples --output /tmp/statistics",
        arguments,
    )
