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
from components.evaluate.intervals import Bootstrap, interval
from components.evaluate.predictions import part_batches, predict
from components.evaluate.skew import check_skew
from components.evaluate.verdict import Champion, judge, verdict_document
from components.evaluate.worker import evaluate
from schemas.artifacts import split_parts
from schemas.dataset import column_types, parse_schema
from schemas.errors import CheckFailed
from schemas.spec import Evaluation, Threshold
from tests.browser import LAPTOP, PHONE, is_too_wide, needs_chromium, opened


@pytest.fixture(scope="module")
def evaluation(artifacts, taxi_schema, tmp_path_factory):
    place = tmp_path_factory.mktemp("evaluation") / "evaluation"
    section = Evaluation.model_validate({
        "slices": [["passenger_count"], [{"column": "pickup_latitude", "edges": [40.7, 40.76]}, "passenger_count"]],
        "thresholds": [
            {"output": "fare", "metric": "rmse", "at_most": 1000},
            {"output": "fare", "metric": "mae", "at_most": 0.01, "by": ["passenger_count"], "min_rows": 50},
        ],
    })  # fmt: skip
    paths = (artifacts[name] for name in ("examples", "statistics", "transformed", "model"))
    evaluate(
        section, taxi_schema, *paths, place, spec_text="name: taxi", champion=(1, artifacts["model"] / "saved_model")
    )
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
    assert binary["precision@0.5"] == pytest.approx(binary["precision"], abs=0.01)
    for cut in (0.2, 0.7):
        chosen = score > cut
        assert binary[f"precision@{cut}"] == pytest.approx(label[chosen].mean(), abs=1e-6)
        assert binary[f"recall@{cut}"] == pytest.approx(label[chosen].sum() / label.sum(), abs=1e-6)
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
    assert verdict_document(judge(rules, {"overall": {"y": {"rmse": 2.0, "mae": 1.5}}}))["blessed"]
    broken = verdict_document(judge(rules, {"overall": {"y": {"rmse": 2.1, "mae": 1.5}}}))
    assert (broken["blessed"], [r["held"] for r in broken["rules"]]) == (False, [False, True])
    assert not verdict_document(judge(rules, {"overall": {"y": {"mae": 1.5}}}))["blessed"]


def test_rules_that_compare():
    def ruled(value, champion, **rule):
        (ruling,) = judge([Threshold(output="y", metric="auc", **rule)], {"overall": {"y": {"auc": value}}}, champion)
        return ruling.held, ruling.change

    service = Champion(3, {"overall": {"y": {"auc": 0.8}}})
    assert ruled(0.8, service, change_at_least=0) == (True, 0)
    assert ruled(0.79, service, change_at_least=0)[0] is False
    assert ruled(0.79, service, change_at_least=-0.02)[0] is True
    assert ruled(0.81, service, change_at_most=0.005)[0] is False
    assert ruled(0.81, service, change_at_least=0, at_least=0.9)[0] is False
    assert ruled(0.5, None, change_at_least=0) == (True, None)
    assert ruled(0.9, Champion(3, None, "no column"), change_at_least=0) == (False, None)
    assert ruled(0.9, Champion(3, {"overall": {"other": {}}}), change_at_least=0) == (False, None)


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
    ours, theirs = Bootstrap({"y": "regression"}, good, same).draws()
    # The deviation of a mean square of normal errors is its value times the root of 2/n.
    low, high = interval(ours["y"]["mse"])
    assert (high - low) / 2 == pytest.approx(1.96 * 4 * np.sqrt(2 / 4_000), rel=0.25)
    assert low < 4 < high
    apart = np.std(ours["y"]["rmse"] - theirs["y"]["rmse"])
    assert apart < np.std(ours["y"]["rmse"]) / 10, "drawn in pairs, the models' own difference is left"
    again, _ = Bootstrap({"y": "regression"}, good).draws()
    np.testing.assert_array_equal(again["y"]["rmse"], ours["y"]["rmse"])


