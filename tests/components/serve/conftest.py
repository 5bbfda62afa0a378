from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from schemas.artifacts import split_parts
from schemas.registry import Registry
from tests.conftest import HOUSE


@dataclass
class Server:
    url: str
    grpc: str
    process: subprocess.Popen[bytes]

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=30) as answer:
            text = answer.read().decode()
        return json.loads(text) if "json" in answer.headers["content-type"] else text

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def serving(directory: Path, *names: str, log: Path, options: tuple[str, ...] = ()):
    """The real server, as a process of its own."""
    port, grpc_port = free_port(), free_port()
    command = [sys.executable, "-m", "pipeline.commandline", "serve", *names, "--serving", str(directory),
               "--port", str(port), "--grpc-port", str(grpc_port), "--look-seconds", "0.1", *options]  # fmt: skip
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, cwd=HOUSE)
    server = Server(f"http://127.0.0.1:{port}", f"127.0.0.1:{grpc_port}", process)
    try:
        for _ in range(600):
            assert process.poll() is None, log.read_text()
            with contextlib.suppress(OSError):
                server.get("/v2/health/ready")
                break
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.fixture(scope="session")
def published(artifacts, tmp_path_factory) -> Path:
    """A registry with one version of the taxi model in service."""
    directory = tmp_path_factory.mktemp("published") / "serving"
    Registry(directory, "taxi").publish(artifacts["model"] / "saved_model", {"metrics": {}, "example": {}}, "first")
    return directory


@pytest.fixture(scope="session")
def rows(artifacts) -> list[dict[str, Any]]:
    """A thousand real rides that training never saw, as a client has them."""
    found = [
        row for part in split_parts(artifacts["examples"], "test") for row in pq.ParquetFile(part).read().to_pylist()
    ]
    return [
        {n: None if v is None or v != v else v for n, v in row.items() if n != "fare_amount"} for row in found[:1000]
    ]


@pytest.fixture(scope="session")
def trained(artifacts, rows):
    """What the trained model answers to them: the .keras file, on what transform wrote of the same rows."""
    import keras
    import numpy as np
    import pyarrow as pa

    from schemas.dense import row_values

    model = keras.saving.load_model(artifacts["model"] / "model.keras", compile=False)
    parts = split_parts(artifacts["transformed"], "test")
    ready = pa.concat_tables([pq.read_table(part, partitioning=None) for part in parts])[: len(rows)]
    answer = model({tensor.name: row_values(ready[tensor.name]) for tensor in model.inputs}, training=False)
    return np.reshape(answer["fare"], [-1])


@pytest.fixture(scope="session")
def server(published, tmp_path_factory):
    with serving(
        published,
        "taxi",
        log=tmp_path_factory.mktemp("server") / "log",
        options=("--max-megabytes", "1", "--workers", "1"),
    ) as found:
        yield found
