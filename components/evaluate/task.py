"""Evaluate as a task: plain arguments in, the artifact out."""

from __future__ import annotations

import json

import yaml

from components.evaluate.worker import evaluate
from schemas.progress import Progress
from schemas.registry import Registry
from schemas.spec import Evaluation


def run(
    *, evaluation: str, schema: str, spec: str, name: str, directory: str, examples: str, statistics: str,
    transformed: str, model: str, output: str, progress: Progress,
) -> None:  # fmt: skip
    """`evaluation` is the spec's section as JSON, `spec` the whole spec as JSON, `schema` a text proto; see `worker.evaluate`.

    The champion is the version of `name` that is in service in the folder `directory` now.
    """
    section = Evaluation.model_validate_json(evaluation)
    registry, champion = Registry(directory, name), None
    if section.compares and (version := registry.champion()) is not None:
        champion = version, registry.folder(version)
    evaluate(
        section, schema, examples, statistics, transformed, model, output, champion=champion,
        spec_text=yaml.safe_dump(json.loads(spec), sort_keys=False, width=110), progress=progress,
    )  # fmt: skip
