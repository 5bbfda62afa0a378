"""`--profile`: where data work runs, for the commands that start or compile it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import UserError

if TYPE_CHECKING:
    from schemas.engines import Profile


def add_profile(command: argparse.ArgumentParser) -> None:
    """Adds the option."""
    command.add_argument(
        "--profile", metavar="NAME|FILE",
        help="where data work runs: laptop, prism, flink, spark, dataflow, or a YAML file (default: this machine)",
    )  # fmt: skip


def chosen_profile(options: argparse.Namespace, beside: Path | None = None) -> Profile | None:
    """The profile that was asked for, checked; None where none was.

    Args:
        options: with `profile`.
        beside: the spec's folder, whose profiles/ is looked at first.
    """
    if not options.profile:
        return None
    from schemas.engines import read_profile

    return read_profile(options.profile, beside)


def use_profile(options: argparse.Namespace, beside: Path | None = None) -> None:
    """Hands the profile to the tasks that this process starts, if its engine answers.

    Raises:
        UserError: it does not, or containers are asked for that do not reach it.
    """
    from schemas.engines import PROFILE

    profile = chosen_profile(options, beside)
    if profile is None:
        return
    if getattr(options, "runner", "") == "docker":
        raise UserError("--profile: not with --runner docker, whose containers run Beam in themselves")
    profile.check_reachable()
    os.environ[PROFILE] = profile.model_dump_json()
