"""What only Keras can tell of a model's graph, asked of the train component: whether it holds, and what it is."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.arguments import module_argument
from pipeline.digests import code_digest
from schemas.artifacts import Feature, read_features, read_manifest
from schemas.errors import SpecError, UserError
from schemas.progress import ENVIRONMENT, parse
from schemas.source_map import SourceMap
from schemas.spec import LoadedSpec
from schemas.spec.transform import planned


def remembered(runs: Path, loaded: LoadedSpec) -> Path:
    """Where the graphs of a spec's model that held are remembered, in a folder of runs."""
    return runs.resolve() / loaded.spec.name / "graphs"


def check_graph(loaded: LoadedSpec, known: Path | None = None) -> None:
    """Calls every layer of the spec's model on symbolic tensors.

    Args:
        loaded: a spec that holds by itself.
        known: a folder that remembers graphs that held; they are not tried again.

    Raises:
        SpecError: with all mistakes.
        UserError: the model's own module fails.
    """
    arguments = _arguments(loaded, planned(loaded.spec.transform.features))
    text = json.dumps([arguments, code_digest("train")], sort_keys=True)
    held = known / hashlib.sha256(text.encode()).hexdigest() if known else None
    if held is not None and held.exists():
        return
    _refuse(loaded, _asked("check", arguments))
    if held is not None:
        held.parent.mkdir(parents=True, exist_ok=True)
        held.touch()


def describe_graph(loaded: LoadedSpec, features: Mapping[str, Feature], plot: Path | None = None) -> dict[str, Any]:
    """The layers, parameters and Python of a spec's model, and its picture in the file `plot`.

    Raises:
        SpecError: with all mistakes.
        UserError: the model's own module fails.
    """
    arguments = {**_arguments(loaded, features), "name": loaded.spec.name, "plot": str(plot.resolve()) if plot else ""}
    found: dict[str, Any] = _asked("describe", arguments)
    _refuse(loaded, found["mistakes"])
    return found


def known_features(loaded: LoadedSpec, given: Path | None, runs: Path) -> tuple[dict[str, Feature], Path | None]:
    """The features of a spec, their sizes from what transform wrote where that is at hand.

    Args:
        loaded: a spec that holds.
        given: a folder that transform wrote; where None, the newest one of the same features in `runs` is taken.
        runs: the folder of runs.

    Returns:
        The features, and the folder that the sizes are from, or None.

    Raises:
        UserError: `given` is of other features.
    """
    expected = planned(loaded.spec.transform.features)
    folders = [given] if given else sorted((runs / loaded.spec.name / "artifacts").glob("*/transform/transformed"))
    for folder in reversed(folders):
        read_manifest(folder, "transform")
        found = read_features(folder).features
        if {n: (f.kind, f.op) for n, f in found.items()} == {n: (f.kind, f.op) for n, f in expected.items()}:
            return found, folder
    if given is not None:
        raise UserError(f"{given}: was made of other features than {loaded.path} has; run transform again")
    return expected, None


def _arguments(loaded: LoadedSpec, features: Mapping[str, Feature]) -> dict[str, Any]:
    model = loaded.spec.model
    return {
        "model": model.model_dump_json(exclude_none=True),
        "features": _plain(features),
        "labels": _plain(planned(loaded.spec.transform.labels)),
        "module": module_argument(loaded, model.module_file),
    }


def _plain(features: Mapping[str, Feature]) -> dict[str, dict[str, Any]]:
    return {
        name: {key: value for key, value in asdict(feature).items() if key != "name"}
        for name, feature in features.items()
    }


def _refuse(loaded: LoadedSpec, mistakes: list[tuple[list[str | int], str]]) -> None:
    """Raises the mistakes, where there are any, each with its line."""
    if mistakes:
        source = SourceMap.read(loaded.path)
        raise SpecError(str(loaded.path), [source.mistake(tuple(at), message) for at, message in mistakes])


def _asked(entry: str, arguments: dict[str, Any]) -> Any:
    """What `components.train.<entry>` writes, as plain data."""
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "answer.json"
        task = json.dumps({**arguments, "output": str(output)})
        command = [sys.executable, "-m", "schemas.running", "train", task, entry]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, ENVIRONMENT: "json"})
        if done.returncode:
            failed = [event.message for line in done.stdout.splitlines() if (event := parse(line)) is not None]
            raise UserError((failed or done.stderr.strip().splitlines())[-1])
        return json.loads(output.read_text(encoding="utf-8"))
