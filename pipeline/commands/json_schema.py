"""`latticework json-schema`: the JSON Schema of a spec, for an editor's completion."""

from __future__ import annotations

import argparse
import json

from pipeline.commands.base import Commands


def add(commands: Commands) -> None:
    """Adds the command."""
    command = commands.add_parser("json-schema", help="print the JSON Schema of a spec")
    command.set_defaults(call=call)


def call(options: argparse.Namespace) -> int:
    """Prints it."""
    import components.train.presets
    import components.transform.ops  # noqa: F401  makes ops and presets known
    from schemas.spec import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0
