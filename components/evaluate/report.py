"""The report of a run: one HTML page that needs no network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.evaluate.verdict import Champion
from schemas.drawings import BLUE, bar, histogram, learning_curve, lines, number
from schemas.spec import SPLITS
from schemas.spec.outputs import Task

MAIN_METRICS = (
    "rmse", "mae", "bias", "mape", "error_p50", "error_p90", "error_p99", "auc", "auc_pr", "log_loss", "accuracy",
    "precision", "recall", "top_3_accuracy", "calibration", "ece",
)  # fmt: skip


def render_report(
    *, name: str, examples: Mapping[str, Any], validation: Mapping[str, Any], features: Mapping[str, Any],
    training: Mapping[str, Any], plot: str, metrics: Mapping[str, Any], verdict: Mapping[str, Any],
    champion: Champion | None, intervals: Mapping[str, Any], skew: Mapping[str, float], split: str, spec: str,
    versions: Mapping[str, str], columns: list[dict[str, Any]], tasks: Mapping[str, Task],
    insight: Mapping[str, Mapping[str, Any]],
) -> str:  # fmt: skip
    """Renders the page.

    Args:
        name: the model's name.
        examples, validation, features, training: the manifests of the artifacts before.
        plot: the model's graph as SVG.
        metrics: {slice: {output: {metric: value}}}.
        verdict: what `verdict_document` gives.
        intervals: {slice: {output: {metric: [low, high]}}}, 95 % of the bootstrap's draws.
        champion: the version in service.
        skew: the largest difference of each serving signature.
        split: the one that was judged on.
        spec: the spec as YAML.
        versions: of Python and the libraries.
        columns: what `column_rows` gives.
        tasks: what each output predicts.
        insight: by output, curves, worst rows and importance (see `insight`).
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(number=number, count=lambda n: f"{n:,.0f}", bar=lambda v, most: Markup(bar(v, most)))
    curves = [
        (key, Markup(learning_curve(values, training["history"].get(f"val_{key}", []))))
        for key, values in training["history"].items()
        if not key.startswith("val_")
    ]
    shown = [m for m in MAIN_METRICS if any(m in values for values in metrics["overall"].values())]
    return environment.get_template("report.html.j2").render(
        name=name, examples=examples, validation=validation, features=features, training=training,
        plot=Markup(plot), metrics=metrics, verdict=verdict, champion=champion, intervals=intervals, skew=skew,
        split=split, spec=spec, versions=versions, curves=curves, main_metrics=shown,
        splits=SPLITS, worst=worst_slices(metrics), columns=columns, insight=insight,
        pictures={n: [(title, Markup(p)) for title, p in pictures(tasks[n], f)] for n, f in insight.items()},
    )  # fmt: skip


def column_rows(statistics: str | Path) -> list[dict[str, Any]]:
    """What validate found of each column in the train split."""
    listed = statistics_pb2.DatasetFeatureStatisticsList.FromString((Path(statistics) / "statistics.pb").read_bytes())
    found = []
    for feature in listed.datasets[0].features:
        is_number = feature.HasField("num_stats")
        common = (feature.num_stats if is_number else feature.string_stats).common_stats
        rows = common.num_non_missing + common.num_missing
        row: dict[str, Any] = {
            "name": feature.name or feature.path.step[-1],
            "missing": common.num_missing / max(rows, 1),
        }
        if is_number:
            stats = feature.num_stats
            row.update(mean=stats.mean, deviation=stats.std_dev, low=stats.min, median=stats.median, high=stats.max)
        else:
            row.update(unique=feature.string_stats.unique, top=[v.value for v in feature.string_stats.top_values[:3]])
        found.append(row)
    return found


def pictures(task: Task, found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is drawn of an output: captions and SVG."""
    calibration = [(x, y) for x, y, _ in found.get("calibration", [])]
    if task == "regression":
        residuals = found["residuals"]
        return [
            ("Residuals: prediction less label", histogram(residuals["edges"], residuals["counts"], below="residual")),
            ("Calibration: tenths of the rows by prediction",
             lines([(BLUE, calibration)], below="mean prediction", beside="mean label", diagonal=True, dots=True)),
        ]  # fmt: skip
    if task != "binary":
        return []
    unit = (0.0, 1.0, 0.0, 1.0)
    roc, pr = [(x, y) for x, y, _ in found["roc"]], [(x, y) for x, y in found["pr"]]
    return [
        ("ROC", lines([(BLUE, roc)], below="false positives", beside="true positives", diagonal=True, limits=unit)),
        ("Precision and recall", lines([(BLUE, pr)], below="recall", beside="precision", limits=unit)),
        ("Calibration",
         lines([(BLUE, calibration)], below="mean prediction", beside="share of positives", diagonal=True, dots=True,
               limits=unit)),
    ]  # fmt: skip


def worst_slices(metrics: Mapping[str, Any]) -> dict[str, list[tuple[str, float, float, float]]]:
    """By output, slices as (name, rows, metric, harm), the most harmed first.

    Harm is the rows of the slice times how much worse its error (RMSE, else log loss) is than that of all rows.
    """
    result: dict[str, list[tuple[str, float, float, float]]] = {}
    for output, overall in metrics["overall"].items():
        metric = "rmse" if "rmse" in overall else "log_loss"
        rows = [
            (name, values[output]["rows"], values[output][metric],
             values[output]["rows"] * (values[output][metric] - overall[metric]))
            for name, values in metrics.items() if name != "overall" and metric in values.get(output, {})
        ]  # fmt: skip
        result[output] = sorted(rows, key=lambda row: -row[3])
    return result
