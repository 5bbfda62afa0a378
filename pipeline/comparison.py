"""Two runs side by side, as a page."""

from __future__ import annotations

import math
from pathlib import Path

import jinja2
from markupsafe import Markup

from pipeline.runs import PastRun, metric_changes, spec_difference
from schemas.drawings import learning_curve


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
            found.append((key, Markup(learning_curve(*series))))
    return found
