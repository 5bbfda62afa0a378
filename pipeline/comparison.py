"""Two runs side by side, as a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

from pipeline.runs import PastRun, metric_changes, spec_difference

WIDTH, HEIGHT, LEFT, BOTTOM = 320, 180, 52, 150
COLOURS = ("#8a94a0", "#1a56db")


def comparison_page(one: PastRun, other: PastRun) -> str:
    """One self-contained HTML page: metrics, learning curves over each other, the difference of the specs."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    facts = [
        (key, f"{one.summary[key]:,}", f"{other.summary[key]:,}") for key in ("parameters", "epochs", "total_seconds")
    ]
    page: str = environment.get_template("comparison.html.j2").render(
        first=one.name, second=other.name, metrics=metric_changes(one, other), facts=facts,
        spec=spec_difference(one, other), curves=_curves(one, other),
    )  # fmt: skip
    return page


def _curves(one: PastRun, other: PastRun) -> list[tuple[str, Markup]]:
    histories = [run.summary.get("history", {}) for run in (one, other)]
    found = []
    for key in dict.fromkeys(key for history in histories for key in history if not key.startswith("val_")):
        series = [history.get(f"val_{key}") or history.get(key, []) for history in histories]
        if any(math.isfinite(value) for values in series for value in values):
            found.append((key, Markup(_drawing(series))))
    return found


def _drawing(series: Sequence[Sequence[float]]) -> str:
    values = [value for line in series for value in line if math.isfinite(value)]
    low, high, longest = min(values), max(values), max(map(len, series))
    drawn = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" font-size="11">']
    for y, value in ((BOTTOM, low), (10, high)):
        drawn.append(
            f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y}" y2="{y}" stroke="#dde3ea"/>'
            f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end" fill="#5f6b7a">{value:.4g}</text>'
        )
    drawn.append(f'<text x="{WIDTH - 4}" y="{BOTTOM + 16}" text-anchor="end" fill="#5f6b7a">epoch {longest}</text>')
    for line, colour in zip(series, COLOURS, strict=True):
        points = [
            (
                LEFT + 6 + i * (WIDTH - LEFT - 16) / max(longest - 1, 1),
                BOTTOM - (v - low) / ((high - low) or 1) * (BOTTOM - 10),
            )
            for i, v in enumerate(line)
            if math.isfinite(v)
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
    return "".join(drawn) + "</svg>"
