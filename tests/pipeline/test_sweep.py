"""A sweep of real trainings, gone on with, its best spec a file."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from pipeline.sweep.outcome import best_spec
from pipeline.sweep.study import open_study
from schemas.errors import DataError, SpecError
from schemas.spec import load_spec
from tests.conftest import HOUSE, RIDES, TAXI

SWEEP = """
sweep:
  trials: {trials}
  space:
    model.training.optimizer.learning_rate: {{low: 1e-4, high: 1e-2, log: true}}
    model.layers.deep_2.units: {{choices: [8, 16]}}
    model.layers.wide.embeddings_regularizer: {{choices: [{{L2: 1.0e-5}}, null]}}
"""


@pytest.fixture
def folder(tmp_path, taxi_data):
    shutil.copy(TAXI / "schema.pbtxt", tmp_path)
    (tmp_path / "data").symlink_to(taxi_data)
    return tmp_path


def written(folder, sweep):
    text = RIDES.read_text().replace("epochs: 60", "epochs: 2")
    (folder / "spec.yaml").write_text(text + sweep)
    return folder / "spec.yaml"


def sweep(folder, *more):
    command = [sys.executable, "-m", "pipeline.commandline", "sweep", str(folder / "spec.yaml"), "--json",
               "--runs", str(folder / "runs"), *more]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd=HOUSE)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_trials_are_run_remembered_and_the_best_is_a_spec(folder):
    path = written(folder, SWEEP.format(trials=2))
    first = sweep(folder)
    assert [trial["number"] for trial in first["trials"]] == [0, 1]
    assert first["best"]["value"] == min(trial["value"] for trial in first["trials"])
    assert "<img" in (folder / "runs").joinpath(first["page"]).read_text()
    best = load_spec(first["best_spec"]).spec.model
    values = first["best"]["values"]
    assert best.training.optimizer.arguments()["learning_rate"] == values["model.training.optimizer.learning_rate"]
    chosen = next(layer for layer in best.layers if layer.name == "deep_2").arguments()["units"]
    assert chosen == values["model.layers.deep_2.units"]
    assert path.read_text().splitlines()[0] == (folder / "spec.best.yaml").read_text().splitlines()[0]

    written(folder, SWEEP.format(trials=3))
    more = sweep(folder, "-o", str(folder / "other.yaml"))
    assert more["trials"][:2] == first["trials"]
    assert len(more["trials"]) == 3
    assert (folder / "other.yaml").exists()
    # Ingest, validate and transform ran once for all trials.
    logs = [log.parent.parent for log in (folder / "runs").glob("*/*/logs/train.log")]
    assert len(logs) == 3
    assert sum((run / "logs" / "ingest.log").exists() for run in logs) == 1


BROKEN = {
    "no such layer": ("model.layers.deep_9.units: {choices: [8]}", "'model.layers' in", "did you mean"),
    "an edge that is a mistake": ("model.training.batch_size: {low: 0, high: 8}", "0 gives model.training.batch_size", ""),
    "a name that Keras lacks": ("model.layers.deep_2.activation: {choices: [relu, rellu]}", "'rellu' gives model.layers[6]", "did you mean 'relu'?"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_space_is_checked_before_anything_runs(case, tmp_path):
    entry, *told = BROKEN[case]
    shutil.copy(TAXI / "schema.pbtxt", tmp_path)
    loaded = load_spec(written(tmp_path, f"\nsweep:\n  space:\n    {entry}\n"))
    with pytest.raises(SpecError) as caught:
        open_study(loaded, {}, tmp_path / "runs")
    (mistake, *_) = caught.value.mistakes
    assert mistake.line == len((tmp_path / "spec.yaml").read_text().splitlines())
    assert all(part in mistake.message for part in told)


def test_a_spec_without_a_sweep(tmp_path):
    shutil.copy(TAXI / "schema.pbtxt", tmp_path)
    with pytest.raises(DataError, match="has no `sweep` section"):
        open_study(load_spec(written(tmp_path, "")), {}, tmp_path / "runs")


def test_what_the_monitor_is_called(tmp_path):
    shutil.copy(TAXI / "schema.pbtxt", tmp_path)
    path = written(tmp_path, "\nsweep:\n  monitor: val_auc\n  space:\n    seed: {choices: [1, 2]}\n")
    with pytest.raises(SpecError, match=r"sweep\.monitor: 'val_auc' is not logged"):
        load_spec(path)


def test_the_best_values_replace_those_of_the_text(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text("# why\nname: a  # the name\nmodel:\n  layers:\n    - {name: x, rate: 0.5}\n")
    text = best_spec(path, {"name": "b", "model.layers.x.rate": 0.25})
    assert text == "# why\nname: b  # the name\nmodel:\n  layers:\n    - {name: x, rate: 0.25}\n"
    assert "units: 3" in best_spec(path, {"model.layers.x.units": 3})
