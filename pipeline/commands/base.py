"""What every command is made of."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from schemas.errors import UserError

if TYPE_CHECKING:
    from schemas.spec import LoadedSpec

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def plain_command(commands: Commands, name: str, text: str, *examples: str) -> argparse.ArgumentParser:
    """Adds a command: what it does, in a sentence, and examples that work."""
    heading = "example" if len(examples) == 1 else "examples"
    return commands.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + ".",
        epilog="\n  ".join([f"{heading}:", *examples]), formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip


def spec_command(
    commands: Commands, name: str, text: str, example: str, call: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:  # fmt: skip
    """Adds a command that reads a spec.

    Args:
        commands: of the command line.
        name: the command's.
        text: what it does, in a sentence.
        example: a command that works.
        call: does it, and returns the exit status.
    """
    command = plain_command(commands, name, text, example)
    command.add_argument("spec", type=Path, help="the YAML spec")
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE",
        help="replace a value of the spec, by dotted key; VALUE is YAML; can be repeated",
    )  # fmt: skip
    command.set_defaults(call=call)
    return command


def load(options: argparse.Namespace, *, with_schema: bool = True) -> LoadedSpec:
    """The spec that a command was given, `--set` and all."""
    import components.train.presets
    import components.transform.ops  # noqa: F401  makes ops and presets known
    from schemas.spec import load_spec

    return load_spec(options.spec, given_overrides(options), with_schema=with_schema)


def given_overrides(options: argparse.Namespace) -> dict[str, str]:
    """The values of `--set`, by key."""
    return assigned("--set", options.set, "KEY=VALUE", "model.training.epochs=3")


def assigned(option: str, assignments: Sequence[str], form: str, example: str) -> dict[str, str]:
    """The values of an option that is repeated, by name.

    Args:
        option: its name, for the message of a mistake.
        assignments: what it was given.
        form: what each should be.
        example: of one.

    Raises:
        UserError: one has no equals sign.
    """
    found = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise UserError(f"{option} {assignment}: expected {form}, such as {example}")
        found[name] = value
    return found


def add_runs_folder(command: argparse.ArgumentParser) -> None:
    """Adds `--runs`."""
    command.add_argument(
        "--runs", type=Path, default=Path("runs"), help="folder of runs, artifacts and cache (default: runs)"
    )
