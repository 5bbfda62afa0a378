"""`latticework predict`: a published model on many rows at once."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from components.predict.command import DESCRIPTION, EXAMPLES, add_options, result, task_arguments
from pipeline.commands.base import Commands, plain_command
from pipeline.commands.profile import add_profile, use_profile


def add(commands: Commands) -> None:
    """Adds the command."""
    command = plain_command(commands, "predict", DESCRIPTION, *EXAMPLES)
    add_options(command)
    add_profile(command)
    command.add_argument("--json", action="store_true", help="print JSON, and nothing else")
    command.set_defaults(call=call)


def call(options: argparse.Namespace) -> int:
    """Predicts in a process of its own, and tells what was written."""
    arguments = task_arguments(options)
    use_profile(options)
    task = [sys.executable, "-m", "schemas.running", "predict", json.dumps(arguments)]
    done = subprocess.run(task, stdout=subprocess.PIPE if options.json else None, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        told = (done.stdout or "").strip() if options.json else ""
        print(told or (done.stderr.strip().splitlines() or [""])[-1] if done.returncode != 2 else told, file=sys.stderr)
        return done.returncode
    written = result(options)
    if options.json:
        print(json.dumps(written, indent=2))
    else:
        print(f"{written['output']}: {written['rows']:,} rows by version {written['version']}, "
              f"{written['rows_per_second']:,} rows/s")  # fmt: skip
    return 0
