"""A component from a shell: `python -m components.<name> --spec … --output …`, the same for each room."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from schemas.engines import PROFILE, read_profile
from schemas.running import quiet_libraries, reported
from schemas.spec.sections import SpecFile


def component_main(
    component: str, description: str, inputs: Mapping[str, str], example: str,
    arguments: Callable[[SpecFile], Mapping[str, Any]],
) -> None:  # fmt: skip
    """Parses the command line of a component and runs its task.

    Args:
        component: its room's name.
        description: what it does, in a sentence.
        inputs: by name, the artifacts it reads and who wrote them.
        example: the arguments of a command that works.
        arguments: the task's other arguments, out of the spec.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m components.{component}",
        description=description,
        epilog=f"example:\n  python -m components.{component} {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--spec", type=Path, required=True, help="the YAML spec")
    for name, meaning in inputs.items():
        parser.add_argument(f"--{name}", type=Path, required=True, help=meaning)
    parser.add_argument("--output", type=Path, required=True, help="where the result goes")
    parser.add_argument(
        "--profile", help="where data work runs: a name such as flink, or a YAML file (default: this machine)"
    )
    options = parser.parse_args()
    quiet_libraries()
    with without_noise(), reported(component) as progress:
        if options.profile:
            os.environ[PROFILE] = read_profile(options.profile, options.spec.parent).model_dump_json()
        given = arguments(SpecFile(options.spec))
        paths = {name: str(getattr(options, name)) for name in (*inputs, "output")}
        importlib.import_module(f"components.{component}.task").run(progress=progress, **given, **paths)


_NOISE = re.compile(rb"WARNING: All log messages before absl|[IW]0000 \d|E0000 .*(cuInit|cuda)")


@contextlib.contextmanager
def without_noise() -> Iterator[None]:
    """Leaves out of stderr what TensorFlow writes there before it reads any setting."""
    reading, writing = os.pipe()
    stderr = os.dup(2)
    os.dup2(writing, 2)
    os.close(writing)

    def pass_on() -> None:
        with os.fdopen(reading, "rb") as lines:
            for line in lines:
                if not _NOISE.match(line):
                    os.write(stderr, line)

    passing = threading.Thread(target=pass_on)
    passing.start()
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        passing.join()
        os.close(stderr)
