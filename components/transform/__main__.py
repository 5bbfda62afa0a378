"""`python -m components.transform`: transform from a shell."""

from __future__ import annotations

from typing import Any

import components.transform.ops  # noqa: F401  makes the ops known
from schemas.shell import component_main
from schemas.spec import Transform
from schemas.spec.sections import SpecFile


def arguments(spec: SpecFile) -> dict[str, Any]:
    """The task's arguments."""
    section = spec.section("transform", Transform)
    module = spec.module(section.preprocessing.module) if section.preprocessing else ""
    return {"transform_json": section.model_dump_json(), "schema": spec.schema, "module": module}


if __name__ == "__main__":
    component_main(
        "transform",
        "Analyses the train split and writes features and labels of every split, and the graph.",
        {"examples": "what ingest wrote"},
        "--spec examples/flights/spec.yaml --examples /tmp/examples --output /tmp/transformed",
        arguments,
    )
