"""Push: publishes a blessed model as the next version and puts it in service. No TensorFlow here."""

from __future__ import annotations

from pathlib import Path

from schemas import __version__
from schemas.artifacts import read_manifest
from schemas.errors import CheckFailed
from schemas.progress import Progress
from schemas.registry import Registry


def push(
    name: str, model: str | Path, evaluation: str | Path, directory: str | Path, *, progress: Progress | None = None
) -> Path:
    """Copies the SavedModel to `directory/name/<version>/` and moves the pointer to the champion there.

    Args:
        name: the model's name.
        model: what train wrote.
        evaluation: what evaluate wrote.
        directory: the folder of published models.

    Returns:
        The version's folder. A model that is published already (same files) keeps its version, and the version in
        service stays what it is: a rollback is not undone by running again.

    Raises:
        CheckFailed: the model is not blessed.
    """
    progress = progress or Progress("push")
    progress.start(name)
    judged = read_manifest(evaluation, "evaluate")
    trained = read_manifest(model, "train")
    if not judged["verdict"]["blessed"]:
        raise CheckFailed(
            f"{name}: the model is not blessed ({Path(evaluation) / 'verdict.json'}); it is not published"
        )
    about = {
        "metrics": judged["metrics"],
        "split": judged["split"],
        "verdict": judged["verdict"],
        "spec": judged["spec"],
        "data": judged["data"],
        "parameters": trained["parameters"],
        "code": __version__,
    }
    registry = Registry(directory, name)
    version, is_new = registry.publish(Path(model) / "saved_model", about, "blessed by its rules")
    target = registry.folder(version)
    progress.done(f"{'published' if is_new else 'published already:'} {target}", version=str(target))
    return target
