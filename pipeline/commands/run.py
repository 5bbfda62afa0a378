"""`latticework run`: train, judge and publish on this machine."""

from __future__ import annotations

import argparse
import json
import sys

from pipeline.commands.base import Commands, add_runs_folder, load, spec_command
from pipeline.commands.profile import add_profile, use_profile


def add(commands: Commands) -> None:
    """Adds the command."""
    run = spec_command(
        commands, "run", "train, judge and publish on this machine",
        "latticework run spec.yaml --set model.training.epochs=3", call,
    )  # fmt: skip
    add_runs_folder(run)
    run.add_argument(
        "--span", default="", help="the newest span of the data, a day or a number (default: the newest there is)"
    )
    run.add_argument("--serving", help="folder of published models, or its URL (default: the spec's push.directory)")
    run.add_argument(
        "--runner", choices=["subprocess", "docker"], default="subprocess",
        help="processes of this machine, or the components' images (make images); default: subprocess",
    )  # fmt: skip
    add_profile(run)
    run.add_argument("--no-cache", action="store_true", help="run every component, whatever has not changed")
    run.add_argument("--require-blessing", action="store_true", help="exit with 4 when the model is not blessed")
    run.add_argument("--json", action="store_true", help="print the summary as JSON, and nothing else")


def call(options: argparse.Namespace) -> int:
    """Runs the pipeline and tells what came of it."""
    loaded = load(options)
    use_profile(options, loaded.folder)
    from rich.console import Console

    from pipeline.display import Display
    from pipeline.local import run_local, write_summary
    from pipeline.summary import print_summary, summarize

    # The process's own stdout and stderr are handed to the recorder while the pipeline runs.
    console = Console(file=sys.stderr if options.json else sys.stdout, quiet=options.json)
    with Display(console) as display:
        run = run_local(
            loaded,
            options.runs,
            options.serving,
            display,
            cache=not options.no_cache,
            runner=options.runner,
            span=options.span,
        )
    summary = summarize(run)
    write_summary(run, summary)
    if options.json:
        print(json.dumps(summary, indent=2))
    else:
        print_summary(summary, console)
    return 4 if options.require_blessing and not summary["blessed"] else 0
