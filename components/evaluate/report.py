"""The report of a run: one HTML page that needs no network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from components.evaluate.verdict import Champion
from schemas.spec import SPLITS

MAIN_METRICS = ("rmse", "mae", "bias", "auc", "auc_pr", "log_loss", "accuracy", "top_3_accuracy", "calibration")


def render_report(
    *, name: str, examples: Mapping[str, Any], validation: Mapping[str, Any], features: Mapping[str, Any],
    training: Mapping[str, Any], plot: str, metrics: Mapping[str, Any], verdict: Mapping[str, Any],
    champion: Champion | None, intervals: Mapping[str, Any], skew: Mapping[str, float], split: str, spec: str,
    versions: Mapping[str, str],
) -> str:  # fmt: skip
    """Renders the page.

    Args:
        name: the model's name.
        examples, validation, features, training: the manifests of the artifacts before.
        plot: the model's graph as SVG.
        metrics: {slice: {output: {metric: value}}}.
        verdict: what `verdict_document` gives.
        intervals: {output: {metric: [low, high]}}, 95 % of the bootstrap's draws.
        champion: the version in service, where the rules compare with it.
        skew: the largest difference of each serving signature.
        split: the one that was judged on.
        spec: the spec as YAML.
        versions: of Python and the libraries.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(number=_number, count=lambda n: f"{n:,.0f}")
    curves = [
        (key, Markup(curve(values, training["history"].get(f"val_{key}", []))))
        for key, values in training["history"].items()
        if not key.startswith("val_")
    ]
    shown = [m for m in MAIN_METRICS if any(m in values for values in metrics["overall"].values())]
    return environment.get_template("report.html.j2").render(
        name=name, examples=examples, validation=validation, features=features, training=training,
        plot=Markup(plot), metrics=metrics, verdict=verdict, champion=champion, intervals=intervals, skew=skew,
        split=split, spec=spec, versions=versions, curves=curves, main_metrics=shown,
        splits=SPLITS, worst=worst_slices(metrics),
    )  # fmt: skip


def _number(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


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


def curve(train: Sequence[float], judged: Sequence[float], width: int = 320, height: int = 140) -> str:
    """A learning curve as SVG: the train split in grey, the eval split in blue."""
    values = [v for v in (*train, *judged) if math.isfinite(v)]
    if not values:
        return ""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    left, bottom, top = 52, height - 22, 10

    def points(series: Sequence[float]) -> list[tuple[float, float]]:
        steps = max(len(series) - 1, 1)
        return [
            (left + i * (width - left - 12) / steps, bottom - (v - low) / span * (bottom - top))
            for i, v in enumerate(series)
        ]

    drawn = [f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" font-size="11">']
    for y, value in ((bottom, low), (top, high)):
        drawn.append(
            f'<line x1="{left}" x2="{width - 8}" y1="{y}" y2="{y}" stroke="#dde3ea"/>'
            f'<text x="{left - 6}" y="{y + 4}" text-anchor="end" fill="#5f6b7a">{_number(value)}</text>'
        )
    drawn.append(f'<text x="{left}" y="{height - 4}" fill="#5f6b7a">epoch 1</text>')
    drawn.append(f'<text x="{width - 8}" y="{height - 4}" text-anchor="end" fill="#5f6b7a">{len(train)}</text>')
    for series, colour in ((train, "#8a94a0"), (judged, "#1a56db")):
        placed = points(series)
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        drawn.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in placed]
    return "".join(drawn) + "</svg>"
