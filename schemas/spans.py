"""Spans: data that comes by the day or by number, in files that are named for it.

A pattern such as `trips/{YYYY}/{MM}/{DD}/*.csv` or `trips/span-{SPAN}/*` (the placeholders of TFX's ExampleGen;
`{SPAN:4}` is a number of four digits) stands for the files of one span, and with `spans: 7` of the seven up to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from schemas.errors import DataError
from schemas.spec.data import PLACEHOLDER, Data

Span = date | int


def resolve_spans(data: Data, folder: str | Path, span: str = "") -> Data:
    """The data section with the files of the spans that are meant, in place of its patterns.

    Args:
        data: the spec's section.
        folder: where relative patterns start.
        span: the newest one that is read: a day (2026-11-24, or a time that begins so) or a number; "" for the newest
            there is.

    Returns:
        The section itself where its patterns name no span.

    Raises:
        DataError: the span is none, or there are no files of it.
    """
    if not data.names_spans:
        if span:
            raise DataError(
                f"span {span}: data.path names no span; write {{YYYY}}, {{MM}} and {{DD}}, or {{SPAN}}, where it stands"
            )
        return data
    patterns = [pattern for pattern, _ in data.patterns() if PLACEHOLDER.search(pattern)]
    by_day = "{YYYY}" in patterns[0]
    there = {pattern: spans_of(pattern, folder) for pattern in patterns}
    newest = _parsed(span, by_day) if span else max((s for found in there.values() for s in found), default=None)
    if newest is None:
        raise DataError(f"data.path: no file matches {', '.join(patterns)} for any span, in {folder}")
    wanted = [_back(newest, steps) for steps in range(data.spans)]

    def concrete(pattern: str) -> list[str]:
        if not PLACEHOLDER.search(pattern):
            return [pattern]
        found = [_filled(pattern, one) for one in reversed(wanted) if one in there[pattern]]
        if newest not in there[pattern]:
            known = max(there[pattern], default=None)
            raise DataError(
                f"data.path: no file matches {_filled(pattern, newest)} in {folder}; "
                f"the newest span there is {known if known is not None else 'none'}"
            )
        return found

    return data.model_copy(update={"path": _each(data.path, concrete), "spans": 1})


def spans_of(pattern: str, folder: str | Path) -> set[Span]:
    """The spans that have files.

    Args:
        pattern: with placeholders.
        folder: where a relative one starts.
    """
    from schemas.filesystems import matching

    full = pattern if "://" in pattern else str(Path(folder) / pattern)
    found = set[Span]()
    seen = set[str]()
    read = re.compile("".join(_piece(piece, seen) for piece in re.split(r"(\{[^}]*\}|\*\*|\*|\?)", full)) + "$")
    for path in matching(PLACEHOLDER.sub("*", full)):
        if match := read.match(path):
            parts = match.groupdict()
            try:
                whole = date(int(parts["YYYY"]), int(parts["MM"]), int(parts["DD"])) if "YYYY" in parts else None
            except ValueError:
                continue
            found.add(whole or int(parts["SPAN"]))
    return found


def _piece(piece: str, seen: set[str]) -> str:
    """The regular expression of a part of a pattern; a placeholder that stands again must read the same."""
    if match := PLACEHOLDER.fullmatch(piece):
        name, width = match[1], match[2]
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        digits = {"YYYY": "{4}", "MM": "{2}", "DD": "{2}"}.get(name) or (f"{{{width},}}" if width else "+")
        return rf"(?P<{name}>\d{digits})"
    return {"*": "[^/]*", "**": ".*", "?": "[^/]"}.get(piece) or re.escape(piece)


def _filled(pattern: str, span: Span) -> str:
    def value(match: re.Match[str]) -> str:
        if isinstance(span, date):
            return {"YYYY": f"{span:%Y}", "MM": f"{span:%m}", "DD": f"{span:%d}"}[match[1]]
        return f"{span:0{match[2] or 1}d}"

    return PLACEHOLDER.sub(value, pattern)


def _parsed(span: str, by_day: bool) -> Span:
    try:
        return date.fromisoformat(span[:10]) if by_day else int(span)
    except ValueError:
        expected = "a day such as 2026-11-24" if by_day else "a number"
        raise DataError(f"span {span!r}: expected {expected}, as data.path names it") from None


def _back(span: Span, steps: int) -> Span:
    return span - timedelta(days=steps) if isinstance(span, date) else span - steps


def _each(path: Any, of: Callable[[str], Iterable[str]]) -> Any:
    if isinstance(path, dict):
        return {split: _each(paths, of) for split, paths in path.items()}
    return [found for pattern in ([path] if isinstance(path, str) else path) for found in of(pattern)]
