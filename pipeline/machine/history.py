"""What the schedules of a machine ran: a slot is claimed before it is run, so that none is run twice."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.schedules import utc_text

_TABLE = """\
CREATE TABLE IF NOT EXISTS latticework_runs (
  name TEXT NOT NULL, slot TEXT NOT NULL, began TEXT NOT NULL, ended TEXT, outcome TEXT NOT NULL, summary TEXT NOT NULL,
  log TEXT NOT NULL, PRIMARY KEY (name, slot)
)"""
RUNNING, INTERRUPTED = "running", "interrupted"


@dataclass(frozen=True)
class Slot:
    """A run that was due.

    Attributes:
        name: the schedule's.
        slot: the moment it was scheduled for, UTC, ISO 8601.
        began, ended: when it ran; None while it does.
        outcome: running, published, not blessed, refused, failed or interrupted.
        summary: of the run; {} where there is none.
        log: the file that has its output.
    """

    name: str
    slot: str
    began: str
    ended: str | None
    outcome: str
    summary: dict[str, Any]
    log: str

    @property
    def seconds(self) -> float | None:
        """How long it ran; None while it does."""
        if self.ended is None:
            return None
        return (datetime.fromisoformat(self.ended) - datetime.fromisoformat(self.began)).total_seconds()

    def as_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


class History:
    """The runs, in the SQLite file of the schedules.

    Args:
        file: the file; it is made where it is not there.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        with self._open() as connection:
            connection.execute(_TABLE)

    def claim(self, name: str, slot: datetime, log: Path) -> bool:
        """Takes a slot; False where somebody has."""
        try:
            with self._open() as connection:
                connection.execute(
                    "INSERT INTO latticework_runs VALUES (?, ?, ?, NULL, ?, '{}', ?)",
                    (name, utc_text(slot), utc_text(datetime.now(UTC)), RUNNING, str(log)),
                )
        except sqlite3.IntegrityError:
            return False
        return True

    def finish(self, name: str, slot: datetime, outcome: str, summary: dict[str, Any]) -> None:
        """Keeps what a slot came to."""
        with self._open() as connection:
            connection.execute(
                "UPDATE latticework_runs SET ended = ?, outcome = ?, summary = ? WHERE name = ? AND slot = ?",
                (utc_text(datetime.now(UTC)), outcome, json.dumps(summary), name, utc_text(slot)),
            )

    def interrupt(self) -> int:
        """Marks what a scheduler that is gone was running; how many there were."""
        with self._open() as connection:
            return connection.execute(
                "UPDATE latticework_runs SET outcome = ?, ended = ? WHERE ended IS NULL",
                (INTERRUPTED, utc_text(datetime.now(UTC))),
            ).rowcount

    def last(self, name: str | None = None, count: int = 20) -> list[Slot]:
        """The newest runs, the newest first."""
        where, values = ("WHERE name = ?", (name, count)) if name else ("", (count,))
        with self._open() as connection:
            rows = connection.execute(
                f"SELECT name, slot, began, ended, outcome, summary, log FROM latticework_runs {where} "
                "ORDER BY began DESC LIMIT ?",
                values,
            ).fetchall()
        return [
            Slot(name, slot, began, ended, outcome, json.loads(summary), log)
            for name, slot, began, ended, outcome, summary, log in rows
        ]

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(self.file, timeout=30)) as connection, connection:
            yield connection
