"""`latticework compile`: the pipeline as KFP v2 IR YAML."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.commands.base import Commands, add_runs_folder, load, spec_command
from schemas.errors import UserError


def add(commands: Commands) -> None:
    """Adds the command."""
    command = spec_command(
        commands, "compile", "write the pipeline as KFP v2 IR YAML", "latticework compile spec.yaml -o pipeline.yaml",
        call,
    )  # fmt: skip
    command.add_argument(
        "-o", "--output", type=Path, default=Path("pipeline.yaml"), help="the file (default: pipeline.yaml)"
    )
    add_runs_folder(command)


def call(options: argparse.Namespace) -> int:
    """Writes the file."""
    loaded = load(options)
    from pipeline.arguments import pipeline_arguments
    from pipeline.definition import compile_pipeline
    from pipeline.graph_check import check_graph, remembered

    if options.output.suffix not in (".yaml", ".yml"):
        raise UserError(f"{options.output}: expected a file that ends in .yaml")
    check_graph(loaded, remembered(options.runs, loaded))
    # On a cluster the version in service is the one when the pipeline runs.
    compile_pipeline({**pipeline_arguments(loaded), "champion": ""}, options.output)
    print(options.output)
    return 0
