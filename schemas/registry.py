"""The registry of published models: versions that never change, and one pointer to the version in service.

    <directory>/<name>/<version>/     a SavedModel as TF Serving and KServe read it, with latticework.json
    <directory>/<name>/champion.json  which version is in service, since when and why, and those before it

A version appears whole, by a rename; the pointer is replaced as a whole. Whoever writes holds the lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from schemas.errors import DataError

VERSION_MANIFEST, POINTER = "latticework.json", "champion.json"


@dataclass(frozen=True)
class Term:
    """A version's time in service: from `since` (UTC, ISO 8601) until the next one's."""

    version: int
    since: str
    reason: str


class Registry:
    """The published versions of one model.

    Args:
        directory: the folder of published models.
        name: the model's name.
    """

    def __init__(self, directory: str | Path, name: str) -> None:
        self.name = name
        self.place = Path(directory) / name

    def versions(self) -> list[int]:
        """All whole versions, rising."""
        if not self.place.is_dir():
            return []
        return sorted(int(path.name) for path in self.place.iterdir() if path.is_dir() and path.name.isdigit())

    def folder(self, version: int) -> Path:
        """The folder of a version.

        Raises:
            DataError: there is none.
        """
        known = self.versions()
        if version not in known:
            shown = ", ".join(map(str, known)) or "none"
            raise DataError(f"{self.place}: no version {version}; there are: {shown}")
        return self.place / str(version)

    def manifest(self, version: int) -> dict[str, Any]:
        """What is known of a version: metrics, verdict, spec, data, parent, the SHA-256 of each file."""
        path = self.folder(version) / VERSION_MANIFEST
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return found

    def terms(self) -> list[Term]:
        """The versions that were in service, the one that is in service last."""
        try:
            found = json.loads((self.place / POINTER).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        return [Term(**term) for term in found["terms"]]

    def champion(self) -> int | None:
        """The version in service."""
        terms = self.terms()
        return terms[-1].version if terms else None

    def publish(self, source: Path, about: Mapping[str, Any], reason: str) -> tuple[int, bool]:
        """Copies a SavedModel to the next version and puts it in service.

        Args:
            source: the SavedModel.
            about: kept in the version's manifest.
            reason: why it goes into service.

        Returns:
            The version, and whether it is new: a model whose files are published already keeps its version, and
            the pointer, where there is one, stays where it is.
        """
        files = digests(source)
        self.place.mkdir(parents=True, exist_ok=True)
        with self._locked():
            for leftover in self.place.glob(".*.partial"):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
            versions = self.versions()
            for version in reversed(versions):
                if self.manifest(version).get("files") == files:
                    if self.champion() is None:
                        self._point(version, reason)
                    return version, False
            version = versions[-1] + 1 if versions else 1
            temporary = self.place / f".{version}.partial"
            shutil.copytree(source, temporary)
            whole = {**about, "name": self.name, "version": version, "published": _now(), "parent": self.champion(),
                     "files": files}  # fmt: skip
            (temporary / VERSION_MANIFEST).write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
            _flush(temporary)
            os.replace(temporary, self.place / str(version))
            _flush(self.place)
            self._point(version, reason)
        return version, True

    def promote(self, version: int, reason: str) -> None:
        """Puts a version in service."""
        self.folder(version)
        with self._locked():
            self._point(version, reason)

    def rollback(self, reason: str) -> int:
        """Puts back in service what was there before, and returns it.

        Raises:
            DataError: nothing was, or it is not there any more.
        """
        with self._locked():
            there, now = self.versions(), self.champion()
            before = [term.version for term in self.terms() if term.version != now and term.version in there]
            if not before:
                raise DataError(f"{self.place}: no version was in service before {now}; name one: models promote")
            self._point(before[-1], reason)
            return before[-1]

    def prune(self, keep: int) -> list[int]:
        """Removes all but the newest `keep` versions, the champion and the one before it; those removed."""
        with self._locked():
            now = self.champion()
            before = [term.version for term in self.terms() if term.version != now]
            kept = {*self.versions()[-keep:], now, *before[-1:]}
            removed = [version for version in self.versions() if version not in kept]
            for version in removed:
                gone = self.place / f".{version}.partial"
                os.replace(self.place / str(version), gone)
                shutil.rmtree(gone)
        return removed

    def damaged(self, version: int) -> list[str]:
        """The files of a version that are not as they were published: changed, gone or added."""
        expected, found = self.manifest(version).get("files", {}), digests(self.folder(version))
        return sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.place / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _point(self, version: int, reason: str) -> None:
        terms = [*self.terms(), Term(version, _now(), reason)]
        temporary = self.place / f".{POINTER}.partial"
        with temporary.open("w", encoding="utf-8") as stream:
            json.dump({"version": version, "terms": [asdict(term) for term in terms]}, stream, indent=2)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, self.place / POINTER)
        _flush(self.place)


def names(directory: str | Path) -> list[str]:
    """The models that have a version in a folder of published models."""
    place = Path(directory)
    found = sorted(path.name for path in place.iterdir() if path.is_dir()) if place.is_dir() else []
    return [name for name in found if Registry(place, name).versions()]


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of a SavedModel, by its path in it; the registry's own manifest is none of them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != VERSION_MANIFEST)
    return {str(path.relative_to(folder)): _sha256(path) for path in files}


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _flush(folder: Path) -> None:
    """Makes sure that the folder's entries are on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
