"""Push: publishes a blessed model as the next version and puts it in service. No TensorFlow here."""

from __future__ import annotations

from pathlib import Path

from schemas import __version__
from schemas.artifacts import read_manifest
from schemas.errors import CheckFailed
from schemas.progress import Progress
from schemas.registry import Registry, digests


def push(
    name: str, model: str | Path, evaluation: str | Path, proof: str | Path, directory: str | Path, *,
    origin: str = "", progress: Progress | None = None,
) -> str:  # fmt: skip
    """Copies the SavedModel to `directory/name/<version>/` and moves the pointer to the champion there.

    Args:
        name: the model's name.
        model: what train wrote.
        evaluation: what evaluate wrote.
        proof: what the canary wrote.
        directory: the folder of published models, or its URL.
        origin: a digest of all that the model was made of.

    Returns:
        The version's folder. A model that is published already (same files) keeps its version, and the version in
        service stays what it is: a rollback is not undone by running again.

    Raises:
        CheckFailed: the model is not blessed, or the canary was of another one.
    """
    progress = progress or Progress("push")
    progress.start(name)
    judged = read_manifest(evaluation, "evaluate")
    trained = read_manifest(model, "train")
    if not judged["verdict"]["blessed"]:
        raise CheckFailed(
            f"{name}: the model is not blessed ({Path(evaluation) / 'verdict.json'}); it is not published"
        )
    asked = read_manifest(proof, "serve")
    if asked["files"] != digests(Path(model) / "saved_model"):
        raise CheckFailed(f"{name}: {proof} is the proof of another model; run the canary on {model}")
    about = {
        "metrics": judged["metrics"],
        "split": judged["split"],
        "verdict": judged["verdict"],
        "spec": judged["spec"],
        "data": judged["data"],
        "parameters": trained["parameters"],
        "code": {"latticework": __version__, **judged["versions"]},
        "compared_with": judged["compared_with"],
        "canary": {key: asked[key] for key in ("rows", "difference", "load_seconds")},
        "example": asked["example"],
        "origin": origin,
    }
    registry = Registry(directory, name)
    extra = {str(path.relative_to(proof)): path for path in Path(proof).glob("assets.extra/*")}
    version, is_new = registry.publish(Path(model) / "saved_model", about, "blessed by its rules", extra)
    target = registry.location(version)
    progress.done(f"{'published' if is_new else 'published already:'} {target}", version=target)
    return target
