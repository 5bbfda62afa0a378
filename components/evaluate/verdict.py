"""The verdict: every rule of the spec with its figure, held or broken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from schemas.spec import Threshold


@dataclass(frozen=True)
class Ruling:
    """One rule: `value` is None where the metric could not be computed, which breaks the rule."""

    output: str
    metric: str
    value: float | None
    bound: str
    held: bool


def judge(thresholds: Iterable[Threshold], overall: Mapping[str, Mapping[str, float]]) -> list[Ruling]:
    """Rules on the metrics of all rows.

    Args:
        thresholds: the spec's rules.
        overall: {output: {metric: value}}.
    """
    rulings = []
    for rule in thresholds:
        value = overall.get(rule.output, {}).get(rule.metric)
        bounds, held = [], value is not None
        if rule.at_least is not None:
            bounds.append(f"≥ {rule.at_least:g}")
            held = held and value is not None and value >= rule.at_least
        if rule.at_most is not None:
            bounds.append(f"≤ {rule.at_most:g}")
            held = held and value is not None and value <= rule.at_most
        rulings.append(Ruling(rule.output, rule.metric, value, " and ".join(bounds), held))
    return rulings


def verdict_document(rulings: list[Ruling]) -> dict[str, Any]:
    """The verdict as plain data; a model without rules is blessed."""
    return {"blessed": all(r.held for r in rulings), "rules": [asdict(r) for r in rulings]}
