"""Transform as a task: plain arguments in, the artifact out."""

from __future__ import annotations

import json

from components.transform.worker import transform
from schemas.engines import engine_of_task
from schemas.progress import Progress
from schemas.spec import Transform


def run(*, transform_json: str, schema: str, module: str, examples: str, output: str, progress: Progress) -> None:
    """`transform_json` is the spec's section, `schema` a text proto, `module` Python text as JSON; see `worker.transform`."""
    transform(
        Transform.model_validate_json(transform_json),
        schema,
        examples,
        output,
        module=json.loads(module) if module else "",
        engine=engine_of_task("transform"),
        progress=progress,
    )
