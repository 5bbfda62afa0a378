"""The verdict: every rule of the spec with its figure, held or broken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

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
    note: str = ""


def judge(thresholds: Iterable[Threshold], overall: Overall, champion: Champion | None = None) -> list[Ruling]:
    """Rules on the metrics of all rows.

    Args:
        thresholds: the spec's rules.
        overall: {output: {metric: value}}.
        champion: the version in service; None where there is none, and a rule that compares holds.
    """
    return [_rule(rule, overall.get(rule.output, {}).get(rule.metric), champion) for rule in thresholds]


def _rule(rule: Threshold, value: float | None, champion: Champion | None) -> Ruling:
    bounds = [(f"≥ {rule.at_least:g}", value, rule.at_least, None)] if rule.at_least is not None else []
    bounds += [(f"≤ {rule.at_most:g}", value, None, rule.at_most)] if rule.at_most is not None else []
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
    told = [bound for bound, *_ in bounds]
    held = value is not None and all(_within(found, low, high) for _, found, low, high in bounds)
    for sign, low, high in (("≥", rule.change_at_least, None), ("≤", None, rule.change_at_most)):
        if (edge := low if low is not None else high) is not None:
            told.append(f"change {sign} {edge:+g}")
            held = held and (champion is None or _within(change, low, high))
    return Ruling(rule.output, rule.metric, value, " and ".join(told), held, theirs, change, note)


def _within(value: float | None, low: float | None, high: float | None) -> bool:
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


def verdict_document(rulings: list[Ruling]) -> dict[str, Any]:
    """The verdict as plain data; a model without rules is blessed."""
    return {"blessed": all(r.held for r in rulings), "rules": [asdict(r) for r in rulings]}
