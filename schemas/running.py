"""How a component's work is started, from its KFP face or a shell, and how its failure is told."""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import socket
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from schemas.errors import UserError
from schemas.progress import Progress

WARM_SOCKETS = "LATTICEWORK_WARM_SOCKETS"


def run_task(component: str, entry: str = "task", **arguments: Any) -> None:
    """Runs `components.<component>.<entry>.run(**arguments)`.

    Where the folder LATTICEWORK_WARM_SOCKETS has a socket of the component's name, the process behind it, which has
    the libraries loaded (see `pipeline.warm`), does it in a fork; otherwise this one. The process exits when it fails.

    Args:
        component: its room's name.
        entry: the module in it that has `run`.
        **arguments: JSON-able.
    """
    if folder := os.environ.get(WARM_SOCKETS):
        status = _ask_warm(f"{folder}/{component}", {"component": component, "entry": entry, "arguments": arguments})
        if status is not None:
            if status:
                sys.exit(status)
            return
    run_here(component, entry, arguments)


def run_here(component: str, entry: str, arguments: dict[str, Any]) -> None:
    """Runs `components.<component>.<entry>.run(**arguments)` in this process."""
    quiet_libraries()
    with reported(component) as progress:
        importlib.import_module(f"components.{component}.{entry}").run(progress=progress, **arguments)


@contextlib.contextmanager
def reported(component: str) -> Iterator[Progress]:
    """Tells a user's mistake in a line, without a traceback, and exits with its status."""
    progress = Progress(component)
    try:
        yield progress
    except UserError as error:
        progress.failed(str(error))
        sys.exit(error.exit_status)


def quiet_libraries() -> None:
    """Keeps the libraries' warnings and TensorFlow's banner out of the way; errors are still told."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    warnings.filterwarnings("ignore")
    for name in ("tensorflow", "absl", "apache_beam", "root"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _ask_warm(address: str, task: dict[str, Any]) -> int | None:
    """The exit status of the task in a fork of the warm process, or None where there is none."""
    request = json.dumps({**task, "cwd": os.getcwd()}).encode()
    sys.stdout.flush()
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(address)
        except OSError:
            return None
        socket.send_fds(connection, [len(request).to_bytes(8, "big")], [1, 2])
        connection.sendall(request)
        answer = connection.recv(8)
    return int(answer) if answer else 1


if __name__ == "__main__":
    _component, _arguments, *_entry = sys.argv[1:]
    run_task(_component, *_entry, **json.loads(_arguments))
