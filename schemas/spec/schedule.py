"""The `schedule` section: when the model is trained anew, on a cluster or on one machine."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator, model_validator

from schemas.errors import nearest
from schemas.section import Section

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("day of week", 0, 7))
_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}
SCHEDULED = ("{scheduled_date}", "{scheduled_time}")
"""What stands in parameters for the moment that a run is scheduled for, UTC: 2026-11-24, 2026-11-24T06:00:00Z."""


class Schedule(Section):
    """When the model is trained anew."""

    cron: str | None = None
    """Five fields as crontab(5) reads them: minute, hour, day of month, month, day of week (0 and 7 are Sunday)."""
    every: Annotated[str, Field(pattern=r"^[1-9]\d*[mhdw]$")] | None = None
    """An interval in place of `cron`: 30m, 6h, 1d, 2w."""
    time_zone: str = "UTC"
    """The zone of `cron`, by its IANA name: Europe/Berlin."""
    start: datetime | None = None
    """The first moment; in `time_zone` where it names no zone."""
    end: datetime | None = None
    """The last moment."""
    max_concurrency: Annotated[int, Field(ge=1, le=10)] = 1
    """Runs at once; on one machine always one."""
    catch_up: bool = False
    """Whether every run that was missed while the scheduler was down or the schedule paused is made up for, not the
    last alone."""
    parameters: dict[str, Any] = {}
    """Parameters of each run (span, source, seed, thresholds); {scheduled_date} and {scheduled_time} stand
    in a text for the moment that the run is scheduled for."""

    @model_validator(mode="after")
    def _one_trigger(self) -> Schedule:
        if (self.cron is None) == (self.every is None):
            raise ValueError("give `cron` or `every`, one of them")
        if self.start and self.end and self.moment(self.start) >= self.moment(self.end):
            raise ValueError(f"start {self.start} must come before end {self.end}")
        return self

    @field_validator("time_zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError(f"'{zone}' is no time zone{nearest(zone, available_timezones())}")
        return zone

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, cron: str | None) -> str | None:
        return None if cron is None else " ".join(_normal(cron))

    def moment(self, given: datetime) -> datetime:
        """A time with its zone."""
        return given if given.tzinfo else given.replace(tzinfo=ZoneInfo(self.time_zone))

    @property
    def seconds(self) -> int | None:
        """The interval in seconds, where there is one."""
        return int(self.every[:-1]) * _UNITS[self.every[-1]] if self.every else None

    @property
    def fields(self) -> tuple[str, str, str, str, str]:
        """The fields of `cron`; days of the week by name, whose numbers schedulers count from different days."""
        minute, hour, day, month, weekday = (self.cron or "* * * * *").split()
        return minute, hour, day, month, weekday

    def told(self) -> str:
        """The trigger, for a person."""
        return f"every {self.every}" if self.every else f"{self.cron} {self.time_zone}"


def _normal(cron: str) -> list[str]:
    """The five fields of a cron, checked; days of the week as a list of names."""
    parts = cron.lower().split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"cron {cron!r} has {len(parts)} fields; expected minute, hour, day, month, day of week")
    values = [_values(text, *field) for text, field in zip(parts, _FIELDS, strict=True)]
    if parts[2] != "*" and parts[4] != "*":
        raise ValueError(
            f"cron {cron!r} names days of month and of week; schedulers disagree on both: name one of them"
        )
    if parts[4] != "*":
        days = sorted({day % 7 for day in values[4]})
        parts[4] = ",".join(DAYS[day] for day in days) if len(days) < len(DAYS) else "*"
    return parts


def _values(text: str, name: str, low: int, high: int) -> set[int]:
    """All values that a field of a cron means."""
    names = {month: number for number, month in enumerate(MONTHS, 1)} if name == "month" else {}
    names |= {day: number for number, day in enumerate(DAYS)} if name == "day of week" else {}
    found = set[int]()
    for part in text.split(","):
        match = re.fullmatch(r"(\*|(\w+)(?:-(\w+))?)(?:/(\d+))?", part)
        first, last, step = (match[2], match[3], match[4]) if match else (None, None, None)
        if match is None or step == "0":
            raise ValueError(f"cron: '{part}' is no {name}; expected {low} to {high}, *, a-b, */n or a list of them")
        begin = low if first is None else _number(first, names, name, low, high)
        top = high - 1 if name == "day of week" else high
        end = _number(last, names, name, low, high) if last else (top if first is None or step else begin)
        if end < begin:
            raise ValueError(f"cron: '{part}' runs backwards")
        found |= set(range(begin, end + 1, int(step or 1)))
    return found


def _number(text: str, names: dict[str, int], name: str, low: int, high: int) -> int:
    number = names.get(text[:3]) if not text.isdigit() else int(text)
    if number is None or not low <= number <= high:
        raise ValueError(f"cron: '{text}' is no {name}; expected {low} to {high}")
    return number
