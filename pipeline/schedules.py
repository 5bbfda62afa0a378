"""Schedules, wherever they are kept: Kubeflow Pipelines, Vertex AI, or this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from pipeline.compiled import Compiled
from schemas.spec.schedule import SCHEDULED, Schedule

Applied = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True)
class Scheduled:
    """A schedule that is kept somewhere.

    Attributes:
        name: the model's.
        trigger: when, for a person.
        enabled: whether it is not paused.
        next_run: in ISO 8601, "" where nobody knows.
        id: where it is kept.
    """

    name: str
    trigger: str
    enabled: bool
    next_run: str
    id: str


class Schedules(Protocol):
    """Where schedules are kept, one for each model."""

    def apply(self, name: str, pipeline: Compiled, schedule: Schedule, parameters: Mapping[str, Any]) -> Applied:
        """Makes the schedule of a model what it should be; nothing is done where it is that already."""

    def list(self) -> list[Scheduled]:
        """All schedules."""

    def pause(self, name: str) -> None:
        """No further runs until it is resumed."""

    def resume(self, name: str) -> None:
        """Runs again."""

    def delete(self, name: str) -> None:
        """No further runs."""

    def run_now(self, name: str) -> str:
        """Runs once, beside the schedule; tells where to look."""


def filled(parameters: Mapping[str, Any], date: str, time: str) -> dict[str, Any]:
    """Parameters with the scheduled moment in them.

    Args:
        parameters: of a schedule.
        date: in place of {scheduled_date}: a date, or what a scheduler fills one in for.
        time: in place of {scheduled_time}.
    """
    text = json.dumps(dict(parameters))
    for placeholder, value in zip(SCHEDULED, (date, time), strict=True):
        text = text.replace(placeholder, json.dumps(value)[1:-1])
    found: dict[str, Any] = json.loads(text)
    return found


def filled_for(parameters: Mapping[str, Any], moment: datetime) -> dict[str, Any]:
    """Parameters for a run that is scheduled for a moment."""
    text = utc_text(moment)
    return filled(parameters, text[:10], text)


def utc_text(moment: datetime) -> str:
    """A moment in UTC, as text that sorts by time: 2026-11-24T06:00:00Z."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def digest(*parts: Any) -> str:
    """Twelve hexadecimal digits that say whether two schedules are the same."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:12]
