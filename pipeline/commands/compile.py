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
    command.add_argument("--image-tag", help="the tag of the images (default: that of `make images` with this code)")
    add_runs_folder(command)


def call(options: argparse.Namespace) -> int:
    """Writes the file."""
    loaded = load(options)
    from pipeline.arguments import retraining_arguments
    from pipeline.definition import compile_pipeline
    from pipeline.graph_check import check_graph, remembered
    from pipeline.images import image_tag
    from pipeline.retraining import retraining

    if options.output.suffix not in (".yaml", ".yml"):
        raise UserError(f"{options.output}: expected a file that ends in .yaml")
    check_graph(loaded, remembered(options.runs, loaded))
    arguments = retraining_arguments(loaded, options.image_tag or image_tag())
    compile_pipeline(arguments, options.output, retraining(loaded.spec))
    print(options.output)
    return 0
