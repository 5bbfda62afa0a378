"""`python -m schemas.engines.worker_pool`: starts Beam's workers where an engine asks for them.

It is the second entry point of a component's image, and runs beside each executor of the engine (Flink's TaskManager,
Spark's worker). It speaks Beam's BeamFnExternalWorkerPool service, as the SDK's own pool does; but a worker that cannot
start, or does not fit the job, is told to the engine at once, where the SDK's leaves it waiting.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc
from apache_beam.portability.api import beam_provision_api_pb2 as provision
from apache_beam.portability.api import beam_provision_api_pb2_grpc as provision_grpc
from apache_beam.runners.worker.worker_id_interceptor import WorkerIdInterceptor
from google.protobuf import json_format

from schemas.engines.pipeline import CHECKS, POOL_REFUSES, versions
from schemas.engines.worker import READY

CANNOT_START = "the worker cannot start; it says: {}"
START_SECONDS = 45.0
"""How long a worker may take to import what it needs; engines give up after a minute."""


class WorkerPool(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):  # type: ignore[misc]
    """Starts a process for each worker that is asked for.

    Args:
        python: the interpreter of the workers.
    """

    def __init__(self, python: str = sys.executable) -> None:
        self.python = python
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._changing = threading.Lock()
        self._checked = False

    def check(self, asked: bytes, context: Any) -> bytes:
        """Why no worker of this pool can take a job of a client with these versions; empty where one can.

        It is no part of Beam's service: a client that reaches the pool asks before it sends a job.
        """
        if mismatch := _mismatch({"latticework_client": asked.decode()}):
            return mismatch.encode()
        if not self._checked:
            try:
                started = subprocess.run(
                    [self.python, "-m", "schemas.engines.worker", "--check"], capture_output=True, timeout=START_SECONDS
                )
            except OSError as error:
                return f"{self.python}: {error.strerror}".encode()
            except subprocess.TimeoutExpired:
                return CANNOT_START.format(f"nothing for {START_SECONDS:.0f} s").encode()
            if started.returncode:
                said = started.stderr.decode(errors="replace").strip().splitlines() or ["nothing"]
                return CANNOT_START.format(said[-1]).encode()
            self._checked = True
        return b""

    def StartWorker(self, request: Any, context: Any) -> Any:  # noqa: N802  the service's name
        """Starts a worker and answers when it is ready, or says why it is not."""
        options = _job_options(request)
        if mismatch := _mismatch(options):
            return beam_fn_api_pb2.StartWorkerResponse(error=POOL_REFUSES + mismatch)
        reading, writing = os.pipe()
        command = [
            self.python, "-m", "schemas.engines.worker", request.control_endpoint.url, request.worker_id, str(writing),
        ]  # fmt: skip
        try:
            worker = subprocess.Popen(
                command, pass_fds=[writing], stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
            )
        except OSError as error:
            os.close(reading)
            return beam_fn_api_pb2.StartWorkerResponse(error=f"{POOL_REFUSES}{self.python}: {error.strerror}")
        finally:
            os.close(writing)
        last = _Last(worker)
        assert worker.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            worker.stdin.write(json.dumps(options).encode())
            worker.stdin.close()
        ready, _, _ = select.select([reading], [], [], START_SECONDS)
        started = bool(ready) and os.read(reading, len(READY)) == READY
        os.close(reading)
        if not started:
            worker.kill()
            worker.wait()
            said = last.line() or "nothing"
            return beam_fn_api_pb2.StartWorkerResponse(error=POOL_REFUSES + CANNOT_START.format(said))
        with self._changing:
            self._workers[request.worker_id] = worker
        return beam_fn_api_pb2.StartWorkerResponse()

    def StopWorker(self, request: Any, context: Any) -> Any:  # noqa: N802  the service's name
        """Ends a worker."""
        with self._changing:
            worker = self._workers.pop(request.worker_id, None)
        if worker is not None:
            _end(worker)
        return beam_fn_api_pb2.StopWorkerResponse()

    def stop(self) -> None:
        """Ends all workers."""
        with self._changing:
            workers, self._workers = list(self._workers.values()), {}
        for worker in workers:
            _end(worker)


class _Last:
    """Passes a worker's stderr on, and keeps its last line."""

    def __init__(self, worker: subprocess.Popen[bytes]) -> None:
        self._stream, self._line = worker.stderr, b""
        self._thread = threading.Thread(target=self._pass_on, daemon=True)
        self._thread.start()

    def _pass_on(self) -> None:
        assert self._stream is not None
        for line in self._stream:
            self._line = line.strip() or self._line
            sys.stderr.buffer.write(line)
            sys.stderr.buffer.flush()

    def line(self) -> str:
        """The last line that is not empty, of a worker that has ended."""
        self._thread.join(5)
        return self._line.decode(errors="replace")


def _end(worker: subprocess.Popen[bytes]) -> None:
    worker.terminate()
    try:
        worker.wait(5)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


def _job_options(request: Any) -> dict[str, Any]:
    """The pipeline options of the job that asks, by name, as its provision service tells them."""
    if not request.provision_endpoint.url:
        return {}
    interceptor = WorkerIdInterceptor(request.worker_id)
    with grpc.insecure_channel(request.provision_endpoint.url) as channel:
        stub = provision_grpc.ProvisionServiceStub(grpc.intercept_channel(channel, interceptor))
        try:
            found = stub.GetProvisionInfo(provision.GetProvisionInfoRequest(), timeout=10)
        except grpc.RpcError:
            return {}
    options = json_format.MessageToDict(found.info.pipeline_options)
    return {name.removeprefix("beam:option:").removesuffix(":v1"): value for name, value in options.items()}


def _mismatch(options: dict[str, Any]) -> str:
    asked = options.get("latticework_client")
    if asked and asked != versions():
        return f"the job was built with {asked}, the worker has {versions()}; use images of one build for both"
    return ""


def main() -> None:
    """Serves until it is told to end."""
    parser = argparse.ArgumentParser(
        prog="python -m schemas.engines.worker_pool",
        description="Starts Beam's workers where an engine asks for them.",
        epilog="example:\n  python -m schemas.engines.worker_pool --port 50000",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=50000, help="where the engine asks (default: 50000)")
    parser.add_argument(
        "--host", default="localhost",
        help="where it listens; who reaches it can run code here (default: localhost, for an engine beside it)",
    )  # fmt: skip
    parser.add_argument("--python", default=sys.executable, help="the workers' interpreter (default: this one)")
    options = parser.parse_args()
    pool = WorkerPool(options.python)
    server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0)])
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(pool, server)
    checks = {"Check": grpc.unary_unary_rpc_method_handler(pool.check)}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(CHECKS, checks)])
    try:
        port = server.add_insecure_port(f"{options.host}:{options.port}")
    except RuntimeError:
        sys.exit(f"port {options.port} cannot be used; is another worker pool there?")
    server.start()
    print(f"worker pool on port {port}: {versions()}", flush=True)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
    server.stop(0)
    pool.stop()


if __name__ == "__main__":
    main()
