"""Several server processes behind one port: as many requests at once as there are cores."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from schemas.errors import DataError, UserError

SOCKET = "LATTICEWORK_SERVE_SOCKET"
THREADS = "LATTICEWORK_SERVE_THREADS"
METRICS = "PROMETHEUS_MULTIPROC_DIR"
# A mistake of the user ends all; so do workers that die again and again as soon as they are there.
QUICK_SECONDS, MOST_QUICK = 20.0, 5


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens, for child processes too.

    Raises:
        DataError: the address cannot be had.
    """
    try:
        found = socket.create_server((host, port), backlog=2_048, family=_family(host))
    except OSError as error:
        raise DataError(f"{host}:{port}: {error.strerror or error}; name another with --host, --port") from None
    found.set_inheritable(True)
    return found


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def run_workers(arguments: Sequence[str], host: str, port: int, count: int) -> int:
    """Runs so many servers until told to end; one that dies is started again.

    Args:
        arguments: of `python -m components.serve`, for each worker.
        host, port: the address that all of them accept at.
        count: how many.

    Returns:
        The exit status: 0, or that of a worker that cannot serve.
    """
    shared, metrics = listening(host, port), tempfile.mkdtemp(prefix="latticework-metrics-")
    threads = max(1, (os.cpu_count() or 1) // count)
    environment = {**os.environ, SOCKET: str(shared.fileno()), METRICS: metrics, THREADS: str(threads)}
    command = [sys.executable, "-m", "components.serve", *arguments]

    def start() -> tuple[subprocess.Popen[bytes], float]:
        process = subprocess.Popen(command, env=environment, pass_fds=[shared.fileno()])
        return process, time.monotonic()

    ended, quick = False, 0

    def end(*_: object) -> None:
        nonlocal ended
        ended = True
        for process, _began in workers:
            process.terminate()

    workers: list[tuple[subprocess.Popen[bytes], float]] = []
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    workers += [start() for _ in range(count)]
    print(f"serve: http://{host}:{port}, {count} workers", flush=True)
    try:
        while not ended:
            time.sleep(0.2)
            for index, (process, began) in enumerate(workers):
                status = process.poll()
                if status is None or ended:
                    continue
                quick = quick + 1 if time.monotonic() - began < QUICK_SECONDS else 0
                if status == UserError.exit_status or quick > MOST_QUICK:
                    end()
                    return status or 1
                print(f"serve: a worker ended with status {status}; another one starts", file=sys.stderr, flush=True)
                workers[index] = start()
        return 0
    finally:
        for process, _ in workers:
            process.wait()
        shared.close()
        shutil.rmtree(metrics, ignore_errors=True)
