"""`latticework compile`: the pipeline as KFP v2 IR YAML."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.base import Commands, add_runs_folder, load, spec_command
from schemas.errors import UserError

if TYPE_CHECKING:
    from schemas.spec import LoadedSpec


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
    if options.output.suffix not in (".yaml", ".yml"):
        raise UserError(f"{options.output}: expected a file that ends in .yaml")
    write(loaded, options.output, options.image_tag, options.runs)
    print(options.output)
    return 0


def write(loaded: LoadedSpec, path: Path, tag: str | None, runs: Path) -> None:
    """Compiles the pipeline of a spec whose graph Keras can build.

    Args:
        loaded: a spec that holds.
        path: the file.
        tag: of the images, None for those of this code.
        runs: the folder of runs, where a graph that was built before is remembered.
    """
    from pipeline.arguments import retraining_arguments
    from pipeline.definition import compile_pipeline
    from pipeline.graph_check import check_graph, remembered
    from pipeline.images import image_tag
    from pipeline.retraining import retraining

    check_graph(loaded, remembered(runs, loaded))
    compile_pipeline(retraining_arguments(loaded, tag or image_tag()), path, retraining(loaded.spec))
