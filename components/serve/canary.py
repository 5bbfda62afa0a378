"""The canary: a model that is to be published answers as it will be asked, in a process that only serves.

The exported model is loaded by the server's own loader, warmed, and asked real rows as JSON; its answers must be those
that evaluate judged. What it was asked becomes the warm-up requests that TF Serving replays when it loads a version.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

from components.serve.loader import Arrays, Servable
from components.serve.rows import columns_of_rows
from schemas.artifacts import read_manifest, split_parts, whole_artifact
from schemas.dataset import MISSING_INT
from schemas.errors import CheckFailed, DataError
from schemas.progress import Progress
from schemas.registry import digests
from schemas.tf_examples import tf_examples

ROWS, TOLERANCE = 200, 1e-5
WARM_UP = "assets.extra/tf_serving_warmup_requests"


def canary(
    name: str, examples: str | Path, model: str | Path, evaluation: str | Path, output: str | Path, *,
    progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Asks a model the first rows of the split that judged it, as a client would.

    Args:
        name: the model's name.
        examples, model, evaluation: what ingest, train and evaluate wrote.
        output: the artifact's folder: manifest.json, assets.extra/tf_serving_warmup_requests.

    Returns:
        The manifest: rows, the largest difference, seconds to load and to answer, the SHA-256 of each file that was
        loaded, one row as an example.

    Raises:
        CheckFailed: an answer is not what evaluate judged.
        DataError: the model cannot be loaded, or there is no row to ask.
    """
    progress = progress or Progress("canary")
    progress.start("loading the model as the server does")
    folder, began = Path(model) / "saved_model", time.monotonic()
    servable = Servable(folder)
    servable.warm()
    load_seconds = time.monotonic() - began
    split = read_manifest(evaluation, "evaluate")["split"]
    part = next(iter(split_parts(examples, split)), None)
    if part is None:
        raise DataError(f"{examples}: no row in the split '{split}' to ask the model")
    batch = next(pq.ParquetFile(part).iter_batches(batch_size=ROWS, columns=list(servable.columns)))
    expected = pq.read_table(Path(evaluation) / "predictions" / Path(part).name, partitioning=None)[: batch.num_rows]
    rows = json.loads(json.dumps([_client_row(row) for row in batch.to_pylist()]))
    began = time.monotonic()
    answers = servable.predict(columns_of_rows(rows, servable.columns))
    answer_seconds = time.monotonic() - began
    difference = _difference(answers, expected)
    if not difference <= TOLERANCE:
        raise CheckFailed(
            f"{name}: asked {len(rows)} rows as a client asks, the model answers otherwise than it was judged: by "
            f"{difference:.3g}, allowed {TOLERANCE:g}. It is not published."
        )
    manifest = {
        "rows": len(rows),
        "difference": difference,
        "load_seconds": round(load_seconds, 3),
        "answer_seconds": round(answer_seconds, 4),
        "files": digests(folder),
        "example": rows[0],
    }
    with whole_artifact(output, manifest) as place:
        (place / WARM_UP).parent.mkdir()
        records = tf_examples(batch, servable.columns)
        with tf.io.TFRecordWriter(str(place / WARM_UP)) as writer:
            for size in sorted({1, min(32, len(records)), len(records)}):
                writer.write(_warm_up(name, records[:size]))
    progress.done(f"{len(rows)} rows answered as judged", difference=difference)
    return manifest


def _client_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON has it: null is a missing value."""
    return {name: None if _missing(value) else value for name, value in row.items()}


def _missing(value: Any) -> bool:
    return value is None or value == MISSING_INT or (isinstance(value, float) and math.isnan(value))


def _difference(answers: Arrays, expected: pa.Table) -> float:
    """The largest difference, relative to max(1, |prediction|)."""
    largest = 0.0
    for output, found in answers.items():
        judged = np.array(expected[output].to_pylist(), np.float64).reshape(found.shape)
        largest = max(largest, float(np.max(np.abs(found - judged) / np.maximum(1.0, np.abs(judged)))))
    return largest


def _warm_up(name: str, records: list[bytes]) -> bytes:
    """A PredictionLog as TF Serving replays it."""
    request = predict_pb2.PredictRequest(model_spec=model_pb2.ModelSpec(name=name, signature_name="serving_default"))
    request.inputs["examples"].CopyFrom(tf.make_tensor_proto(records, tf.string))
    log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
    return bytes(log.SerializeToString())
