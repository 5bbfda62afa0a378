"""Starts several workers on this machine, and starts them again when one is lost."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.errors import UserError
from schemas.progress import Progress


class Lost(Exception):
    """A worker ended without having been told to.

    Attributes:
        index: its own.
        status: its exit status, or minus the signal.
    """

    def __init__(self, index: int, status: int) -> None:
        self.index, self.status = index, status
        how = f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        super().__init__(f"worker {index} was lost ({how})")


def launch(workers: int, restarts: int, arguments: Mapping[str, Any], progress: Progress) -> None:
    """Runs `components.train.node` so many times, as one training.

    Args:
        workers: how many.
        restarts: how often all begin again at the last checkpoint when one was lost.
        arguments: of `task.run`.

    Raises:
        SystemExit: a worker told of a user's mistake, which it has written.
        UserError: workers were lost more often than `restarts`.
    """
    for attempt in range(restarts + 1):
        try:
            return _together(workers, arguments)
        except Lost as lost:
            place = Path(arguments["output"])
            for unfinished in place.parent.glob(f".{place.name}.*.partial"):
                shutil.rmtree(unfinished, ignore_errors=True)
            if lost.status == UserError.exit_status:
                sys.exit(lost.status)
            if attempt == restarts:
                raise UserError(
                    f"{lost}, after {restarts} restarts; the log has what it said. "
                    "model.training.checkpoints.restarts says how often is tried"
                ) from None
            progress.step(f"{lost}; all go on from the last checkpoint", now=True)


def _together(workers: int, arguments: Mapping[str, Any]) -> None:
    addresses = [f"localhost:{port}" for port in _free_ports(workers)]
    # Each has its share of the cores, or they take them from each other.
    threads = str(max(1, len(os.sched_getaffinity(0)) // workers))
    environment = {**os.environ, "TF_NUM_INTRAOP_THREADS": threads, "TF_NUM_INTEROP_THREADS": threads}
    running: list[subprocess.Popen[str]] = []
    try:
        gpus = len(list(Path("/dev").glob("nvidia[0-9]*")))
        for index in range(workers):
            own = {"CUDA_VISIBLE_DEVICES": str(index % gpus)} if gpus else {}
            process = subprocess.Popen(
                [sys.executable, "-m", "components.train.node"], stdin=subprocess.PIPE, text=True,
                env={**environment, **own},
                stdout=None if index == 0 else subprocess.DEVNULL,
            )  # fmt: skip
            running.append(process)
            assert process.stdin is not None
            json.dump({"index": index, "addresses": addresses, "arguments": dict(arguments)}, process.stdin)
            process.stdin.close()
        while any(process.poll() is None for process in running):
            for index, process in enumerate(running):
                if process.poll():
                    raise Lost(index, process.returncode)
            time.sleep(0.1)
        for index, process in enumerate(running):
            if process.returncode:
                raise Lost(index, process.returncode)
    except Lost as lost:
        if lost.status == UserError.exit_status:
            # All meet the same mistake, and worker 0 tells of it.
            with contextlib.suppress(subprocess.TimeoutExpired):
                running[0].wait(30)
        raise
    finally:
        for process in running:
            process.kill()
            process.wait()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("localhost", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
