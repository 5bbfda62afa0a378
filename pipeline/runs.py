"""The runs that there were, from what each kept in its folder."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from schemas.errors import DataError, nearest

SUMMARY, SPEC = "summary.json", "spec.json"


@dataclass(frozen=True)
class PastRun:
    """A run that ended.

    Attributes:
        model: the model's name.
        folder: logs/, pipeline.yaml, spec.json, summary.json.
        summary: what `pipeline.summary.summarize` gave.
    """

    model: str
    folder: Path
    summary: dict[str, Any]

    @property
    def name(self) -> str:
        """When it began: the name of its folder."""
        return self.folder.name

    @property
    def spec(self) -> dict[str, Any]:
        """The spec it ran with, `--set` and all; {} where it kept none."""
        try:
            found: dict[str, Any] = json.loads((self.folder / SPEC).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return found


def past_runs(runs: Path, model: str | None = None) -> list[PastRun]:
    """All runs that ended well, the oldest first.

    Args:
        runs: the folder of runs.
        model: only those of this model.
    """
    found = sorted(runs.glob(f"{model or '*'}/*/{SUMMARY}"), key=lambda path: path.parent.name)
    return [PastRun(p.parent.parent.name, p.parent, json.loads(p.read_text(encoding="utf-8"))) for p in found]


def find_run(runs: Path, wanted: str) -> PastRun:
    """A run by its name, the beginning of it, or `last`, `last~1` …

    Raises:
        DataError: there is none, or several begin so.
    """
    known = past_runs(runs)
    if wanted == "last" or wanted.startswith("last~"):
        back = wanted.removeprefix("last").removeprefix("~") or "0"
        if back.isdigit() and int(back) < len(known):
            return known[-1 - int(back)]
        raise DataError(f"{wanted}: there are {len(known)} runs in {runs}")
    found = [run for run in known if run.name.startswith(wanted)]
    if len(found) != 1:
        told = "several runs begin so" if found else "no such run"
        raise DataError(f"{wanted}: {told} in {runs}{nearest(wanted, [run.name for run in found or known])}")
    return found[0]


def spec_difference(one: PastRun, other: PastRun) -> list[str]:
    """The lines of a unified difference of two runs' specs."""
    for run in (one, other):
        if not run.spec:
            return [f"? {run.name} kept no spec"]
    before, after = (yaml.safe_dump(run.spec, sort_keys=False, width=100).splitlines() for run in (one, other))
    return list(difflib.unified_diff(before, after, one.name, other.name, lineterm="", n=1))


def metric_changes(one: PastRun, other: PastRun) -> list[dict[str, Any]]:
    """Every metric of both runs, with the second's less the first's."""
    rows = []
    metrics = one.summary["metrics"], other.summary["metrics"]
    for output in dict.fromkeys([*metrics[0], *metrics[1]]):
        values = metrics[0].get(output, {}), metrics[1].get(output, {})
        for metric in dict.fromkeys([*values[0], *values[1]]):
            first, second = values[0].get(metric), values[1].get(metric)
            change = second - first if first is not None and second is not None else None
            rows.append({"output": output, "metric": metric, "first": first, "second": second, "change": change})
    return rows
