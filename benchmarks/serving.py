"""Load on the server beside its limit: the bare SavedModel signature called in process, on the same machine.

`python -m benchmarks.serving flights taxi` asks the champions in `serving/` (after `latticework run`), 1, 32 and 512
rows a request, over REST (V1, JSON rows) and gRPC (V2, raw tensors), from one client and from four, and writes
benchmarks/results/serving.md. Clients and server share the machine's cores.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np

RESULTS = Path(__file__).parent / "results" / "serving.md"
SIZES, CLIENTS, SECONDS = (1, 32, 512), (1, 4), 3.0


@dataclass
class Measured:
    """Requests a second, and milliseconds of a request."""

    requests: float
    p50: float
    p99: float


def measure(ask: Any, seconds: float) -> list[float]:
    """Seconds of each call, after a tenth of the time that does not count."""
    began, taken = time.perf_counter(), []
    while (now := time.perf_counter()) - began < seconds * 1.1:
        ask()
        if now - began > seconds * 0.1:
            taken.append(time.perf_counter() - now)
    return taken


def summed(taken: list[float], seconds: float) -> Measured:
    """Of calls within so many seconds."""
    return Measured(len(taken) / seconds, *(float(np.quantile(taken, q)) * 1_000 for q in (0.5, 0.99)))


IN_PROCESS = """
import json, sys
from pathlib import Path
import tensorflow as tf
from benchmarks.serving import SECONDS, SIZES, measure
from components.serve.loader import Servable
from components.serve.rows import columns_of_rows
servable = Servable(Path(sys.argv[1]))
servable.warm()
row = json.loads(sys.argv[2])
found = {}
for size in SIZES:
    columns = {n: tf.constant(v) for n, v in columns_of_rows([row] * size, servable.columns).items()}
    found[size] = measure(lambda: {n: v.numpy() for n, v in servable._raw(**columns).items()}, SECONDS)
print("taken", json.dumps(found))
"""


def in_process(folder: Path, row: dict[str, Any]) -> dict[int, Measured]:
    """The signature's own speed, its tensors made before."""
    command = [sys.executable, "-c", IN_PROCESS, str(folder), json.dumps(row)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    taken = json.loads(done.stdout.split("taken ", 1)[1])
    return {int(size): summed(values, SECONDS) for size, values in taken.items()}


class Client:
    """One connection that asks the same request again and again; as little work as a client can do."""

    def __init__(self, port: int, name: str, body: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = f"POST /v1/models/{name}:predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        self.request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def ask(self) -> None:
        """Sends the request and reads the whole answer."""
        self.socket.sendall(self.request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self.socket.recv(1 << 20)
        head, body = received.split(b"\r\n\r\n", 1)
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise RuntimeError(received[:500])
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        left = length - len(body)
        while left > 0:
            left -= len(self.socket.recv(left))


class GrpcClient:
    """One channel that asks the same request, its tensors as raw bytes."""

    def __init__(self, port: int, name: str, row: dict[str, Any], size: int) -> None:
        from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
        from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

        self.stub = GRPCInferenceServiceStub(grpc.insecure_channel(f"127.0.0.1:{port}"))
        self.request = pb.ModelInferRequest(model_name=name)
        for tensor in self.stub.ModelMetadata(pb.ModelMetadataRequest(name=name)).inputs:
            self.request.inputs.add(name=tensor.name, datatype=tensor.datatype, shape=[size])
            value = row[tensor.name]
            if tensor.datatype == "BYTES":
                text = (value or "").encode()
                raw = struct.pack("<I", len(text)) + text
            elif tensor.datatype == "INT64":
                raw = struct.pack("<q", -(2**63) if value is None else value)
            else:
                raw = struct.pack("<f", float("nan") if value is None else value)
            self.request.raw_input_contents.append(raw * size)

    def ask(self) -> None:
        """Sends the request and reads the whole answer."""
        self.stub.ModelInfer(self.request)


def under_load(make: Callable[[], Any], clients: int) -> Measured:
    """The server's speed as clients see it."""
    taken: list[list[float]] = [[] for _ in range(clients)]

    def client(index: int) -> None:
        taken[index] = measure(make().ask, SECONDS)

    threads = [threading.Thread(target=client, args=(index,)) for index in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return summed([value for values in taken for value in values], SECONDS)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def main() -> None:
    """Measures and writes the table."""
    parser = argparse.ArgumentParser(description="Load on the server beside its limit.")
    parser.add_argument("names", nargs="+")
    parser.add_argument("--serving", default="serving")
    options = parser.parse_args()
    from schemas.registry import Registry

    port, grpc_port = free_port(), free_port()
    rows: dict[str, dict[str, Any]] = {}
    limits = {}
    for name in options.names:
        registry = Registry(options.serving, name)
        version = registry.champion()
        assert version is not None, f"{name}: nothing is in service"
        rows[name] = registry.manifest(version)["example"]
        limits[name] = in_process(Path(registry.location(version)), rows[name])
    command = [sys.executable, "-m", "components.serve", *options.names, "--serving", options.serving,
               "--port", str(port), "--grpc-port", str(grpc_port)]  # fmt: skip
    lines = [
        "| model | rows a request | in process, rows/s | p50, ms | over | clients | rows/s | of it | p50 | p99 |",
        "| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        grpc.channel_ready_future(grpc.insecure_channel(f"127.0.0.1:{grpc_port}")).result(120)
        # The other workers are there a moment later.
        time.sleep(10)
        for name in options.names:
            for size in SIZES:
                limit, row = limits[name][size], rows[name]
                body = json.dumps({"instances": [row] * size}).encode()
                ways = {
                    "REST": functools.partial(Client, port, name, body),
                    "gRPC": functools.partial(GrpcClient, grpc_port, name, row, size),
                }
                for (way, make), clients in itertools.product(ways.items(), CLIENTS):
                    got = under_load(make, clients)
                    line = (
                        f"| {name} | {size} | {limit.requests * size:,.0f} | {limit.p50:.2f} | {way} | {clients} | "
                        f"{got.requests * size:,.0f} | {got.requests / limit.requests:.0%} | {got.p50:.2f} | "
                        f"{got.p99:.2f} |"
                    )
                    print(line, flush=True)
                    lines.append(line)
    finally:
        server.terminate()
    command_line = f"`python -m benchmarks.serving {' '.join(options.names)}`"
    head = f"# The server beside its limit\n\n{command_line}, {os.cpu_count()} cores.\n\n"
    RESULTS.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
