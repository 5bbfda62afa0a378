"""Where a registry keeps its files: a local folder, or a place on any filesystem that fsspec knows.

Both give the same promises: a version is seen whole or not at all, a small file is replaced as a whole, and one
writer at a time holds the lock. A local folder has renames for it; an object store has none, so there a version
counts from the moment that its manifest, which is written last, is there.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from schemas.errors import DataError

VERSION_MANIFEST = "latticework.json"
LOCK_SECONDS, WAIT_SECONDS = 600.0, 900.0


class Store(ABC):
    """The files of one registered model, below `place`."""

    place: str

    @abstractmethod
    def versions(self) -> list[int]:
        """All whole versions, rising."""

    @abstractmethod
    def read(self, path: str) -> bytes:
        """A file's bytes; FileNotFoundError where there is none."""

    @abstractmethod
    def replace(self, path: str, content: bytes) -> None:
        """Writes a small file as a whole, in the place of the one that was there."""

    @abstractmethod
    def locked(self) -> contextlib.AbstractContextManager[None]:
        """The one writer's lock; waits for it."""

    @abstractmethod
    def put_version(self, version: int, files: Mapping[str, Path], manifest: bytes) -> None:
        """Makes a version of local files, by their path in it; only who holds the lock may."""

    @abstractmethod
    def remove_version(self, version: int) -> None:
        """Removes a version; only who holds the lock may."""

    @abstractmethod
    def fetch(self, version: int, into: Path) -> Path:
        """A local folder with a version's files: its own, or `into`, to which they are copied."""


def open_store(directory: str | Path, name: str) -> Store:
    """The store of one model.

    Args:
        directory: the folder of published models, or a URL such as `s3://bucket/serving`.
        name: the model's name.

    Raises:
        DataError: no filesystem of that name is known, or what it needs is not installed.
    """
    if "://" not in (place := str(directory).removeprefix("file://")):
        return LocalStore(Path(place) / name)
    import fsspec

    url = f"{str(directory).rstrip('/')}/{name}"
    try:
        filesystem, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except (ValueError, ImportError) as error:
        raise DataError(f"{directory}: {error}") from None
    return ObjectStore(filesystem, path, url)


def model_names(directory: str | Path) -> list[str]:
    """What is directly below a folder of published models, model or not."""
    if "://" not in (local := str(directory).removeprefix("file://")):
        place = Path(local)
        return sorted(path.name for path in place.iterdir() if path.is_dir()) if place.is_dir() else []
    import fsspec

    filesystem, path = fsspec.core.url_to_fs(str(directory), use_listings_cache=False)
    try:
        return sorted(found["name"].rstrip("/").rsplit("/", 1)[-1] for found in filesystem.ls(path, detail=True))
    except FileNotFoundError:
        return []


class LocalStore(Store):
    """A folder of a filesystem with renames and `flock`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.place = folder, str(folder)

    def versions(self) -> list[int]:
        """See Store."""
        if not self.folder.is_dir():
            return []
        return sorted(int(path.name) for path in self.folder.iterdir() if path.is_dir() and path.name.isdigit())

    def read(self, path: str) -> bytes:
        """See Store."""
        return (self.folder / path).read_bytes()

    def replace(self, path: str, content: bytes) -> None:
        """See Store."""
        target = self.folder / path
        temporary = target.with_name(f".{target.name}.partial")
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
        _flush(target.parent)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """See Store."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for leftover in self.folder.glob(".*.partial"):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
            yield

    def put_version(self, version: int, files: Mapping[str, Path], manifest: bytes) -> None:
        """See Store."""
        temporary = self.folder / f".{version}.partial"
        for name, source in files.items():
            target = temporary / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        (temporary / VERSION_MANIFEST).write_bytes(manifest)
        _flush(temporary)
        os.replace(temporary, self.folder / str(version))
        _flush(self.folder)

    def remove_version(self, version: int) -> None:
        """See Store."""
        gone = self.folder / f".{version}.partial"
        os.replace(self.folder / str(version), gone)
        shutil.rmtree(gone)

    def fetch(self, version: int, into: Path) -> Path:
        """See Store."""
        return self.folder / str(version)


class ObjectStore(Store):
    """A place on a filesystem of fsspec, which needs no renames: only that one object is put as a whole.

    Args:
        filesystem: an fsspec filesystem.
        path: the place in it.
        url: the place as a person writes it.
    """

    def __init__(self, filesystem: Any, path: str, url: str) -> None:
        self.filesystem, self.path, self.place = filesystem, path.rstrip("/"), url

    def versions(self) -> list[int]:
        """See Store."""
        try:
            found = [name.rstrip("/").rsplit("/", 1)[-1] for name in self.filesystem.ls(self.path, detail=False)]
        except FileNotFoundError:
            return []
        numbers = sorted(int(name) for name in found if name.isdigit())
        return [n for n in numbers if self.filesystem.exists(f"{self.path}/{n}/{VERSION_MANIFEST}")]

    def read(self, path: str) -> bytes:
        """See Store."""
        return bytes(self.filesystem.cat_file(f"{self.path}/{path}"))

    def replace(self, path: str, content: bytes) -> None:
        """See Store."""
        self.filesystem.pipe_file(f"{self.path}/{path}", content)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """See Store; a lock whose holder was killed is taken over after ten minutes."""
        lock, owner, began = f"{self.path}/.lock", uuid.uuid4().hex, time.monotonic()
        while not self._claim(lock, owner):
            if time.monotonic() - began > WAIT_SECONDS:
                raise DataError(f"{self.place}: another push holds the lock; look at {lock}, remove it if none is left")
            time.sleep(0.2)
        try:
            yield
        finally:
            with contextlib.suppress(FileNotFoundError, ValueError):
                if json.loads(self.filesystem.cat_file(lock))["owner"] == owner:
                    self.filesystem.rm_file(lock)

    def _claim(self, lock: str, owner: str) -> bool:
        self.filesystem.makedirs(self.path, exist_ok=True)
        content = json.dumps({"owner": owner, "until": time.time() + LOCK_SECONDS}).encode()
        try:
            self.filesystem.pipe_file(lock, content, mode="create")
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError, ValueError):
                if json.loads(self.filesystem.cat_file(lock))["until"] < time.time():
                    self.filesystem.rm_file(lock)
            return False
        return True

    def put_version(self, version: int, files: Mapping[str, Path], manifest: bytes) -> None:
        """See Store; what a killed push left of this version is removed first."""
        folder = f"{self.path}/{version}"
        if self.filesystem.exists(folder):
            self.filesystem.rm(folder, recursive=True)
        # TF Serving takes a folder for a model as soon as saved_model.pb is in it.
        for name in sorted(files, key=lambda name: name == "saved_model.pb"):
            self.filesystem.put_file(str(files[name]), f"{folder}/{name}")
        self.filesystem.pipe_file(f"{folder}/{VERSION_MANIFEST}", manifest)

    def remove_version(self, version: int) -> None:
        """See Store."""
        folder = f"{self.path}/{version}"
        self.filesystem.rm_file(f"{folder}/{VERSION_MANIFEST}")
        self.filesystem.rm(folder, recursive=True)

    def fetch(self, version: int, into: Path) -> Path:
        """See Store."""
        folder = f"{self.path}/{version}"
        for found in self.filesystem.find(folder):
            target = into / found.removeprefix(folder).lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            self.filesystem.get_file(found, str(target))
        return into


def _flush(folder: Path) -> None:
    """Makes sure that the folder's entries are on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
