"""Evaluate as a task: plain arguments in, the artifact out."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import yaml

from components.evaluate.worker import evaluate
from schemas.engines import engine_of_task
from schemas.progress import Progress
from schemas.registry import Registry
from schemas.spec import Evaluation


def run(
    *, evaluation: str, schema: str, spec: str, name: str, directory: str, examples: str, statistics: str,
    transformed: str, model: str, output: str, progress: Progress, champion: str = "", run: str = "",
) -> None:  # fmt: skip
    """`evaluation` is the spec's section as JSON, `spec` the whole spec as JSON, `schema` a text proto; see `worker.evaluate`.

    `champion` is the version of `name` to compare with, and a digest of it: "3:…", "none", or "" for the one that is in
    service in the folder `directory` now. Where `run` has an id, the verdict is kept under it with the published models.
    """
    registry, compared = Registry(directory, name), None
    version = registry.champion() if not champion else None if champion == "none" else int(champion.split(":")[0])
    with tempfile.TemporaryDirectory(prefix="latticework-") as folder:
        if version is not None:
            compared = version, registry.fetch(version, Path(folder))
        judged = evaluate(
            Evaluation.model_validate_json(evaluation), schema, examples, statistics, transformed, model, output,
            champion=compared, compared_with=champion or ("none" if version is None else str(version)),
            spec_text=yaml.safe_dump(json.loads(spec), sort_keys=False, width=110),
            engine=engine_of_task("evaluate"), progress=progress,
        )  # fmt: skip
    if run:
        facts = {key: judged[key] for key in ("metrics", "split", "verdict")}
        registry.keep_run(run, {**facts, "champion": judged.get("champion")})
