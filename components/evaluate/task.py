"""Evaluate as a task: plain arguments in, the artifact out."""

from __future__ import annotations

import json

import yaml

from components.evaluate.worker import evaluate
from schemas.progress import Progress
from schemas.spec import Evaluation


def run(
    *, evaluation: str, schema: str, spec: str, examples: str, statistics: str, transformed: str, model: str, output: str, progress: Progress,
) -> None:  # fmt: skip
    """`evaluation` is the spec's section as JSON, `spec` the whole spec as JSON, `schema` a text proto; see `worker.evaluate`."""
    section = Evaluation.model_validate_json(evaluation)
    evaluate(
        section, schema, examples, statistics, transformed, model, output,
        spec_text=yaml.safe_dump(json.loads(spec), sort_keys=False, width=110), progress=progress,
    )  # fmt: skip
