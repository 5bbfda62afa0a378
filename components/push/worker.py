"""Push: publishes a blessed model as the next version, atomically. No TensorFlow here."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from schemas.artifacts import read_manifest
from schemas.errors import CheckFailed
from schemas.progress import Progress

VERSION_MANIFEST = "latticework.json"


def push(
    name: str, model: str | Path, evaluation: str | Path, directory: str | Path, *, progress: Progress | None = None
) -> Path:
    """Copies the SavedModel to `directory/name/<version>/`, the layout of TF Serving and KServe.

    Args:
        name: the model's name.
        model: what train wrote.
        evaluation: what evaluate wrote.
        directory: the folder of published models.

    Returns:
        The version's folder. A model that is published already (same files) keeps its version.

    Raises:
        CheckFailed: the model is not blessed.
    """
    progress = progress or Progress("push")
    progress.start(name)
    judged = read_manifest(evaluation, "evaluate")
    read_manifest(model, "train")
    if not judged["verdict"]["blessed"]:
        raise CheckFailed(
            f"{name}: the model is not blessed ({Path(evaluation) / 'verdict.json'}); it is not published"
        )
    source = Path(model) / "saved_model"
    files = {str(p.relative_to(source)): _sha256(p) for p in sorted(source.rglob("*")) if p.is_file()}
    place = Path(directory) / name
    place.mkdir(parents=True, exist_ok=True)
    with (place / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in place.glob(".*.partial"):
            shutil.rmtree(leftover)
        versions = published_versions(place)
        if versions and _manifest(place / str(versions[-1])).get("files") == files:
            target = place / str(versions[-1])
            progress.done(f"published already: {target}", version=str(target))
            return target
        target = place / str(versions[-1] + 1 if versions else 1)
        temporary = place / f".{target.name}.partial"
        shutil.copytree(source, temporary)
        about: dict[str, Any] = {
            "name": name,
            "version": int(target.name),
            "published": datetime.now(UTC).isoformat(timespec="seconds"),
            "metrics": judged["metrics"],
            "verdict": judged["verdict"],
            "files": files,
        }
        (temporary / VERSION_MANIFEST).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        _flush(temporary)
        os.replace(temporary, target)
        _flush(place)
    progress.done(f"published {target}", version=str(target))
    return target


def published_versions(place: Path) -> list[int]:
    """The versions of a published model, rising."""
    return sorted(int(path.name) for path in place.iterdir() if path.is_dir() and path.name.isdigit())


def _manifest(version: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((version / VERSION_MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _flush(folder: Path) -> None:
    """Makes sure that the folder's entries are on disk before it is renamed."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
