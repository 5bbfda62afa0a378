"""The champion as a model of KServe's server: V1 and V2, REST and gRPC."""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
from kserve import InferOutput, InferRequest, InferResponse, Model
from kserve.errors import InvalidInput
from prometheus_client import Counter, Gauge, Histogram

from components.serve.batching import Batcher
from components.serve.champion import Champion
from components.serve.loader import Arrays, Servable
from components.serve.rows import columns_of_rows, columns_of_tensors
from schemas.dataset import ColumnType
from schemas.errors import DataError

DATATYPES: dict[ColumnType, str] = {"int": "INT64", "float": "FP32", "bytes": "BYTES"}
ROWS = Counter("latticework_rows", "Rows that were answered", ["model_name", "version"])
REFUSED = Counter("latticework_refused_requests", "Requests with a mistake in them", ["model_name"])
VERSION = Gauge("latticework_version", "The version in service", ["model_name"], multiprocess_mode="mostrecent")
ROWS_A_REQUEST = Histogram(
    "latticework_request_rows", "Rows a request", ["model_name"], buckets=[1, 2, 8, 32, 128, 512, 2048, 8192]
)


class ServedModel(Model):
    """Answers by the version in service.

    Args:
        name: the model's name.
        champion: the version in service.
    """

    def __init__(self, name: str, champion: Champion) -> None:
        super().__init__(name)
        self.champion, self._batcher, self.ready = champion, Batcher(), True
        # Of the last requests: when, how many rows, how many seconds.
        self.recent: deque[tuple[float, int, float]] = deque(maxlen=1_000)

    async def predict(
        self, payload: Any, headers: dict[str, str] | None = None, response_headers: dict[str, str] | None = None
    ) -> Any:
        """Answers a request: `{"instances": [row, …]}`, or a V2 inference request with a tensor [rows] a column."""
        servable, began = self.champion.now.servable, time.perf_counter()
        try:
            columns = read_request(payload, servable)
        except DataError as error:
            REFUSED.labels(self.name).inc()
            raise InvalidInput(str(error)) from None
        answer = await self._batcher.ask(servable, columns)
        rows = len(next(iter(answer.values())))
        ROWS.labels(self.name, servable.version).inc(rows)
        ROWS_A_REQUEST.labels(self.name).observe(rows)
        self.recent.append((time.time(), rows, time.perf_counter() - began))
        return write_response(self.name, servable, payload, answer)

    def get_input_types(self) -> list[dict[str, Any]]:
        """The raw columns."""
        columns = self.champion.now.servable.columns
        return [{"name": name, "datatype": DATATYPES[kind], "shape": [-1]} for name, kind in columns.items()]

    def get_output_types(self) -> list[dict[str, Any]]:
        """The outputs."""
        outputs = self.champion.now.servable.outputs
        return [
            {"name": name, "datatype": "FP32", "shape": [-1] if size == 1 else [-1, size]}
            for name, size in outputs.items()
        ]


def read_request(payload: Any, servable: Servable) -> Arrays:
    """The columns that a request asks about.

    Raises:
        DataError: the request has a mistake.
    """
    if isinstance(payload, InferRequest):
        return columns_of_tensors({one.name: _tensor(one) for one in payload.inputs}, servable.columns)
    if isinstance(payload, bytes):
        try:
            payload = orjson.loads(payload)
        except orjson.JSONDecodeError as error:
            raise DataError(f"the body is not JSON: {error}") from None
    if not isinstance(payload, dict) or "instances" not in payload:
        raise DataError('expected {"instances": [row, …]}, each row an object of the columns')
    return columns_of_rows(payload["instances"], servable.columns)


def _tensor(given: Any) -> Any:
    """A tensor as an array where it came as bytes, as a list where it came as JSON."""
    # Of JSON, where a value can be null; KServe gives an empty list where there are raw bytes.
    if isinstance(given.data, list) and given.data and (given.datatype == "BYTES" or None in given.data):
        return given.data
    try:
        return given.as_numpy()
    except (ValueError, TypeError, InvalidInput) as error:
        raise DataError(f"column '{given.name}': not {given.datatype} of shape {given.shape}: {error}") from None


def write_response(name: str, servable: Servable, payload: Any, answer: Mapping[str, Any]) -> Any:
    """The answer, in the protocol of its request.

    V1: a prediction a row, `{output: number}`, with the version beside them. V2: a tensor an output.
    """
    if isinstance(payload, InferRequest):
        outputs = []
        for output, values in answer.items():
            tensor = InferOutput(output, list(values.shape), "FP32")
            tensor.set_data_from_numpy(np.ascontiguousarray(values), binary_data=bool(payload.from_grpc))
            outputs.append(tensor)
        return InferResponse(
            response_id=payload.id or uuid.uuid4().hex,
            model_name=name,
            model_version=str(servable.version),
            infer_outputs=outputs,
        )
    columns = {output: values.tolist() for output, values in answer.items()}
    if len(columns) == 1:
        ((output, found),) = columns.items()
        predictions = [{output: value} for value in found]
    else:
        names = tuple(columns)
        predictions = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return {"predictions": predictions, "model_name": name, "model_version": str(servable.version)}
