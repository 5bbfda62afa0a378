"""What a sweep found: a table, a page with plots, the best spec as a file."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import jinja2
import optuna
import yaml
from rich.console import Console
from rich.table import Table

from pipeline.sweep.study import Study, as_yaml
from schemas.source_map import SourceMap
from schemas.spec import Choice
from schemas.spec.load import path_of, set_value

SHOWN = 12
_PAGE = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{{ name }}: sweep</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:0 auto;padding:1.5rem 1rem;color:#1c2430}
h1{margin:0}h2{margin:2rem 0 .6rem;font-size:1.25rem;border-bottom:2px solid #dde3ea}
.soft{color:#5f6b7a}.wide{overflow-x:auto}img{max-width:100%;height:auto}
table{border-collapse:collapse;width:100%}th{color:#5f6b7a}tr.best td{font-weight:700;color:#1b6e3c}
th,td{padding:.3rem .6rem;border-bottom:1px solid #dde3ea;text-align:right;white-space:nowrap}
pre{background:#f5f7fa;border-radius:.5rem;padding:.8rem;overflow-x:auto;font-size:.85rem}
</style>
<h1>{{ name }}: sweep</h1>
<p class="soft">{{ rows|length }} trials, {{ ended }} of them ended early; {{ monitor }} of the eval split,
{{ 'smaller' if mode == 'min' else 'larger' }} is better.</p>
<h2>The best values</h2><pre>{{ best }}</pre>
<h2>Every value tried</h2><img alt="{{ monitor }} by trial and by value" src="data:image/png;base64,{{ picture }}">
<h2>Trials</h2><div class="wide"><table><thead><tr>
<th>Trial<th>{{ monitor }}{% for key in keys %}<th>{{ key }}{% endfor %}<th>Seconds</thead><tbody>
{% for row in rows %}
<tr class="{{ 'best' if row.best }}"><td>{{ row.number }}<td>{{ row.value }}
{% for value in row.tried %}<td>{{ value }}{% endfor %}
<td>{{ row.seconds }}
{% endfor %}
</tbody></table></div></html>
""")


def summary(study: Study) -> dict[str, Any]:
    """The sweep as plain data: every trial, the best one."""
    best = study.best
    return {
        "monitor": study.sweep.monitor,
        "mode": study.sweep.mode,
        "trials": [
            {
                "number": trial.number,
                "value": trial.value,
                "ended_early": trial.state == optuna.trial.TrialState.PRUNED,
                "values": study.values(trial),
                "seconds": trial.duration.total_seconds() if trial.duration else None,
                **trial.user_attrs,
            }
            for trial in study.ended
        ],
        "best": None if best is None else {"number": best.number, "value": best.value, "values": study.values(best)},
    }


def print_table(study: Study, console: Console) -> None:
    """Prints the best trials, the best first."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    keys = list(study.sweep.space)
    for heading in ("trial", study.sweep.monitor, *(key.split(".")[-1] if _alone(key, keys) else key for key in keys)):
        table.add_column(heading, justify="right")
    table.add_column("seconds", justify="right")
    rows = _rows(study)
    for row in rows[:SHOWN]:
        style = "bold green" if row["best"] else ""
        table.add_row(str(row["number"]), row["value"], *row["tried"], row["seconds"], style=style)
    console.print(table)
    if len(rows) > SHOWN:
        console.print(f"[dim]and {len(rows) - SHOWN} more[/dim]")


def write_outcome(study: Study, name: str) -> Path:
    """Writes `sweep.json` and `sweep.html` to the sweep's folder; the page."""
    (study.folder / "sweep.json").write_text(json.dumps(summary(study), indent=2) + "\n", encoding="utf-8")
    rows, best = _rows(study), study.best
    page = _PAGE.render(
        name=name, rows=rows, keys=list(study.sweep.space), monitor=study.sweep.monitor, mode=study.sweep.mode,
        ended=sum(row["ended_early"] for row in rows), picture=_picture(study),
        best="" if best is None else "\n".join(f"{k}: {as_yaml(v)}" for k, v in study.values(best).items()),
    )  # fmt: skip
    path = study.folder / "sweep.html"
    path.write_text(page, encoding="utf-8")
    return path


def best_spec(spec: Path, values: dict[str, Any]) -> str:
    """The text of the spec with the values in it; comments stay, but where a key had no value of its own."""
    text = spec.read_text(encoding="utf-8")
    for key, value in values.items():
        source = SourceMap(str(spec), text)
        found = source.span(path_of(source, key))
        if found is None:
            return _dumped(spec, values)
        start, end = found
        text = text[:start] + as_yaml(value) + text[end:]
    return text


def _dumped(spec: Path, values: dict[str, Any]) -> str:
    source = SourceMap.read(spec)
    for key, value in values.items():
        set_value(source, key, value)
    return str(yaml.safe_dump(source.data, sort_keys=False, width=110, default_flow_style=None))


def _alone(key: str, keys: list[str]) -> bool:
    return sum(other.split(".")[-1] == key.split(".")[-1] for other in keys) == 1


def _rows(study: Study) -> list[dict[str, Any]]:
    best, sign = study.best, 1 if study.sweep.mode == "min" else -1
    whole = optuna.trial.TrialState.COMPLETE
    trials = sorted(study.ended, key=lambda t: (t.state != whole, sign * (t.value if t.value is not None else 0)))
    return [
        {
            "number": trial.number,
            "best": best is not None and trial.number == best.number,
            "ended_early": trial.state != whole,
            "value": f"{trial.value:.5g}" if trial.state == whole else "ended early",
            "tried": [short(value) for value in study.values(trial).values()],
            "seconds": f"{trial.duration.total_seconds():.0f}" if trial.duration else "",
        }
        for trial in trials
    ]


def short(value: Any) -> str:
    """A tried value for a person."""
    return f"{value:.4g}" if isinstance(value, float) else as_yaml(value)


def _picture(study: Study) -> str:
    """The value of each trial, over its number and over each key, as a PNG in base64."""
    from matplotlib.figure import Figure

    whole = [t for t in study.ended if t.state == optuna.trial.TrialState.COMPLETE]
    keys = list(study.sweep.space)
    columns = min(3, len(keys) + 1)
    rows = -(-(len(keys) + 1) // columns)
    figure = Figure(figsize=(4 * columns, 3 * rows), dpi=110, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    best: list[float] = []
    better = min if study.sweep.mode == "min" else max
    values = [float(t.value or 0.0) for t in whole]
    for value in values:
        best.append(better([*best[-1:], value]))
    panels[0].plot([t.number for t in whole], values, "o", color="#9aa5b1")
    panels[0].step([t.number for t in whole], best, where="post", color="#1a56db")
    panels[0].set(xlabel="trial (blue: the best so far)", ylabel=study.sweep.monitor)
    for panel, key in zip(panels[1:], keys, strict=False):
        space = study.sweep.space[key]
        tried, order = [t.params[key] for t in whole], [t.number for t in whole]
        panel.scatter(tried, values, c=order, cmap="Blues", edgecolors="#5f6b7a")
        if isinstance(space, Choice):
            panel.set_xticks(range(len(space.choices)), [as_yaml(choice) for choice in space.choices])
        elif space.log:
            panel.set_xscale("log")
        panel.set(xlabel=key)
    for panel in panels[len(keys) + 1 :]:
        panel.set_axis_off()
    target = io.BytesIO()
    figure.savefig(target, format="png")
    return base64.b64encode(target.getvalue()).decode()
