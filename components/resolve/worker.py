"""Resolve: the spec as this retraining follows it, the data it reads and the version it is compared with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from schemas.artifacts import whole_artifact
from schemas.errors import SpecError
from schemas.formats.files import fingerprint, match_files
from schemas.progress import Progress
from schemas.registry import Registry
from schemas.section import SectionType, validate_section
from schemas.source_map import SourceMap
from schemas.spans import resolve_spans
from schemas.spec.checks import threshold_mistakes
from schemas.spec.data import Data
from schemas.spec.evaluation import Evaluation
from schemas.spec.load import set_value
from schemas.spec.outputs import Output

SECTIONS = ("data", "validate", "transform", "model", "evaluate")


def resolve(
    spec: Mapping[str, Any], output: str | Path, *, folder: str | Path, directory: str,
    source: str | Sequence[str] = "", span: str = "", thresholds: Sequence[Mapping[str, Any]] = (),
    trials: Sequence[Mapping[str, Any]] = (), made_of: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Finds what a retraining works on, so that a mistake in its parameters ends it before any work is done.

    Args:
        spec: the whole spec, JSON-able.
        output: the artifact's folder: resolved.json.
        folder: where relative paths of the data section start.
        directory: the folder of published models, or its URL.
        source: the files to read, in place of the spec's `data.path`.
        span: the newest span that is read; see `schemas.spans`.
        thresholds: in place of the spec's, where there are any.
        trials: values of the model that a search tries, by dotted key of the spec.
        made_of: what else a model depends on (schema, seed, modules, code), for its digest.

    Returns:
        By name, text: the sections as JSON (data, validate, transform, model, evaluate), `spec` as JSON, `source` (a
        digest of the files), `champion` ("3:…", "none"), `origin` (a digest of all that the model is made of); and
        `models`, the model section of each trial.

    Raises:
        SpecError: the source or the thresholds are not what the spec takes.
        DataError: there are no files, or none of the span.
    """
    progress = progress or Progress("resolve")
    progress.start()
    given = SourceMap("the parameters", json.dumps({"source": source, "thresholds": list(thresholds)}))
    plain = dict(spec)
    if source:
        plain["data"] = {**plain["data"], "path": source}
    if thresholds:
        plain["evaluate"] = {**plain.get("evaluate", {}), "thresholds": list(thresholds)}
    data = _section(Data, plain["data"], given, ("source",) if source else ())
    judged = _section(Evaluation, plain.get("evaluate", {}), given, ())
    outputs = {name: Output.model_validate(about) for name, about in plain["model"].get("outputs", {}).items()}
    if mistakes := threshold_mistakes(judged, outputs, ("thresholds",), given) if thresholds else []:
        raise SpecError(given.name, mistakes)
    data = resolve_spans(data, folder, span)
    files = [path for _, path, _ in match_files(data, folder)]
    plain["data"] = data.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    found = {name: json.dumps(plain.get(name, {})) for name in SECTIONS}
    found |= {"spec": json.dumps(plain), "source": fingerprint(files)}
    models = [json.dumps(_with(plain, trial)["model"]) for trial in trials]
    origin = json.dumps([found, models, made_of or {}, str(directory)], sort_keys=True)
    found["origin"] = hashlib.sha256(origin.encode()).hexdigest()
    found["champion"] = Registry(directory, str(spec["name"])).compared_with(found["origin"])
    with whole_artifact(output, {"files": files, "span": span, "models": models, **found}) as place:
        (place / "resolved.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    many = f"{len(files)} file{'s' if len(files) != 1 else ''}"
    progress.done(f"{many}, compared with {found['champion'].split(':')[0]}", files=len(files))
    return {**found, "models": models}


def _with(plain: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    """The spec with other values, by dotted key."""
    changed = SourceMap("the trials", json.dumps(plain))
    for key, value in values.items():
        set_value(changed, key, value)
    return changed.data


def _section(cls: type[SectionType], plain: Any, given: SourceMap, at: tuple[str, ...]) -> SectionType:
    section, mistakes = validate_section(cls, plain, given, at)
    if section is None:
        raise SpecError(given.name, mistakes)
    return section
