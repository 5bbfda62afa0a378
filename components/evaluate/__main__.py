"""`python -m components.evaluate`: evaluate from a shell."""

from __future__ import annotations

from typing import Any

from schemas.shell import component_main
from schemas.spec import Evaluation, Push
from schemas.spec.sections import SpecFile


def arguments(spec: SpecFile) -> dict[str, Any]:
    """The task's arguments."""
    section = spec.section("evaluate", Evaluation)
    directory = spec.section("push", Push).directory
    return {
        "evaluation": section.model_dump_json(), "schema": spec.schema, "spec": spec.as_json, "name": spec.name,
        "directory": directory,
    }  # fmt: skip


if __name__ == "__main__":
    component_main(
        "evaluate",
        "Proves that the exported model answers as the trained one, and judges it.",
        {
            "examples": "what ingest wrote",
            "statistics": "what validate wrote",
            "transformed": "what transform wrote",
            "model": "what train wrote",
        },
        "--spec examples/flights/spec.yaml --examples /tmp/examples --statistics /tmp/statistics "
        "--transformed /tmp/transformed --model /tmp/model --output /tmp/evaluation",
        arguments,
    )
