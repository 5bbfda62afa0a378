"""`python -m components.ingest`: ingest from a shell."""

from __future__ import annotations

from typing import Any

from schemas.shell import component_main
from schemas.spec import Data
from schemas.spec.sections import SpecFile


def arguments(spec: SpecFile) -> dict[str, Any]:
    """The task's arguments."""
    return {
        "data": spec.section("data", Data).model_dump_json(by_alias=True),
        "schema": spec.schema,
        "folder": str(spec.folder),
        "seed": spec.seed,
    }


if __name__ == "__main__":
    component_main(
        "ingest",
        "Reads rows of any source and writes columnar splits.",
        {},
        "--spec examples/flights/spec.yaml --output /tmp/examples",
        arguments,
    )
