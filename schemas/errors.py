"""The errors a person can mend, in one form: where, what was found, what was expected, what to do.

UserError             a mistake in what the user gave; exit status 2, never a traceback
├── SpecError         every mistake of one spec, together
└── DataError         rows, columns or files that are not what the spec or schema says
CheckFailed           the run did its work and the result was refused; exit status 3
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class UserError(Exception):
    """A mistake in what the user gave. Its text is the whole message."""

    exit_status = 2


class DataError(UserError):
    """Data that is not what the spec or the schema says it is."""


class CheckFailed(UserError):
    """A check that the user asked for refused the result (anomalies, skew)."""

    exit_status = 3


@dataclass(frozen=True, order=True)
class Mistake:
    """One mistake: `line` is 1-based (0 where the file has no such line), `key` the dotted path."""

    line: int
    key: str
    message: str


class SpecError(UserError):
    """All mistakes found in a spec, each with its line and key."""

    def __init__(self, path: str, mistakes: Iterable[Mistake]) -> None:
        self.path = path
        self.mistakes = sorted(set(mistakes))
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = []
        for mistake in self.mistakes:
            where = f"{self.path}:{mistake.line}" if mistake.line else self.path
            lines.append(f"{where}: {mistake.key}: {mistake.message}" if mistake.key else f"{where}: {mistake.message}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[type[SpecError], tuple[str, list[Mistake]]]:
        return (SpecError, (self.path, self.mistakes))


def nearest(name: str, valid: Iterable[str]) -> str:
    """The tail of an error message: `; did you mean 'x'?`, or the valid names where none is near.

    Args:
        name: what was found.
        valid: every name that would have been right.
    """
    names = sorted(str(v) for v in valid)
    lowered = {n.lower(): n for n in names}
    close = difflib.get_close_matches(str(name).lower(), lowered, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{lowered[close[0]]}'?"
    if not names:
        return ""
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"; expected one of: {shown}"
