from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from components.evaluate.worker import evaluate
from components.serve.canary import WARM_UP, canary
from schemas.errors import CheckFailed, DataError
from schemas.registry import digests
from schemas.spec import Evaluation
from tests.conftest import HOUSE


@pytest.fixture(scope="module")
def evaluation(artifacts, taxi_schema, tmp_path_factory):
    place = tmp_path_factory.mktemp("judged") / "evaluation"
    paths = (artifacts[name] for name in ("examples", "statistics", "transformed", "model"))
    evaluate(Evaluation(), taxi_schema, *paths, place)
    return place


def test_a_model_answers_as_it_was_judged(artifacts, evaluation, tmp_path):
    arguments = {"name": "taxi", "examples": str(artifacts["examples"]), "model": str(artifacts["model"]),
                 "evaluation": str(evaluation), "output": str(tmp_path / "proof")}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "schemas.running", "serve", json.dumps(arguments)],
        capture_output=True,
        text=True,
        cwd=HOUSE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    proof = json.loads((tmp_path / "proof" / "manifest.json").read_text())
    assert proof["rows"] == 200
    assert proof["difference"] <= 1e-5
    assert proof["files"] == digests(artifacts["model"] / "saved_model")
    assert "fare_amount" not in proof["example"]


def test_warm_up_requests_are_what_tf_serving_replays(artifacts, evaluation, tmp_path):
    canary("taxi", artifacts["examples"], artifacts["model"], evaluation, tmp_path / "proof")
    served = tf.saved_model.load(str(artifacts["model"] / "saved_model"))
    sizes = []
    for record in tf.data.TFRecordDataset(str(tmp_path / "proof" / WARM_UP)):
        request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
        assert (request.model_spec.name, request.model_spec.signature_name) == ("taxi", "serving_default")
        answer = served.signatures["serving_default"](examples=tf.make_ndarray(request.inputs["examples"]))
        sizes.append(len(answer["fare"]))
    judged = pq.read_table(sorted((evaluation / "predictions").glob("*"))[0], partitioning=None)["fare"][:200]
    np.testing.assert_allclose(answer["fare"], judged.to_numpy(), rtol=1e-5)
    assert sizes == [1, 32, 200]


def test_a_model_that_answers_otherwise_is_refused(artifacts, evaluation, tmp_path):
    shutil.copytree(evaluation, tmp_path / "evaluation")
    part = sorted((tmp_path / "evaluation" / "predictions").glob("*"))[0]
    table = pq.read_table(part, partitioning=None)
    changed = table["fare"].to_numpy() + np.where(np.arange(table.num_rows) == 17, 0.01, 0).astype(np.float32)
    pq.write_table(table.set_column(table.schema.get_field_index("fare"), "fare", [changed]), part)
    with pytest.raises(CheckFailed, match="answers otherwise than it was judged"):
        canary("taxi", artifacts["examples"], artifacts["model"], tmp_path / "evaluation", tmp_path / "proof")
    assert not (tmp_path / "proof").exists()


def test_a_model_that_cannot_be_loaded_is_refused(artifacts, evaluation, tmp_path):
    (tmp_path / "model" / "saved_model").mkdir(parents=True)
    with pytest.raises(DataError, match="no model that latticework published"):
        canary("taxi", artifacts["examples"], tmp_path / "model", evaluation, tmp_path / "proof")
