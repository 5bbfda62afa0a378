"""The registry of published models: versions that never change, and one pointer to the version in service.

    <directory>/<name>/<version>/     a SavedModel as TF Serving and KServe read it, with latticework.json
    <directory>/<name>/champion.json  which version is in service, since when and why, and those before it
    <directory>/<name>/runs/<id>.json what a run on a cluster came to: its verdict, what it published

A version appears whole; the pointer is replaced as a whole. Whoever writes holds the lock (see `schemas.store`).
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from schemas.errors import DataError
from schemas.store import VERSION_MANIFEST, model_names, open_store

POINTER = "champion.json"
RUNS = "runs"


@dataclass(frozen=True)
class Term:
    """A version's time in service: from `since` (UTC, ISO 8601) until the next one's."""

    version: int
    since: str
    reason: str


class Registry:
    """The published versions of one model.

    Args:
        directory: the folder of published models, or a URL of one (`s3://…`, `gs://…`, any that fsspec knows).
        name: the model's name.
    """

    def __init__(self, directory: str | Path, name: str) -> None:
        self.name = name
        self._store = open_store(directory, name)
        self.place = self._store.place

    def versions(self) -> list[int]:
        """All whole versions, rising."""
        return self._store.versions()

    def location(self, version: int) -> str:
        """The folder of a version, as TF Serving and KServe are told it.

        Raises:
            DataError: there is none.
        """
        known = self.versions()
        if version not in known:
            shown = ", ".join(map(str, known)) or "none"
            raise DataError(f"{self.place}: no version {version}; there are: {shown}")
        return f"{self.place}/{version}"

    def fetch(self, version: int, into: Path) -> Path:
        """A local folder with the files of a version: its own, or `into` where the registry is not local.

        Raises:
            DataError: there is no such version.
        """
        self.location(version)
        return self._store.fetch(version, into)

    def manifest(self, version: int) -> dict[str, Any]:
        """What is known of a version: metrics, verdict, spec, data, parent, the SHA-256 of each file."""
        self.location(version)
        try:
            found: dict[str, Any] = json.loads(self._store.read(f"{version}/{VERSION_MANIFEST}"))
        except (FileNotFoundError, ValueError):
            return {}
        return found

    def terms(self) -> list[Term]:
        """The versions that were in service, the one that is in service last."""
        try:
            found = json.loads(self._store.read(POINTER))
        except FileNotFoundError:
            return []
        return [Term(**term) for term in found["terms"]]

    def champion(self) -> int | None:
        """The version in service."""
        terms = self.terms()
        return terms[-1].version if terms else None

    def compared_with(self, origin: str) -> str:
        """What a model of this origin is judged beside: "none", or the version in service and a digest of its files.

        A run that would make the very champion again is compared with what that one was compared with: nothing has
        changed, and the cache answers.
        """
        version = self.champion()
        if version is None:
            return "none"
        about = self.manifest(version)
        if about.get("origin") == origin:
            return str(about["compared_with"])
        files = json.dumps(about.get("files"), sort_keys=True)
        return f"{version}:{hashlib.sha256(files.encode()).hexdigest()}"

    def publish(
        self, source: Path, about: Mapping[str, Any], reason: str, extra: Mapping[str, Path] | None = None
    ) -> tuple[int, bool]:  # fmt: skip
        """Copies a SavedModel to the next version and puts it in service.

        Args:
            source: the SavedModel.
            about: kept in the version's manifest.
            reason: why it goes into service.
            extra: more files, by their path in the version.

        Returns:
            The version, and whether it is new: a model whose files are published already keeps its version, and
            the pointer, where there is one, stays where it is.
        """
        found = {**files_of(source), **(extra or {})}
        files = {name: _digest(path) for name, path in found.items()}
        with self._store.locked():
            versions = self.versions()
            for version in reversed(versions):
                if self.manifest(version).get("files") == files:
                    if self.champion() is None:
                        self._point(version, reason)
                    return version, False
            version = versions[-1] + 1 if versions else 1
            whole = {**about, "name": self.name, "version": version, "published": _now(), "parent": self.champion(),
                     "files": files}  # fmt: skip
            self._store.put_version(version, found, json.dumps(whole, indent=2).encode() + b"\n")
            self._point(version, reason)
        return version, True

    def promote(self, version: int, reason: str) -> None:
        """Puts a version in service."""
        self.location(version)
        with self._store.locked():
            self._point(version, reason)

    def rollback(self, reason: str) -> int:
        """Puts back in service what was there before, and returns it.

        Raises:
            DataError: nothing was, or it is not there any more.
        """
        with self._store.locked():
            there, now = self.versions(), self.champion()
            before = [term.version for term in self.terms() if term.version != now and term.version in there]
            if not before:
                raise DataError(f"{self.place}: no version was in service before {now}; name one: models promote")
            self._point(before[-1], reason)
            return before[-1]

    def prune(self, keep: int) -> list[int]:
        """Removes all but the newest `keep` versions, the champion and the one before it; those removed."""
        with self._store.locked():
            now = self.champion()
            before = [term.version for term in self.terms() if term.version != now]
            kept = {*self.versions()[-keep:], now, *before[-1:]}
            removed = [version for version in self.versions() if version not in kept]
            for version in removed:
                self._store.remove_version(version)
        return removed

    def damaged(self, version: int) -> list[str]:
        """The files of a version that are not as they were published: changed, gone or added."""
        expected = self.manifest(version).get("files", {})
        with tempfile.TemporaryDirectory() as folder:
            found = digests(self.fetch(version, Path(folder)))
        return sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))

    def keep_run(self, run: str, facts: Mapping[str, Any]) -> None:
        """Adds to what is kept of a run of a pipeline: its verdict, what it published.

        Args:
            run: its id, a name that a file can have.
            facts: JSON-able; they replace those of the same key.
        """
        whole = {**self.run(run), **facts}
        self._store.replace(f"{RUNS}/{run}.json", json.dumps(whole, indent=2).encode() + b"\n")

    def run(self, run: str) -> dict[str, Any]:
        """What is kept of a run; nothing where nothing is."""
        try:
            found: dict[str, Any] = json.loads(self._store.read(f"{RUNS}/{run}.json"))
        except FileNotFoundError:
            return {}
        return found

    def _point(self, version: int, reason: str) -> None:
        terms = [*self.terms(), Term(version, _now(), reason)]
        pointer = {"version": version, "terms": [asdict(term) for term in terms]}
        self._store.replace(POINTER, json.dumps(pointer, indent=2).encode())


def names(directory: str | Path) -> list[str]:
    """The models that have a version in a folder of published models."""
    return [name for name in model_names(directory) if Registry(directory, name).versions()]


def files_of(folder: Path) -> dict[str, Path]:
    """The files of a SavedModel, by their path in it; the registry's own manifest is none of them."""
    found = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path for name, path in found.items() if name != VERSION_MANIFEST}


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of a SavedModel, by its path in it."""
    return {name: _digest(path) for name, path in files_of(folder).items()}


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
