"""`latticework check`: find every mistake in a spec."""

from __future__ import annotations

import argparse
import json

from pipeline.commands.base import Commands, load, spec_command


def add(commands: Commands) -> None:
    """Adds the command."""
    check = spec_command(
        commands, "check", "find every mistake in a spec, read no data", "latticework check spec.yaml", call
    )
    check.add_argument("--json", action="store_true", help="print the mistakes as JSON")


def call(options: argparse.Namespace) -> int:
    """Tells all mistakes, or that there is none."""
    from pipeline.graph_check import check_graph
    from schemas.errors import SpecError

    try:
        loaded = load(options)
        check_graph(loaded)
    except SpecError as error:
        if not options.json:
            raise
        print(json.dumps([vars(mistake) for mistake in error.mistakes], indent=2))
        return error.exit_status
    if options.json:
        print("[]")
    else:
        spec = loaded.spec
        counts = f"{len(spec.transform.features)} features, {len(spec.model.outputs)} outputs"
        print(f"{options.spec}: no mistakes ({counts})")
    return 0
