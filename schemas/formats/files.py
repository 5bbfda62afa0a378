"""The files of a source."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from schemas.errors import DataError
from schemas.filesystems import checksum, matching
from schemas.spans import resolve_spans
from schemas.spec.data import Data


class Source(Protocol):
    """What says where rows are: the spec's data section, or that of a batch prediction."""

    format: str

    def patterns(self) -> list[tuple[str, str | None]]:
        """Every (file or glob, split or None)."""


def match_files(data: Source, folder: str | Path) -> list[tuple[int, str, str | None]]:
    """Every source file as (position, path, split or None), in a stable order; those of the newest spans, where the
    patterns of the spec's data name spans.

    Raises:
        DataError: a pattern matches nothing.
    """
    files: list[tuple[str, str | None]] = []
    if isinstance(data, Data):
        data = resolve_spans(data, folder)
    for pattern, split in data.patterns():
        full = pattern if "://" in pattern else str(Path(folder) / pattern)
        try:
            matched = matching(full)
        except Exception as error:
            raise DataError(f"data.path: cannot look at {full}: {error}") from None
        if not matched:
            raise DataError(f"data.path: no file matches {full}; expected {data.format} files there")
        files += [(path, split) for path in matched]
    return [(position, path, split) for position, (path, split) in enumerate(files)]


def fingerprint(paths: Iterable[str]) -> str:
    """A SHA-256 of the source: the bytes of local files, the filesystem's own checksum of others."""
    total = hashlib.sha256()
    for path in paths:
        if "://" in path:
            total.update(checksum(path).encode())
        else:
            with open(path, "rb") as stream:
                total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()
