"""The verdict: every rule of the spec with its figure, held or broken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from components.evaluate.intervals import Draws, interval
from components.evaluate.slices import OVERALL, parts_of
from schemas.spec import Threshold

Metrics = Mapping[str, Mapping[str, Mapping[str, float]]]
Drawn = Mapping[str, tuple[Draws, Draws | None]]


@dataclass(frozen=True)
class Champion:
    """The version in service, as it does on the rows that judge the challenger.

    Attributes:
        version: its number.
        metrics: {slice: {output: {metric: value}}}; None where it cannot answer these rows.
        problem: why it cannot.
    """

    version: int
    metrics: Metrics | None
    problem: str = ""


@dataclass(frozen=True)
class Ruling:
    """One rule: `value` is None where the metric could not be computed, which breaks the rule.

    `slice` is "overall", or one of the rule's slices. `champion` and `change` (the value less the champion's) are None
    where there is no champion, or it has no such figure.
    """

    output: str
    metric: str
    value: float | None
    bound: str
    held: bool
    champion: float | None = None
    change: float | None = None
    change_interval: tuple[float, float] | None = None
    note: str = ""
    slice: str = OVERALL


def judge(
    thresholds: Iterable[Threshold], metrics: Metrics, champion: Champion | None = None, drawn: Drawn | None = None
) -> list[Ruling]:  # fmt: skip
    """Rules on the metrics of all rows, or of each slice that has rows enough.

    Args:
        thresholds: the spec's rules.
        metrics: {slice: {output: {metric: value}}}.
        champion: the version in service; None where there is none, and a rule that compares holds.
        drawn: by slice, the bootstrap's draws of the challenger and of the champion, for rules with a confidence.
    """
    return [
        _rule(rule, name, metrics.get(name, {}), champion, (drawn or {}).get(name, ({}, None)))
        for rule in thresholds
        for name in ruled_slices(rule, metrics)
    ]


def ruled_slices(rule: Threshold, metrics: Metrics) -> list[str]:
    """The slices that a rule is about: all rows, or each slice of its columns with at least `min_rows`."""
    if rule.by is None:
        return [OVERALL]
    found = [
        name for name in metrics if name != OVERALL and [column for column, _ in parts_of(name)] == sorted(rule.by)
    ]
    return [name for name in found if metrics[name].get(rule.output, {}).get("rows", 0) >= rule.min_rows]


def _rule(
    rule: Threshold, where: str, found: Mapping[str, Mapping[str, float]], champion: Champion | None,
    drawn: tuple[Draws, Draws | None],
) -> Ruling:  # fmt: skip
    value = found.get(rule.output, {}).get(rule.metric)
    theirs, change, note = None, None, ""
    if rule.compares and champion is None:
        note = "there is no champion yet"
    if champion is not None:
        if champion.metrics is None:
            note = f"version {champion.version} in service cannot answer these rows: {champion.problem}"
        else:
            theirs = champion.metrics.get(where, {}).get(rule.output, {}).get(rule.metric)
            change = value - theirs if value is not None and theirs is not None else None
            note = f"version {champion.version} in service"
    values, others = (_draws_of(model, rule) for model in drawn)
    changes = values - others if values is not None and others is not None else None
    held = value is not None
    for name, figure, spread, low, high in (
        ("", value, values, rule.at_least, rule.at_most),
        ("change ", change, changes, rule.change_at_least, rule.change_at_most),
    ):
        if (low is not None or high is not None) and not (name and champion is None):
            held = held and _within(figure, spread, low, high, rule.confidence)
    apart = None if changes is None else interval(changes)
    return Ruling(rule.output, rule.metric, value, bound_of(rule), held, theirs, change, apart, note, where)


def bound_of(rule: Threshold) -> str:
    """What a rule demands, as people read it."""
    edges = (
        ("≥", rule.at_least), ("≤", rule.at_most),
        ("change ≥", rule.change_at_least), ("change ≤", rule.change_at_most),
    )  # fmt: skip
    told = " and ".join(f"{sign} {edge:g}" for sign, edge in edges if edge is not None)
    return told + (f" with {rule.confidence:.0%} confidence" if rule.confidence else "")


def _draws_of(model: Draws | None, rule: Threshold) -> npt.NDArray[np.float64] | None:
    return None if model is None else model.get(rule.output, {}).get(rule.metric)


def _within(
    value: float | None, spread: npt.NDArray[np.float64] | None, low: float | None, high: float | None,
    confidence: float | None,
) -> bool:  # fmt: skip
    """Whether a value, or, with a confidence, so much of its draws, is within bounds."""
    if value is None:
        return False
    lower = upper = value
    if confidence is not None:
        if spread is None or not np.isfinite(spread).all():
            return False
        lower, upper = (float(v) for v in np.quantile(spread, [1 - confidence, confidence]))
    return (low is None or lower >= low) and (high is None or upper <= high)


def verdict_document(rulings: list[Ruling]) -> dict[str, Any]:
    """The verdict as plain data; a model without rules is blessed."""
    return {"blessed": all(r.held for r in rulings), "rules": [asdict(r) for r in rulings]}


def as_markdown(verdict: Mapping[str, Any]) -> str:
    """The verdict as a Markdown table."""
    lines = [f"# {'Blessed' if verdict['blessed'] else 'Not blessed'}", ""]
    if not verdict["rules"]:
        return "\n".join([*lines, "The spec has no thresholds: every model is blessed.", ""])
    lines += [
        "| output | metric | slice | value | champion | bound | rule |",
        "| --- | --- | --- | ---: | ---: | --- | --- |",
    ]
    for rule in verdict["rules"]:
        figures = ["–" if rule[key] is None else f"{rule[key]:.4g}" for key in ("value", "champion")]
        where = rule["slice"].replace("|", "\\|")
        lines.append(
            f"| {rule['output']} | {rule['metric']} | {where} | {' | '.join(figures)} | {rule['bound']} | "
            f"{'held' if rule['held'] else '**broken**'} |"
        )
    return "\n".join([*lines, ""])
