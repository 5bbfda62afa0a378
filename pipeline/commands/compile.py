"""`latticework compile`: the pipeline as KFP v2 IR YAML."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.base import Commands, add_runs_folder, given_overrides, load, spec_command
from pipeline.commands.profile import add_profile, chosen_profile
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
    command.add_argument(
        "--sweep", action="store_true", help="train the trials of the spec's sweep side by side, and judge the best"
    )
    add_profile(command)
    add_runs_folder(command)


def call(options: argparse.Namespace) -> int:
    """Writes the file."""
    loaded = load(options)
    if options.output.suffix not in (".yaml", ".yml"):
        raise UserError(f"{options.output}: expected a file that ends in .yaml")
    write(loaded, options.output, options)
    print(options.output)
    return 0


def write(loaded: LoadedSpec, path: Path, options: argparse.Namespace) -> None:
    """Compiles the pipeline of a spec whose graph Keras can build.

    Args:
        loaded: a spec that holds.
        path: the file.
        options: `image_tag`, None for that of this code; `sweep`; `profile`; `set`; `runs`, where a
            graph that was built before is
            remembered.
    """
    from pipeline.arguments import retraining_arguments
    from pipeline.definition import compile_pipeline
    from pipeline.graph_check import check_graph, remembered
    from pipeline.images import image_tag
    from pipeline.placement import on_engine, unreachable
    from pipeline.retraining import retraining, searching

    spec = on_engine(loaded.spec, chosen_profile(options, loaded.folder))
    for told in unreachable(loaded.spec):
        print(f"latticework: {told}", file=sys.stderr)
    check_graph(loaded, remembered(options.runs, loaded))
    arguments = retraining_arguments(loaded, options.image_tag or image_tag())
    if options.sweep:
        from pipeline.sweep.draw import drawn_trials

        # As text: KFP's lists know no integers, and layers take no 64.0 for their units.
        arguments["trials"] = [json.dumps(trial) for trial in drawn_trials(loaded, given_overrides(options))]
        compile_pipeline(arguments, path, searching(spec))
    else:
        compile_pipeline(arguments, path, retraining(spec))
