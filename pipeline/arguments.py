"""The arguments of the pipeline that a spec describes: each component is given its own section, no more."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.digests import code_digest, source_digest
from schemas.dataset import schema_text
from schemas.registry import Registry
from schemas.spans import resolve_spans
from schemas.spec import LoadedSpec
from schemas.user_module import read_module

DIGESTED = ("ingest", "validate", "transform", "train", "evaluate", "serve")


def pipeline_arguments(loaded: LoadedSpec, serving: str | None = None, span: str = "") -> dict[str, Any]:
    """The pipeline's arguments.

    Args:
        loaded: a spec that holds.
        serving: the folder of published models, or its URL, where it is not the spec's.
        span: the newest span of the data that is read; see `schemas.spans`.

    Raises:
        DataError: a module that the spec names cannot be read, or there are no files of the span.
    """
    spec = loaded.spec
    data = resolve_spans(spec.data, loaded.folder, span)
    transform = spec.transform
    preprocessing = transform.preprocessing
    plain = plain_spec(loaded)
    directory = serving_directory(loaded, serving)
    arguments = {
        "name": spec.name,
        "folder": str(loaded.folder.resolve()),
        "seed": spec.seed,
        "schema": schema_text(loaded.schema, one_line=True),
        "data": data.model_dump_json(by_alias=True),
        "validation": spec.validation.model_dump_json(),
        "transform_section": transform.model_dump_json(),
        "transform_module": module_argument(loaded, preprocessing.module if preprocessing else None),
        "model_section": spec.model.model_dump_json(exclude_none=True),
        "model_module": module_argument(loaded, spec.model.module_file),
        "evaluation_section": spec.evaluate.model_dump_json(),
        "spec": json.dumps(plain),
        "directory": directory,
        "source": source_digest([pattern for pattern, _ in data.patterns()], loaded.folder),
        **{f"{component}_code": code_digest(component) for component in DIGESTED},
    }
    origin = hashlib.sha256(json.dumps(arguments, sort_keys=True).encode()).hexdigest()
    return {**arguments, "origin": origin, "champion": Registry(directory, spec.name).compared_with(origin)}


def retraining_arguments(loaded: LoadedSpec, tag: str) -> dict[str, Any]:
    """The arguments of the pipeline that runs on a cluster; see `pipeline.retraining.retraining`.

    Args:
        loaded: a spec that holds.
        tag: of the components' images.

    Raises:
        DataError: a module that the spec names cannot be read.
    """
    spec = loaded.spec
    preprocessing, directory = spec.transform.preprocessing, spec.push.directory
    return {
        "name": spec.name,
        "spec": json.dumps(plain_spec(loaded)),
        "schema": schema_text(loaded.schema, one_line=True),
        "transform_module": module_argument(loaded, preprocessing.module if preprocessing else None),
        "model_module": module_argument(loaded, spec.model.module_file),
        "directory": directory if "://" in directory else str(PurePosixPath(spec.cluster.folder) / directory),
        "image_tag": tag,
        "seed": spec.seed,
    }


def serving_directory(loaded: LoadedSpec, serving: str | None = None) -> str:
    """The folder of published models on this machine, absolute, or its URL; `serving` where it is not the spec's."""
    directory = str(serving or loaded.spec.push.directory)
    return directory if "://" in directory else str(Path(directory).resolve())


def plain_spec(loaded: LoadedSpec) -> dict[str, Any]:
    """What a model and its judgement follow from: the spec as plain data, less where it runs."""
    return loaded.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"cluster", "schedule"})


def module_argument(loaded: LoadedSpec, named: str | None) -> str:
    """The text of a module that the spec names, "" where it names none.

    JSON makes one line of it: kfp writes defaults into the comments of the compiled file as they are.
    """
    return json.dumps(read_module(loaded.folder, named)) if named is not None else ""
