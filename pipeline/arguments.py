"""The arguments of the pipeline that a spec describes: each component is given its own section, no more."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pipeline.digests import code_digest, source_digest
from schemas.dataset import schema_text
from schemas.registry import Registry
from schemas.spec import LoadedSpec
from schemas.user_module import read_module

DIGESTED = ("ingest", "validate", "transform", "train", "evaluate", "serve")


def pipeline_arguments(loaded: LoadedSpec, serving: str | None = None) -> dict[str, Any]:
    """The pipeline's arguments.

    Args:
        loaded: a spec that holds.
        serving: the folder of published models, or its URL, where it is not the spec's.

    Raises:
        DataError: a module that the spec names cannot be read.
    """
    spec = loaded.spec
    transform = spec.transform
    preprocessing = transform.preprocessing
    plain = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    directory = str(serving or spec.push.directory)
    directory = directory if "://" in directory else str(Path(directory).resolve())
    arguments = {
        "name": spec.name,
        "folder": str(loaded.folder.resolve()),
        "seed": spec.seed,
        "schema": schema_text(loaded.schema, one_line=True),
        "data": spec.data.model_dump_json(by_alias=True),
        "validation": spec.validation.model_dump_json(),
        "transform_section": transform.model_dump_json(),
        "transform_module": module_argument(loaded, preprocessing.module if preprocessing else None),
        "model_section": spec.model.model_dump_json(exclude_none=True),
        "model_module": module_argument(loaded, spec.model.module_file),
        "evaluation_section": spec.evaluate.model_dump_json(),
        "spec": json.dumps(plain),
        "directory": directory,
        "source": source_digest([pattern for pattern, _ in spec.data.patterns()], loaded.folder),
        **{f"{component}_code": code_digest(component) for component in DIGESTED},
    }
    origin = hashlib.sha256(json.dumps(arguments, sort_keys=True).encode()).hexdigest()
    return {**arguments, "origin": origin, "champion": _champion(directory, spec.name, origin)}


def _champion(directory: str, name: str, origin: str) -> str:
    """The version in service and a digest of its files, "none" where there is none.

    A run that would make the very champion again is compared with what that one was compared with: nothing has
    changed, and the cache answers.
    """
    registry = Registry(directory, name)
    version = registry.champion()
    if version is None:
        return "none"
    about = registry.manifest(version)
    if about.get("origin") == origin:
        return str(about["compared_with"])
    files = json.dumps(about.get("files"), sort_keys=True)
    return f"{version}:{hashlib.sha256(files.encode()).hexdigest()}"


def module_argument(loaded: LoadedSpec, named: str | None) -> str:
    """The text of a module that the spec names, "" where it names none.

    JSON makes one line of it: kfp writes defaults into the comments of the compiled file as they are.
    """
    return json.dumps(read_module(loaded.folder, named)) if named is not None else ""
