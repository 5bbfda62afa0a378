from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from components.evaluate.batched import _Binary, _Multiclass, _Regression
from components.evaluate.intervals import draws, interval
from components.evaluate.predictions import part_batches, predict
from components.evaluate.skew import check_skew
from components.evaluate.verdict import Champion, judge, verdict_document
from components.evaluate.worker import evaluate
from schemas.artifacts import split_parts
from schemas.dataset import column_types, parse_schema
from schemas.errors import CheckFailed
from schemas.spec import Evaluation, Threshold


@pytest.fixture(scope="module")
def evaluation(artifacts, taxi_schema, tmp_path_factory):
    place = tmp_path_factory.mktemp("evaluation") / "evaluation"
    section = Evaluation.model_validate({
        "slices": [["passenger_count"]], "thresholds": [{"output": "fare", "metric": "rmse", "at_most": 1000}],
    })  # fmt: skip
    paths = (artifacts[name] for name in ("examples", "statistics", "transformed", "model"))
    evaluate(section, taxi_schema, *paths, place, spec_text="name: taxi")
    return place


def test_metrics_are_numpys_overall_and_by_slice(evaluation, artifacts, taxi_schema):
    served = tf.saved_model.load(str(artifacts["model"] / "saved_model"))
    columns = column_types(parse_schema(taxi_schema, "schema"))
    found = [
        (predict(served, b, columns), b["passenger_count"].to_numpy())
        for part in split_parts(artifacts["examples"], "test")
        for b in part_batches(part)
    ]
    error = np.concatenate([p["fare"].astype(np.float64) - p["label/fare"] for p, _ in found])
    passengers = np.concatenate([n for _, n in found])
    metrics = json.loads((evaluation / "metrics.json").read_text())
    overall = metrics["overall"]["fare"]
    assert overall["rows"] == len(error) == 1572
    assert overall["rmse"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-9)
    assert overall["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-9)
    assert overall["bias"] == pytest.approx(error.mean(), rel=1e-9)
    for count in np.unique(passengers):
        assert metrics[f"passenger_count={count}"]["fare"]["mae"] == pytest.approx(
            np.abs(error[passengers == count]).mean(), rel=1e-9
        )


def test_batched_metrics_are_tfmas():
    random = np.random.default_rng(5)
    label = (random.random(600) < 0.3).astype(np.float32)
    score = np.clip(random.normal(0.3 + 0.3 * label, 0.2), 0.001, 0.999).astype(np.float32)
    import pandas as pd

    frame = pd.DataFrame({"label": label, "prediction": score})
    names = ["AUC", "BinaryCrossEntropy", "BinaryAccuracy", "Precision", "Recall", "Calibration", "AUCPrecisionRecall",
             "MeanSquaredError", "MeanAbsoluteError"]  # fmt: skip
    config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(label_key="label", prediction_key="prediction")],
        slicing_specs=[config_pb2.SlicingSpec()],
        metrics_specs=[config_pb2.MetricsSpec(metrics=[config_pb2.MetricConfig(class_name=n) for n in names])],
    )
    theirs = tfma.analyze_raw_data(frame, config).get_metrics_for_slice()
    theirs = {name: value["doubleValue"] for name, value in theirs.items()}
    parts = [slice(0, 250), slice(250, 600)]

    def ours(combiner):
        sums = [combiner.sums(label[p].astype(np.float64), score[p].astype(np.float64)) for p in parts]
        return combiner.values(combiner.merge_accumulators(sums))

    binary, regression = ours(_Binary("y")), ours(_Regression("y"))
    pairs = {
        "auc": "auc",
        "accuracy": "binary_accuracy",
        "precision": "precision",
        "recall": "recall",
        "calibration": "calibration",
    }
    for name, other in pairs.items():
        assert binary[name] == pytest.approx(theirs[other], rel=1e-6), name
    loss = next(v for k, v in theirs.items() if k.startswith("binary_cross"))
    assert binary["log_loss"] == pytest.approx(loss, rel=1e-5)
    assert binary["auc_pr"] == pytest.approx(theirs["auc_precision_recall"], abs=0.01)
    assert regression["mse"] == pytest.approx(theirs["mean_squared_error"], rel=1e-6)
    assert regression["mae"] == pytest.approx(theirs["mean_absolute_error"], rel=1e-6)


