"""Notify: what a run came to, as a summary, and posted to a webhook."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from schemas.artifacts import whole_artifact
from schemas.errors import DataError
from schemas.metrics import main_metrics
from schemas.progress import Progress
from schemas.registry import Registry
from schemas.spec.cluster import WEBHOOK, Outcome

_PASSING = (429, 500, 502, 503, 504)


def notify(
    name: str, directory: str, run: str, output: str | Path, *, state: str, error: str = "",
    outcomes: Collection[str] = (), progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Writes the summary of a run and posts it where LATTICEWORK_WEBHOOK says.

    A webhook that does not answer is told in the log and in the summary's `told`; the run is what it is.

    Args:
        name: the model's name.
        directory: the folder of published models, or its URL, where evaluate and push kept what they found.
        run: the run's id.
        output: the artifact's folder: summary.md.
        state: the state that the pipeline ended in, by KFP's name.
        error: what KFP says of a failure.
        outcomes: those that are posted, all where it is empty.

    Returns:
        The summary: model, run, outcome, state, error, metrics, broken rules, published, told.
    """
    progress = progress or Progress("notify")
    progress.start(name)
    summary = summarize(name, run, state, error, Registry(directory, name).run(run))
    url = os.environ.get(WEBHOOK, "").strip()
    wanted = not outcomes or summary["outcome"] in outcomes
    summary["told"] = post(url, summary) if url and wanted else "not asked for"
    with whole_artifact(output, summary) as place:
        (place / "summary.md").write_text(as_markdown(summary), encoding="utf-8")
    progress.done(f"{summary['outcome']}; webhook: {summary['told']}", outcome=summary["outcome"])
    return summary


def summarize(name: str, run: str, state: str, error: str, kept: Mapping[str, Any]) -> dict[str, Any]:
    """What a run came to, from the pipeline's state and what was kept of the run."""
    outcome: Outcome = "refused"
    if state.upper() != "SUCCEEDED":
        outcome = "failed"
    elif kept.get("published"):
        outcome = "published"
    elif kept.get("verdict"):
        outcome = "not blessed"
    rules = kept.get("verdict", {}).get("rules", [])
    return {
        "model": name, "run": run, "outcome": outcome, "state": state, "error": error, "split": kept.get("split"),
        "metrics": kept.get("metrics", {}), "broken": [rule for rule in rules if not rule["held"]],
        "published": kept.get("published"),
    }  # fmt: skip


def as_text(summary: Mapping[str, Any]) -> str:
    """The summary in a few lines."""
    head = {
        "published": f"published as {summary['published']}",
        "not blessed": "trained, but not blessed; what was in service stays",
        "refused": "the data has anomalies; nothing was trained, what was in service stays",
        "failed": f"failed{': ' + summary['error'] if summary['error'] else ''}; what was in service stays",
    }[summary["outcome"]]
    lines = [f"{summary['model']}: {head}"]
    for output, values in summary["metrics"].items():
        lines.append(f"{output}: {main_metrics(values)} ({summary['split']} split)")
    for rule in summary["broken"]:
        lines.append(f"broken: {rule['output']} {rule['metric']} where {rule['slice']}: the rule is {rule['bound']}")
    return "\n".join([*lines, f"run {summary['run']}"])


def as_markdown(summary: Mapping[str, Any]) -> str:
    """The summary as a page of KFP's user interface."""
    head, *lines = as_text(summary).splitlines()
    return f"# {head}\n\n" + "".join(f"- {line}\n" for line in lines)


def post(url: str, summary: Mapping[str, Any]) -> str:
    """Posts a summary, its text under `text` as Slack, Mattermost and Teams take it; "told", or why not.

    The URL is in no message: it is a secret.

    Raises:
        DataError: it is no URL of a web server.
    """
    if not url.startswith(("https://", "http://")):
        raise DataError(f"{WEBHOOK}: expected the URL of a webhook, https://…")
    retry = Retry(total=3, backoff_factor=0.5, status_forcelist=_PASSING, allowed_methods=["POST"])
    with requests.Session() as session:
        session.mount("https://", HTTPAdapter(max_retries=retry))
        session.mount("http://", HTTPAdapter(max_retries=retry))
        try:
            answer = session.post(url, json={"text": as_text(summary), **summary}, timeout=20)
        except requests.RequestException as error:
            return f"not told: {type(error).__name__}"
    return "told" if answer.ok else f"not told: the webhook answered {answer.status_code}"
