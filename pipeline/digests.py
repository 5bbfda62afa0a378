"""Digests of code and data: kfp's local cache knows neither, so both are among the arguments."""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent
LIBRARIES = (
    "apache-beam", "keras", "numpy", "pyarrow", "tensorflow", "tensorflow-model-analysis", "tensorflow-transform",
)  # fmt: skip


def code_digest(component: str) -> str:
    """A SHA-256 of a component's room, of what it imports of `schemas/`, and of the versions of the libraries."""
    total = hashlib.sha256()
    for path in code_files(component):
        total.update(str(path.relative_to(HOUSE)).encode() + b"\0" + path.read_bytes() + b"\0")
    for library in LIBRARIES:
        try:
            total.update(f"{library}=={metadata.version(library)}\n".encode())
        except metadata.PackageNotFoundError:
            continue
    return total.hexdigest()


def code_files(component: str) -> list[Path]:
    """The files that a component's work depends on: its room, the modules of `schemas/` that it imports, by way of
    others too, and the data beside them (`keras_names.json` of `keras_names.py`)."""
    room = [p for p in sorted((HOUSE / "components" / component).rglob("*")) if p.is_file()]
    room = [path for path in room if "__pycache__" not in path.parts]
    found, waiting = set[Path](), [path for path in room if path.suffix == ".py"]
    while waiting:
        for path in _imported(waiting.pop()):
            if path not in found:
                found.add(path)
                waiting.append(path)
    beside = {data for path in found if (data := path.with_suffix(".json")).exists()}
    return [*room, *sorted(found | beside)]


@functools.cache
def _imported(path: Path) -> tuple[Path, ...]:
    """The files of `schemas/` that a module imports; each is parsed once, whatever imports it."""
    return tuple(_files_imported(path))


def _files_imported(path: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] != "schemas":
                continue
            for depth in range(1, len(parts) + 1):
                place = HOUSE.joinpath(*parts[:depth])
                yield from (file for file in (place.with_suffix(".py"), place / "__init__.py") if file.exists())
                if (place / "__init__.py").exists() and "pkgutil" in (place / "__init__.py").read_text(
                    encoding="utf-8"
                ):
                    # It imports whatever is in it.
                    yield from sorted(place.glob("*.py"))


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
