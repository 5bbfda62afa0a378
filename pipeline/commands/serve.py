"""`latticework serve`: the champions of published models, over REST and gRPC."""

from __future__ import annotations

import argparse
import os
import sys

from components.serve.command import DESCRIPTION, EXAMPLES, add_options, as_arguments
from pipeline.commands.base import Commands, plain_command


def add(commands: Commands) -> None:
    """Adds the command."""
    command = plain_command(commands, "serve", DESCRIPTION, *EXAMPLES)
    add_options(command)
    command.set_defaults(call=call)


def call(options: argparse.Namespace) -> int:
    """Becomes the server's process."""
    os.execv(sys.executable, [sys.executable, "-m", "components.serve", *as_arguments(options)])
