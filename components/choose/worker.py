"""Choose: the best of the models of a search, by a value that each logged on the eval split."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from schemas.artifacts import MANIFEST, read_manifest, whole_artifact
from schemas.errors import DataError, nearest
from schemas.progress import Progress

TRIALS = "trials.json"


def choose(
    models: Sequence[str | Path], output: str | Path, *, monitor: str, mode: Literal["min", "max"],
    trials: Sequence[Any] = (), progress: Progress | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Copies the best of some models.

    Args:
        models: what train wrote, one folder a trial.
        output: the best one's files, and trials.json.
        monitor: a value that train logged each epoch, such as val_loss; a model's best epoch counts.
        mode: whether smaller or larger is better.
        trials: what each tried, by dotted key, in the order of `models`.

    Returns:
        The trials, the best first: number, value, tried, epochs, parameters.

    Raises:
        DataError: there is no model, or one has not logged the value.
    """
    progress = progress or Progress("choose")
    progress.start()
    if not models:
        raise DataError("no model to choose from")
    better = min if mode == "min" else max
    found = []
    for number, model in enumerate(models):
        manifest = read_manifest(model, "train")
        history = manifest["history"]
        if monitor not in history:
            raise DataError(f"{model}: train logged no '{monitor}'{nearest(monitor, history)}")
        tried = trials[number] if number < len(trials) else {}
        found.append(
            {"number": number, "value": better(history[monitor]), "tried": tried, "epochs": manifest["epochs"],
             "parameters": manifest["parameters"]}
        )  # fmt: skip
    ranked = sorted(found, key=lambda trial: trial["value"], reverse=mode == "max")
    best = Path(models[ranked[0]["number"]])
    with whole_artifact(output, read_manifest(best, "train")) as place:
        shutil.copytree(best, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns(MANIFEST))
        (place / TRIALS).write_text(json.dumps(ranked, indent=2) + "\n", encoding="utf-8")
    progress.done(f"trial {ranked[0]['number']} of {len(found)}: {monitor} {ranked[0]['value']:.4g}")
    return ranked


def as_markdown(monitor: str, ranked: Sequence[dict[str, Any]]) -> str:
    """The trials as a page of KFP's user interface."""
    keys = list(dict.fromkeys(key for trial in ranked for key in trial["tried"]))
    rows = [["trial", monitor, *(f"`{key}`" for key in keys), "epochs", "parameters"]]
    rows += [["---:"] * len(rows[0])]
    for trial in ranked:
        tried = [json.dumps(trial["tried"].get(key)) for key in keys]
        rows.append(
            [str(trial["number"]), f"{trial['value']:.4g}", *tried, str(trial["epochs"]), f"{trial['parameters']:,}"]
        )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
