"""Digests of code and data: kfp's local cache knows neither, so both are among the arguments."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent
LIBRARIES = (
    "apache-beam", "keras", "numpy", "pyarrow", "tensorflow", "tensorflow-model-analysis", "tensorflow-transform",
)  # fmt: skip


def code_digest(component: str) -> str:
    """A SHA-256 of a component's room, of `schemas/` and of the versions of the libraries under them."""
    total = hashlib.sha256()
    for floor in (HOUSE / "schemas", HOUSE / "components" / component):
        for path in sorted(floor.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                total.update(str(path.relative_to(HOUSE)).encode() + b"\0" + path.read_bytes() + b"\0")
    for library in LIBRARIES:
        try:
            total.update(f"{library}=={metadata.version(library)}\n".encode())
        except metadata.PackageNotFoundError:
            continue
    return total.hexdigest()


def source_digest(patterns: Iterable[str], folder: Path) -> str:
    """A SHA-256 of the names and bytes of the source's files.

    Args:
        patterns: files or globs; those on other filesystems (`gs://…`) count by name and are told apart by
            the components that read them.
        folder: where relative ones start.
    """
    total = hashlib.sha256()
    for pattern in patterns:
        total.update(pattern.encode() + b"\0")
        if "://" in pattern:
            continue
        base = Path(pattern) if Path(pattern).is_absolute() else folder / pattern
        for path in sorted(Path(base.anchor or ".").glob(str(base.relative_to(base.anchor)))):
            with path.open("rb") as stream:
                total.update(str(path.name).encode() + b"\0" + hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()