def test_a_rule_with_confidence(tmp_path):
    random = np.random.default_rng(9)
    label = random.normal(size=2_000)
    service = Champion(1, {"overall": {"y": {"rmse": 1.0}}})

    def held(noise, **rule):
        theirs = label + random.normal(0, 1.0, 2_000)
        ours = theirs + random.normal(0, noise, 2_000)
        place = tmp_path / str(random.integers(10**9))
        place.mkdir()
        judged = predictions(place / "a", label, ours), predictions(place / "b", label, theirs)
        drawn = {"overall": Bootstrap({"y": "regression"}, *judged).draws()}
        overall = {"overall": {"y": {"rmse": float(np.sqrt(((ours - label) ** 2).mean()))}}}
        champion = Champion(1, {"overall": {"y": {"rmse": float(np.sqrt(((theirs - label) ** 2).mean()))}}})
        (ruling,) = judge([Threshold(output="y", metric="rmse", **rule)], overall, champion, drawn)
        return ruling

    assert held(0.01, change_at_most=0.01, confidence=0.95).held
    assert not held(1.0, change_at_most=0.01, confidence=0.95).held
    unsure = held(0.3, change_at_most=0.045)
    assert unsure.change_interval[0] < unsure.change < unsure.change_interval[1]
    assert held(0.0, at_most=1.2, confidence=0.99).held
    assert not held(0.0, at_most=0.95, confidence=0.99).held
    (ruling,) = judge(
        [Threshold(output="y", metric="rmse", at_most=2, confidence=0.9)], {"overall": {"y": {"rmse": 1.0}}}, service
    )
    assert not ruling.held, "without draws nothing is sure"
    assert ruling.bound == "≤ 2 with 90% confidence"


def test_errors_of_calibration_are_numpys():
    random = np.random.default_rng(7)
    score = random.random(5_000)
    label = (random.random(5_000) < score**2).astype(np.float64)
    combiner = _Binary("y")
    found = combiner.values(combiner.sums(label, score))["ece"]
    bins = np.minimum((score * 15).astype(int), 14)
    expected = sum(abs(score[bins == b].mean() - label[bins == b].mean()) * (bins == b).mean() for b in range(15))
    assert found == pytest.approx(expected, abs=2e-3)
    assert found > 0.1


def test_quantiles_of_errors_and_mape_are_numpys():
    random = np.random.default_rng(8)
    label = np.concatenate([random.normal(10, 3, 4_000), np.zeros(5)])
    prediction = label + random.standard_t(3, len(label))
    combiner = _Regression("y")
    sums = [combiner.sums(label[part], prediction[part]) for part in (slice(0, 1_000), slice(1_000, None))]
    found = combiner.values(combiner.merge_accumulators(sums))
    error = np.abs(prediction - label)
    for percent in (50, 90, 99):
        assert found[f"error_p{percent}"] == pytest.approx(np.quantile(error, percent / 100), rel=0.03)
    known = label != 0
    assert found["mape"] == pytest.approx((error[known] / np.abs(label[known])).mean())
    assert combiner.values(combiner.sums(np.zeros(3), np.zeros(3)))["error_p99"] == 0


def test_slices_of_ranges_and_pairs():
    from components.evaluate.slices import parts_of, slice_name, slices_of
    from schemas.spec.evaluation import Buckets

    batch = pa.record_batch({"n": [0.5, 1.0, 7.0, None, float("nan")], "c": ["a", "b, x=1", None, "a", "a"]})
    by = [[Buckets(column="n", edges=[1, 5])], ["c", Buckets(column="n", edges=[1, 5])]]
    found = {slice_name(key): sorted(rows.tolist()) for key, rows in slices_of(batch, by)}
    assert found == {
        "n=< 1": [0], "n=[1, 5)": [1], "n=≥ 5": [2], "n=": [3, 4],
        "c=a, n=< 1": [0], "c=b, x=1, n=[1, 5)": [1], "c=, n=≥ 5": [2], "c=a, n=": [3, 4],
    }  # fmt: skip
    assert parts_of("c=a, n=[1, 5)") == [("c", "a"), ("n", "[1, 5)")]
    assert parts_of("overall") == []


