"""Processes that stay when who started them has ended: each with its number and its log in a folder of its engine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[2]


class NotStarted(Exception):
    """An engine that could not be started, and why."""


class Processes:
    """The processes of one engine.

    Args:
        folder: where their numbers and logs are kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Starts a process in a session of its own."""
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
                cwd=HOUSE, env={**os.environ, **(environment or {})},
            )  # fmt: skip
        (self.folder / f"{name}.pid").write_text(str(process.pid), encoding="utf-8")

    def worker_pool(self, port: int, python: str = sys.executable) -> None:
        """Starts a worker pool of this environment."""
        command = [sys.executable, "-m", "schemas.engines.worker_pool", "--port", str(port), "--python", python]
        self.start(f"pool-{port}", command)
        self.wait(f"pool-{port}", lambda: answers(port))

    def number(self, name: str) -> int:
        """The number of a process."""
        return int((self.folder / f"{name}.pid").read_text(encoding="utf-8"))

    def wait(self, name: str, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Waits until a process is ready.

        Raises:
            NotStarted: it has ended, or the time is over.
        """
        until = time.monotonic() + seconds
        while not ready():
            if not alive(self.number(name)) or time.monotonic() > until:
                log = self.folder / f"{name}.log"
                tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
                raise NotStarted(f"{name} did not start; {log} ends:\n{tail}")
            time.sleep(0.2)

    def stop(self) -> list[str]:
        """Ends all of them, the last first; returns their names."""
        found = sorted(self.folder.glob("*.pid"), key=lambda path: -path.stat().st_mtime_ns)
        for path in found:
            number = int(path.read_text(encoding="utf-8"))
            for sign in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(number, sign)
                except ProcessLookupError:
                    break
                until = time.monotonic() + 10
                while alive(number) and time.monotonic() < until:
                    time.sleep(0.1)
            path.unlink()
        return [path.stem for path in found]


def alive(number: int) -> bool:
    """Whether a process runs; one that has ended and is still to be waited for does not."""
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def answers(port: int) -> bool:
    """Whether something on this machine takes connections at a port."""
    try:
        socket.create_connection(("localhost", port), timeout=1).close()
    except OSError:
        return False
    return True
