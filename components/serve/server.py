"""KServe's ModelServer, bound where it is told, with limits, and without the endpoints that change what is served."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import os
import socket
from collections.abc import Sequence
from typing import Any

from grpc import aio
from kserve import ModelServer
from kserve import logging as kserve_logging
from kserve.errors import InvalidInput
from kserve.model_server import app
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc
from kserve.protocol.grpc.interceptors import ExceptionToStatusInterceptor
from kserve.protocol.grpc.server import GRPCServer
from kserve.protocol.grpc.servicer import InferenceServicer
from kserve.protocol.model_repository_extension import ModelRepositoryExtension

from components.serve.champion import Champion
from components.serve.limits import BodyLimit
from components.serve.model import VERSION, ServedModel
from components.serve.page import add_metrics, add_page
from components.serve.workers import SOCKET
from schemas.registry import Registry


def serve(
    directory: str, names: Sequence[str], *, host: str, port: int, grpc_port: int, most_bytes: int, look_seconds: float,
    grace_seconds: int = 30,
) -> None:  # fmt: skip
    """Serves the champions of models until the process is told to end.

    Args:
        directory: the folder of published models, or its URL.
        names: the models.
        host: the address to bind to.
        port, grpc_port: where REST, the page and the metrics, and where gRPC is answered; no gRPC where it is 0.
        most_bytes: the largest body that is read.
        look_seconds: how often the registry is looked at for another champion.
        grace_seconds: how long requests may take to end when the process is told to.

    Raises:
        DataError: a model has no version in service.
    """
    kserve_logging.configure_logging()
    for quiet in ("kserve", "kserve.trace", "uvicorn.access", "uvicorn.error", "uvicorn"):
        logging.getLogger(quiet).setLevel(logging.WARNING)
    logging.getLogger("kserve").addFilter(_not_the_clients_mistakes)
    models = [ServedModel(name, Champion(Registry(directory, name))) for name in names]
    for model in models:
        model.champion.follow(look_seconds, functools.partial(_took_over, model.name))
    app.add_middleware(BodyLimit, most_bytes=most_bytes)
    add_metrics(app)
    add_page(app, models)
    server = _Server(host, grpc_port, most_bytes, http_port=port, enable_grpc=False, grace_period=grace_seconds,
                     enable_latency_logging=False)  # fmt: skip
    for model in models:
        _took_over(model.name, model.champion.now.servable.version)
    # What is loaded stays: a collection for the objects of each few requests need not look at all of TensorFlow's.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    if SOCKET not in os.environ:
        print(f"serve: http://{host}:{port}", flush=True)
    server.start(models)
    for model in models:
        model.champion.stop()


def _took_over(name: str, version: int) -> None:
    VERSION.labels(name).set(version)
    print(f"serve: {name}: version {version} is in service", flush=True)


class _Server(ModelServer):  # type: ignore[misc]
    """KServe's own binds to every address of the machine; this one to `host`."""

    def __init__(self, host: str, grpc_address: int, most_bytes: int, **options: Any) -> None:
        super().__init__(**options)
        self._host, self._grpc_address, self._most_bytes = host, grpc_address, most_bytes
        self.model_repository_extension = _Fixed(model_registry=self.registered_models)

    async def _serve(self) -> None:
        # KServe's times every request to print it; ours is told by the histograms.
        self._rest_server._add_middlewares = lambda _: None
        if shared := os.environ.get(SOCKET):
            self.servers[0].close()
            accepting = _Shared(fileno=int(shared))
            # asyncio takes as many connections at once as its backlog says: one, so that each worker gets its share.
            self._rest_server.config.backlog = 1
            self._rest_server.create_application()
            self.servers[0] = self._rest_server._server.serve(sockets=[accepting])
        self._rest_server.config.host = self._host
        if self._grpc_address:
            self._grpc_server = _Grpc(
                self._grpc_address, self.dataplane, self.model_repository_extension,
                {"host": self._host, "most_bytes": self._most_bytes}, grace_period=self.grace_period,
            )  # fmt: skip
            self.servers.append(self._grpc_server.start(self.max_threads))
        await asyncio.gather(*self.servers)


class _Shared(socket.socket):
    """The socket of all workers, which listens already, with a backlog of its own."""

    def listen(self, backlog: int = 0, /) -> None:
        """Leaves it as it is."""


class _Grpc(GRPCServer):  # type: ignore[misc]
    async def start(self, max_workers: int) -> None:
        self._server = aio.server(
            interceptors=(ExceptionToStatusInterceptor(),),
            options=[("grpc.max_receive_message_length", self._kwargs["most_bytes"])],
        )
        servicer = InferenceServicer(self._data_plane, self._model_repository_extension)
        grpc_predict_v2_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, self._server)
        self._server.add_insecure_port(f"{self._kwargs['host']}:{self._port}")
        await self._server.start()
        await self._server.wait_for_termination()


class _Fixed(ModelRepositoryExtension):  # type: ignore[misc]
    """What is served is the registry's champion: no client loads or unloads anything."""

    async def load(self, model_name: str) -> Any:
        raise InvalidInput("the registry says what is served: latticework models promote | rollback")

    async def unload(self, model_name: str) -> Any:
        raise InvalidInput("the registry says what is served: latticework models promote | rollback")


def _not_the_clients_mistakes(record: logging.LogRecord) -> bool:
    """Whether a record is none of a request that was refused: the client is told, and the counter counts it."""
    return not (record.exc_info and isinstance(record.exc_info[1], InvalidInput))