def test_slices_have_metrics_intervals_and_rules(evaluation):
    metrics, sure = (json.loads((evaluation / f"{name}.json").read_text()) for name in ("metrics", "intervals"))
    pairs = [name for name in metrics if "pickup_latitude=" in name]
    assert sum(metrics[name]["fare"]["rows"] for name in pairs) == 1572
    assert any(name.startswith("passenger_count=1, pickup_latitude=[40.7, 40.76)") for name in pairs)
    low, high = sure["passenger_count=1"]["fare"]["rmse"]
    assert low < metrics["passenger_count=1"]["fare"]["rmse"] < high
    rules = json.loads((evaluation / "verdict.json").read_text())["rules"]
    assert rules[0]["slice"] == "overall"
    ruled = {rule["slice"] for rule in rules[1:]}
    assert ruled == {n for n, m in metrics.items() if parts(n) == ["passenger_count"] and m["fare"]["rows"] >= 50}
    assert not any(rule["held"] for rule in rules[1:])
    assert all(rule["champion"] == pytest.approx(rule["value"]) for rule in rules)


def parts(name):
    from components.evaluate.slices import parts_of

    return [column for column, _ in parts_of(name)]


def test_the_verdict_is_tfmas_validation_result(evaluation):
    result = tfma.load_validation_result(str(evaluation / "tfma"))
    assert not result.validation_ok
    failures = {
        (
            part.slice_key.single_slice_keys[0].column,
            failure.metric_key.name,
            failure.metric_threshold.value_threshold.upper_bound.value,
        )
        for part in result.metric_validations_per_slice
        for failure in part.failures
    }
    assert failures == {("passenger_count", "mae", 0.01)}
    assert "**broken**" in (evaluation / "verdict.md").read_text()


def test_where_it_errs(evaluation, artifacts):
    found = json.loads((evaluation / "insight.json").read_text())["fare"]
    errors = [one["error"] for one in found["worst"]]
    assert errors == sorted(errors, reverse=True)
    assert len(errors) == 20
    for one in found["worst"]:
        assert one["row"]["fare_amount"] == pytest.approx(one["label"])
        assert abs(one["prediction"] - one["label"]) == pytest.approx(one["error"])
    assert sum(found["residuals"]["counts"]) == 1572
    best = next(iter(found["importance"]))
    assert best.startswith(("pickup_l", "dropoff_l")), "a fare is mostly a matter of where from and where to"
    assert found["importance"][best] > 1
    assert "fare_amount" not in found["importance"]


def test_curves_of_classes():
    from components.evaluate.insight import curves, errors

    random = np.random.default_rng(9)
    label = (random.random(3_000) < 0.4).astype(np.float64)
    score = np.clip(label * 0.3 + random.random(3_000) * 0.7, 0.0005, 0.9995)
    found = curves("binary", label, score)
    fpr, tpr, _ = zip(*found["roc"], strict=True)
    combiner = _Binary("y")
    assert np.trapezoid(tpr, fpr) == pytest.approx(combiner.values(combiner.sums(label, score))["auc"], abs=5e-3)
    assert np.sum(found["confusion"]["counts"]) == 3_000
    scores = random.dirichlet(np.ones(3), 30)
    classes = random.integers(0, 3, 30).astype(np.float64)
    counts = np.array(curves("multiclass", classes, scores)["confusion"]["counts"])
    assert counts.trace() == (scores.argmax(axis=1) == classes).sum()
    np.testing.assert_allclose(
        errors("multiclass", classes, scores), -np.log(scores[np.arange(30), classes.astype(int)])
    )
    assert curves("multiclass", np.zeros(2), random.dirichlet(np.ones(50), 2)) == {}


@pytest.mark.browser
@needs_chromium
@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_the_report_in_a_browser(evaluation, size):
    with opened(f"file://{evaluation}/report.html", size) as page:
        assert not is_too_wide(page)
        assert page.locator("h2").all_text_contents()[:4] == [
            "Verdict", "Metrics on the test split", "Slices, the most harmed first", "Where it errs"
        ]  # fmt: skip
        assert page.locator("svg polyline").count() > 3
        worst = page.locator("details", has_text="twenty worst").locator("tbody tr")
        assert not worst.first.is_visible()
        page.emulate_media(media="print")
        assert worst.first.is_visible()
        assert worst.count() == 20
        assert not is_too_wide(page)
