"""Each component's `component.yaml`, so that others put single components into their own pipelines.

from kfp import components
ingest = components.load_component_from_file("components/ingest/component.yaml")
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kfp import compiler

from components.choose.component import choose
from components.evaluate.component import evaluate
from components.ingest.component import ingest
from components.notify.component import notify
from components.predict.component import predict
from components.push.component import push
from components.resolve.component import resolve
from components.serve.component import canary
from components.train.component import train
from components.transform.component import transform
from components.validate.component import validate
from pipeline.digests import HOUSE

FACES: dict[str, Any] = {
    "ingest": ingest, "validate": validate, "transform": transform, "train": train, "evaluate": evaluate,
    "serve": canary, "push": push, "predict": predict, "resolve": resolve, "notify": notify, "choose": choose,
}  # fmt: skip


def write_component_files(folder: Path) -> list[Path]:
    """Writes `<room>/component.yaml` below a folder for each room.

    Returns:
        The files.
    """
    written = []
    for room, face in FACES.items():
        path = folder / room / "component.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        compiler.Compiler().compile(face, str(path))
        written.append(path)
    return written


if __name__ == "__main__":
    for _path in write_component_files(HOUSE / "components"):
        print(_path.relative_to(HOUSE))