def test_metrics_of_classes_are_numpys():
    random = np.random.default_rng(6)
    label = random.integers(0, 5, 300).astype(np.float64)
    score = random.dirichlet(np.ones(5), 300)
    combiner = _Multiclass("y")
    sums = [combiner.sums(label[part], score[part].ravel()) for part in (slice(0, 100), slice(100, 300))]
    found = combiner.values(combiner.merge_accumulators(sums))
    own = score[np.arange(300), label.astype(int)]
    order = np.argsort(-score, axis=1)[:, :3]
    assert found["rows"] == 300
    assert found["log_loss"] == pytest.approx(-np.log(own).mean())
    assert found["accuracy"] == pytest.approx((order[:, 0] == label).mean())
    assert found["top_3_accuracy"] == pytest.approx((order == label[:, None]).any(axis=1).mean())


def test_the_report_is_whole_and_needs_no_network(evaluation):
    page = (evaluation / "report.html").read_text()
    assert "<svg" in page
    assert "name: taxi" in page
    assert "passenger_count=1" in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page


def test_skew_is_found(artifacts, taxi_schema, tmp_path):
    columns = column_types(parse_schema(taxi_schema, "schema"))
    served = tf.saved_model.load(str(artifacts["model"] / "saved_model"))
    model = artifacts["model"] / "model.keras"
    proof = check_skew(served, model, artifacts["examples"], artifacts["transformed"], columns, ["fare_amount"])
    assert set(proof) == {"raw", "serving_default"}
    assert max(proof.values()) <= 1e-5
    part = split_parts(artifacts["transformed"], "test")[0]
    table = pq.read_table(part, partitioning=None)
    changed = table.set_column(
        table.schema.get_field_index("km_scaled"), "km_scaled", [np.asarray(table["km_scaled"]) + np.float32(0.01)]
    )
    (tmp_path / "split=test").mkdir()
    pq.write_table(changed, tmp_path / "split=test" / "part-0.parquet")
    with pytest.raises(CheckFailed, match="training/serving skew"):
        check_skew(served, model, artifacts["examples"], tmp_path, columns, ["fare_amount"])


def test_the_verdict():
    rules = [
        Threshold(output="y", metric="rmse", at_most=2),
        Threshold(output="y", metric="mae", at_least=1, at_most=3),
    ]
    assert verdict_document(judge(rules, {"y": {"rmse": 2.0, "mae": 1.5}}))["blessed"]
    broken = verdict_document(judge(rules, {"y": {"rmse": 2.1, "mae": 1.5}}))
    assert (broken["blessed"], [r["held"] for r in broken["rules"]]) == (False, [False, True])
    assert not verdict_document(judge(rules, {"y": {"mae": 1.5}}))["blessed"]


def test_rules_that_compare():
    def ruled(value, champion, **rule):
        (ruling,) = judge([Threshold(output="y", metric="auc", **rule)], {"y": {"auc": value}}, champion)
        return ruling.held, ruling.change

    service = Champion(3, {"y": {"auc": 0.8}})
    assert ruled(0.8, service, change_at_least=0) == (True, 0)
    assert ruled(0.79, service, change_at_least=0)[0] is False
    assert ruled(0.79, service, change_at_least=-0.02)[0] is True
    assert ruled(0.81, service, change_at_most=0.005)[0] is False
    assert ruled(0.81, service, change_at_least=0, at_least=0.9)[0] is False
    assert ruled(0.5, None, change_at_least=0) == (True, None)
    assert ruled(0.9, Champion(3, None, "no column"), change_at_least=0) == (False, None)
    assert ruled(0.9, Champion(3, {"other": {}}), change_at_least=0) == (False, None)


@pytest.fixture(scope="module")
def shuffled(artifacts, taxi_schema, tmp_path_factory):
    """A challenger that learnt from fares of other rides."""
    import shutil

    from components.train.worker import train
    from schemas.spec import load_spec
    from tests.conftest import TAXI

    place = tmp_path_factory.mktemp("shuffled")
    shutil.copytree(artifacts["transformed"], place / "transformed")
    for part in split_parts(place / "transformed", "train"):
        table = pq.read_table(part, partitioning=None)
        fares = np.random.default_rng(1).permutation(table["fare"].to_numpy())
        pq.write_table(table.set_column(table.schema.get_field_index("fare"), "fare", [fares]), part)
    model = load_spec(TAXI / "spec.yaml", {"model.training.epochs": "2"}).spec.model
    train(model, taxi_schema, place / "transformed", place / "model", name="taxi", seed=7)
    return place


