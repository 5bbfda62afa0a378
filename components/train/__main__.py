"""`python -m components.train`: train from a shell."""

from __future__ import annotations

from typing import Any

import components.train.presets  # noqa: F401  makes the presets known
from schemas.shell import component_main
from schemas.spec import Model
from schemas.spec.sections import SpecFile


def arguments(spec: SpecFile) -> dict[str, Any]:
    """The task's arguments."""
    section = spec.section("model", Model)
    return {
        "model": section.model_dump_json(exclude_none=True),
        "schema": spec.schema,
        "name": spec.name,
        "seed": spec.seed,
        "module": spec.module(section.module_file) if section.module_file else "",
    }


if __name__ == "__main__":
    component_main(
        "train",
        "Fits the Functional model and exports it with the transform graph inside.",
        {"transformed": "what transform wrote"},
        "--spec examples/flights/spec.yaml --transformed /tmp/transformed --output /tmp/model",
        arguments,
    )
