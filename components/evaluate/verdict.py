"""The verdict: every rule of the spec with its figure, held or broken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from components.evaluate.intervals import Draws, interval
from schemas.spec import Threshold

Overall = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Champion:
    """The version in service, as it does on the rows that judge the challenger.

    Attributes:
        version: its number.
        metrics: {output: {metric: value}}; None where it cannot answer these rows.
        problem: why it cannot.
    """

    version: int
    metrics: Overall | None
    problem: str = ""


@dataclass(frozen=True)
class Ruling:
    """One rule: `value` is None where the metric could not be computed, which breaks the rule.

    `champion` and `change` (the value less the champion's) are None where the rule does not compare, or with whom.
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


def judge(
    thresholds: Iterable[Threshold], overall: Overall, champion: Champion | None = None,
    drawn: tuple[Draws, Draws | None] = ({}, None),
) -> list[Ruling]:  # fmt: skip
    """Rules on the metrics of all rows.

    Args:
        thresholds: the spec's rules.
        overall: {output: {metric: value}}.
        champion: the version in service; None where there is none, and a rule that compares holds.
        drawn: the bootstrap's draws of the challenger and of the champion, for rules with a confidence.
    """
    return [_rule(rule, overall.get(rule.output, {}).get(rule.metric), champion, drawn) for rule in thresholds]


def _rule(rule: Threshold, value: float | None, champion: Champion | None, drawn: tuple[Draws, Draws | None]) -> Ruling:
    theirs, change, note = None, None, ""
    if rule.compares:
        if champion is None:
            note = "there is no champion yet"
        elif champion.metrics is None:
            note = f"version {champion.version} in service cannot answer these rows: {champion.problem}"
        else:
            theirs = champion.metrics.get(rule.output, {}).get(rule.metric)
            change = value - theirs if value is not None and theirs is not None else None
            note = f"version {champion.version} in service"
    values, others = (_draws_of(model, rule) for model in drawn)
    changes = values - others if values is not None and others is not None else None
    told, held = [], value is not None
    for name, found, spread, low, high in (
        ("", value, values, rule.at_least, rule.at_most),
        ("change ", change, changes, rule.change_at_least, rule.change_at_most),
    ):
        told += [f"{name}{sign} {edge:g}" for sign, edge in (("≥", low), ("≤", high)) if edge is not None]
        if (low is not None or high is not None) and not (name and champion is None):
            held = held and _within(found, spread, low, high, rule.confidence)
    bound = " and ".join(told) + (f" with {rule.confidence:.0%} confidence" if rule.confidence else "")
    spread = None if changes is None else interval(changes)
    return Ruling(rule.output, rule.metric, value, bound, held, theirs, change, spread, note)


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