def test_a_worse_challenger_is_not_blessed(artifacts, shuffled, taxi_schema, tmp_path):
    rules = Evaluation.model_validate({"thresholds": [{"output": "fare", "metric": "mae", "change_at_most": 0.0}]})
    parts = [artifacts["examples"], artifacts["statistics"], artifacts["transformed"]]
    good, bad = artifacts["model"], shuffled / "model"
    worse = evaluate(rules, taxi_schema, *parts, bad, tmp_path / "worse", champion=(4, good / "saved_model"))
    assert not worse["verdict"]["blessed"]
    (rule,) = worse["verdict"]["rules"]
    assert rule["change"] > 1
    assert "version 4" in (tmp_path / "worse" / "report.html").read_text()
    better = evaluate(rules, taxi_schema, *parts, good, tmp_path / "better", champion=(4, bad / "saved_model"))
    assert better["verdict"]["blessed"]
    assert better["champion"]["metrics"]["fare"]["mae"] == pytest.approx(worse["metrics"]["fare"]["mae"], rel=1e-9)


def predictions(folder, label, prediction):
    folder.mkdir()
    half = len(label) // 2
    for index, rows in enumerate((slice(0, half), slice(half, None))):
        pq.write_table(pa.table({"label/y": label[rows], "y": prediction[rows]}), folder / f"part-{index}.parquet")
    return folder


def test_intervals_are_those_of_the_bootstrap(tmp_path):
    random = np.random.default_rng(8)
    label = random.normal(size=4_000)
    good = predictions(tmp_path / "good", label, label + random.normal(0, 2.0, 4_000))
    same = predictions(tmp_path / "same", label, pq.read_table(good)["y"].to_numpy() + 0.1)
    ours, theirs = draws({"y": "regression"}, good, same)
    # The deviation of a mean square of normal errors is its value times the root of 2/n.
    low, high = interval(ours["y"]["mse"])
    assert (high - low) / 2 == pytest.approx(1.96 * 4 * np.sqrt(2 / 4_000), rel=0.25)
    assert low < 4 < high
    apart = np.std(ours["y"]["rmse"] - theirs["y"]["rmse"])
    assert apart < np.std(ours["y"]["rmse"]) / 10, "drawn in pairs, the models' own difference is left"
    again, _ = draws({"y": "regression"}, good)
    np.testing.assert_array_equal(again["y"]["rmse"], ours["y"]["rmse"])


def test_a_rule_with_confidence(tmp_path):
    random = np.random.default_rng(9)
    label = random.normal(size=2_000)
    service = Champion(1, {"y": {"rmse": 1.0}})

    def held(noise, **rule):
        theirs = label + random.normal(0, 1.0, 2_000)
        ours = theirs + random.normal(0, noise, 2_000)
        place = tmp_path / str(random.integers(10**9))
        place.mkdir()
        drawn = draws(
            {"y": "regression"}, predictions(place / "a", label, ours), predictions(place / "b", label, theirs)
        )
        overall = {"y": {"rmse": float(np.sqrt(((ours - label) ** 2).mean()))}}
        champion = Champion(1, {"y": {"rmse": float(np.sqrt(((theirs - label) ** 2).mean()))}})
        (ruling,) = judge([Threshold(output="y", metric="rmse", **rule)], overall, champion, drawn)
        return ruling

    assert held(0.01, change_at_most=0.01, confidence=0.95).held
    assert not held(1.0, change_at_most=0.01, confidence=0.95).held
    unsure = held(0.3, change_at_most=0.045)
    assert unsure.change_interval[0] < unsure.change < unsure.change_interval[1]
    assert held(0.0, at_most=1.2, confidence=0.99).held
    assert not held(0.0, at_most=0.95, confidence=0.99).held
    (ruling,) = judge([Threshold(output="y", metric="rmse", at_most=2, confidence=0.9)], {"y": {"rmse": 1.0}}, service)
    assert not ruling.held, "without draws nothing is sure"
    assert ruling.bound == "≤ 2 with 90% confidence"
