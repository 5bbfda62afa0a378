"""What a component tells while it works: one line an event, for a person or, asked to, for a program."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, ClassVar

PREFIX = "::latticework "
ENVIRONMENT = "LATTICEWORK_PROGRESS"


@dataclass(frozen=True)
class Event:
    """One event of a component.

    Attributes:
        component: its name.
        kind: "start", "step" (with `fields` such as rows, epoch, loss), "done" or "failed".
        message: a few words for a person.
        fields: numbers and names, JSON-able.
    """

    component: str
    kind: str
    message: str = ""
    fields: dict[str, Any] = field(default_factory=dict)


def parse(line: str) -> Event | None:
    """The event in a line of a component's output, or None where there is none."""
    start = line.find(PREFIX)
    if start < 0:
        return None
    try:
        return Event(**json.loads(line[start + len(PREFIX) :]))
    except (ValueError, TypeError):
        return None


class Progress:
    """Tells how a component gets on; steps at most five times a second.

    With LATTICEWORK_PROGRESS=json in the environment each event is a line that
    `parse` reads; otherwise it is a line for a person.
    """

    # Beam copies what its workers are given: rows are counted by the process, whatever copy tells of them.
    _rows: ClassVar[Counter[tuple[str, str]]] = Counter()
    _counting = threading.Lock()

    def __init__(self, component: str) -> None:
        self.component = component
        self._last = 0.0
        self._began = time.monotonic()

    def start(self, message: str = "") -> None:
        """The work begins."""
        with self._counting:
            for counted in [counted for counted in self._rows if counted[0] == self.component]:
                del self._rows[counted]
        self._tell("start", message, {})

    def step(self, message: str, *, now: bool = False, **fields: Any) -> None:
        """Some of the work is done; `now` tells it even when the last step was just told."""
        if now or time.monotonic() - self._last >= 0.2:
            self._last = time.monotonic()
            self._tell("step", message, fields)

    def count(self, rows: int, total: int | None = None, what: str = "") -> None:
        """Some more rows are done, by any thread.

        Args:
            rows: how many.
            total: how many there are.
            what: what is done with them, where there is more than one thing.
        """
        with self._counting:
            self._rows[self.component, what] += rows
            done = self._rows[self.component, what]
        fields: dict[str, Any] = {"rows": done} if total is None else {"rows": done, "total": total}
        of = "" if total is None else f" of {total:,}"
        self.step(f"{what} {done:,}{of} rows".strip(), **fields)

    def done(self, message: str = "", **fields: Any) -> None:
        """The work is done."""
        self._tell("done", message, {"seconds": round(time.monotonic() - self._began, 3), **fields})

    def failed(self, message: str) -> None:
        """The work failed for a reason that a person can mend."""
        self._tell("failed", message, {})

    def _tell(self, kind: str, message: str, fields: dict[str, Any]) -> None:
        if os.environ.get(ENVIRONMENT) == "json":
            event = {"component": self.component, "kind": kind, "message": message, "fields": fields}
            line = PREFIX + json.dumps(event)
        else:
            line = f"{self.component}: {message or kind}"
        print(line, file=sys.stdout, flush=True)
