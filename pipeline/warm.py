"""A process that loads TensorFlow once, while ingest and validate work, and forks for each task that needs it.

`import tensorflow`, tf.Transform and TFMA take 4 to 7 s in each of three components: the largest
cost of a small run. The warm process imports them, uses none of them (so that no thread of theirs
runs), and listens on a socket in a folder that only its user can enter, under the name of each component that
it serves. `schemas.running.run_task` asks it; where it does not answer, the task runs in its own process.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from schemas.running import WARM_SOCKETS, quiet_libraries, run_here

# The canary asks a model in a process that has nothing but what serves: one of its own, begun while evaluate works.
CANARY, BEFORE_CANARY = "serve", "evaluate"
SERVED = ("transform", "ingest", "validate", "train", "evaluate")


@contextlib.contextmanager
def warm_process(log: Path) -> Iterator[None]:
    """Starts the warm process and tells tasks of it through the environment; ends it with the block.

    One that was started around this block already is used.

    Args:
        log: where its own output goes.
    """
    if WARM_SOCKETS in os.environ:
        yield
        return
    folder = Path(tempfile.mkdtemp(prefix="latticework-"))
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.warm", str(folder)], stdout=stream, stderr=stream, start_new_session=True
        )
    os.environ[WARM_SOCKETS] = str(folder)
    try:
        yield
    finally:
        del os.environ[WARM_SOCKETS]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def serve(folder: str, served: Sequence[str] = SERVED) -> None:
    """Loads the libraries and answers one request after the other until it is ended."""
    with socket.socket(socket.AF_UNIX) as listener:
        own = f"warm-{served[0]}"
        listener.bind(f"{folder}/{own}")
        listener.listen()
        for component in served:
            os.symlink(own, f"{folder}/{component}")
        quiet_libraries()
        _load(served[0])
        while True:
            connection, _ = listener.accept()
            with connection:
                _answer(connection, folder, served)


def _load(component: str) -> None:
    importlib.import_module(f"components.{component}.task")


def _answer(connection: socket.socket, folder: str, served: Sequence[str]) -> None:
    head, descriptors, _, _ = socket.recv_fds(connection, 8, 2)
    try:
        request = json.loads(_receive(connection, int.from_bytes(head, "big")))
        _load(request["component"])
        child = os.fork()
        if child == 0:
            _run(request, descriptors)
        # The other core is idle while the child begins: what later tasks need is loaded now.
        if request["component"] == BEFORE_CANARY and not os.path.lexists(f"{folder}/{CANARY}"):
            subprocess.Popen([sys.executable, "-m", "pipeline.warm", folder, CANARY])
        for component in served:
            _load(component)
        status = _wait(child, connection)
        with contextlib.suppress(BrokenPipeError):
            connection.sendall(b"%d" % max(os.waitstatus_to_exitcode(status), -1 if os.WIFSIGNALED(status) else 0))
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _wait(child: int, connection: socket.socket) -> int:
    """The status that a child ends with; it is ended when nobody asks for it any more."""
    ends = os.pidfd_open(child)
    try:
        ready, _, _ = select.select([ends, connection.fileno()], [], [])
        if ends not in ready:
            os.kill(child, signal.SIGKILL)
    finally:
        os.close(ends)
    return os.waitpid(child, 0)[1]


def _receive(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size and (piece := connection.recv(size - len(received))):
        received += piece
    return received


def _run(request: dict, descriptors: list[int]) -> None:  # type: ignore[type-arg]
    """Runs a task in this fork, its output going to the asker's, and ends the fork."""
    status = 1
    try:
        os.dup2(descriptors[0], 1)
        os.dup2(descriptors[1], 2)
        os.chdir(request["cwd"])
        run_here(request["component"], request["entry"], request["arguments"])
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:] or SERVED)
