"""Several workers train as one does: the same batches, the same losses; and go on when one is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.train.batches import Rows
from components.train.task import run
from schemas.artifacts import read_features, split_parts
from schemas.dataset import schema_text
from schemas.errors import UserError
from schemas.progress import Progress
from schemas.spec import load_spec
from tests.conftest import FLIGHTS

MONTHS = "data/*-0[12].parquet"


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two months of flights, transformed, in several parts; and the arguments of a training on them."""
    from components.ingest.worker import ingest
    from components.transform.worker import transform

    place = tmp_path_factory.mktemp("together")
    loaded = load_spec(FLIGHTS / "spec.yaml", {"data.path": MONTHS})
    schema = schema_text(loaded.schema)
    ingest(loaded.spec.data, schema, place / "examples", folder=FLIGHTS, seed=1)
    transform(loaded.spec.transform, schema, place / "examples", place / "transformed")
    return {"schema": schema, "transformed": str(place / "transformed")}


def arguments(flights: dict[str, Any], output: Path, **training: Any) -> dict[str, Any]:
    """Of a task that trains the example's model, wide embeddings and dropout's absence included."""
    overrides = {
        "model.training.epochs": "2",
        "model.training.batch_size": "2048",
        "model.training.early_stopping": "null",
    }
    overrides |= {f"model.training.{key}": json.dumps(value) for key, value in training.items()}
    section = json.loads(load_spec(FLIGHTS / "spec.yaml", overrides).spec.model.model_dump_json(exclude_none=True))
    without_dropout(section)
    return {**flights, "model": json.dumps(section), "name": "flights", "seed": 3, "module": "", "output": str(output)}


def without_dropout(section: Any) -> None:
    """Sets each rate of dropout to nothing: it is another in each worker."""
    if isinstance(section, dict):
        for key, value in section.items():
            if key in ("rate", "dropout") and isinstance(value, float):
                section[key] = 0.0
            without_dropout(value)
    elif isinstance(section, list):
        for value in section:
            without_dropout(value)


def trained(given: dict[str, Any]) -> dict[str, Any]:
    """The manifest of a training in a process of its own: a strategy must be made before TensorFlow runs."""
    code = "import json, sys; from schemas.running import run_task; run_task('train', **json.loads(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, json.dumps(given)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    manifest: dict[str, Any] = json.loads((Path(given["output"]) / "manifest.json").read_text(encoding="utf-8"))
    return manifest


@pytest.fixture(scope="module")
def alone(flights: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one worker finds."""
    return trained(arguments(flights, tmp_path_factory.mktemp("alone") / "model"))


def test_two_workers_find_the_losses_of_one(flights, alone, tmp_path):
    together = trained(arguments(flights, tmp_path / "model", workers=2))
    assert together["history"].keys() >= {"loss", "val_loss"}
    # Keras' own trackers of an output's loss are means over batches, whatever rows these have.
    for key in ("loss", "val_loss", "val_late_auc", "val_arr_delay_root_mean_squared_error"):
        values = together["history"][key]
        np.testing.assert_allclose(values, alone["history"][key], atol=1e-4, rtol=1e-4, err_msg=key)
    written = (tmp_path / "model/history.csv").read_text(encoding="utf-8").splitlines()
    assert len(written) == 3
    assert written[0].startswith("epoch,")
    assert (tmp_path / "model/saved_model/saved_model.pb").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


def test_a_worker_that_is_killed_is_started_again_and_goes_on_from_the_checkpoint(flights, alone, tmp_path):
    checkpoints = tmp_path / "kept"
    given = arguments(
        flights, tmp_path / "model", workers=2, steps_per_execution=4,
        checkpoints={"steps": 4, "folder": str(checkpoints), "restarts": 2},
    )  # fmt: skip
    killed = []

    def kill() -> None:
        until = time.monotonic() + 120
        while time.monotonic() < until and not killed:
            if list(checkpoints.glob("*/state.json")):
                found = subprocess.run(
                    ["pgrep", "-f", "components.train.node"], capture_output=True, text=True
                ).stdout.split()
                os.kill(int(found[-1]), signal.SIGKILL)
                killed.append(found[-1])
            time.sleep(0.02)

    thread = threading.Thread(target=kill)
    thread.start()
    manifest = trained(given)
    thread.join()
    assert killed
    np.testing.assert_allclose(manifest["history"]["loss"], alone["history"]["loss"], atol=1e-4, rtol=1e-4)
    np.testing.assert_allclose(manifest["history"]["val_loss"], alone["history"]["val_loss"], atol=1e-4, rtol=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


def test_optimizers_of_parts_find_the_losses_of_one_worker_too(flights, tmp_path):
    parts = {"optimizers": [{"name": "Ftrl", "layers": ["wide"]}], "epochs": 1}
    found = [
        trained(arguments(flights, tmp_path / str(workers), workers=workers, **parts))["history"] for workers in (1, 2)
    ]
    for key in ("loss", "val_loss"):
        np.testing.assert_allclose(found[1][key], found[0][key], atol=1e-4, rtol=1e-4)


def test_a_checkpoint_gives_back_weights_optimizer_and_early_stopping(tmp_path):
    import keras

    from components.train.checkpoint import Checkpoint, State
    from components.train.loop import moved_parts
    from schemas.spec.training import Checkpoints

    def made():
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dropout(0.5)])
        model.compile("adam", "mse")
        model.optimizer.build(model.trainable_variables)
        return model, moved_parts(model), keras.callbacks.EarlyStopping(restore_best_weights=True)

    model, parts, stopping = made()
    model.fit(np.ones((8, 2)), np.ones((8, 3)), validation_split=0.5, epochs=3, verbose=0, callbacks=[stopping])
    state = State(epoch=2, step=5, loss=1.5, rows=40, history={"loss": [2.0, 1.0]})
    for step in (4, 5):
        state.step = step
        Checkpoint(tmp_path / "kept", Checkpoints(), "this").save(state, model, parts, stopping)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["00002-000000005"], "the newest alone is kept"

    other, other_parts, other_stopping = made()
    assert Checkpoint(tmp_path / "kept", Checkpoints(), "that").restore(other, other_parts, None) == State()
    assert Checkpoint(tmp_path / "kept", Checkpoints(), "this").restore(other, other_parts, other_stopping) == state
    for ours, theirs in zip(
        [*model.variables, *model.optimizer.variables], [*other.variables, *other.optimizer.variables], strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert (other_stopping.best, other_stopping.wait) == (stopping.best, stopping.wait)
    for ours, theirs in zip(stopping.best_weights, other_stopping.best_weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_workers_that_are_lost_again_and_again_are_told(monkeypatch, tmp_path, capsys):
    from components.train import launch

    monkeypatch.setattr(launch, "sys", type("Broken", (), {"executable": "/usr/bin/false", "exit": sys.exit}))
    with pytest.raises(UserError, match=r"worker 0 was lost \(exit status 1\), after 1 restarts"):
        launch.launch(1, 1, {"output": str(tmp_path / "model")}, Progress("train"))
    assert "worker 0 was lost (exit status 1); all go on from the last checkpoint" in capsys.readouterr().out


def test_a_users_mistake_is_told_once_and_not_tried_again(flights, tmp_path, capfd):
    given = arguments(flights, tmp_path / "model", workers=2)
    with pytest.raises(SystemExit) as raised:
        run(**{**given, "transformed": str(tmp_path / "none")}, progress=Progress("train"))
    assert raised.value.code == 2
    assert capfd.readouterr().out.count("no manifest.json there") == 1


@pytest.mark.parametrize("memory_rows", [1024, 5_000, 1_000_000])
@pytest.mark.parametrize("of", [2, 3])
def test_shares_are_the_batches_of_one_divided(flights, of, memory_rows):
    ready = read_features(flights["transformed"])
    features = dict(list(ready.features.items())[:4])
    parts = split_parts(flights["transformed"], "eval")
    assert len(parts) > 1

    def batches(share: tuple[int, int]) -> list[Any]:
        rows = Rows(parts, features, list(ready.labels), {}, 700, memory_rows, True, 5, share)
        return list(rows.shared_dataset().as_numpy_iterator())

    whole, shares = batches((0, 1)), [batches((index, of)) for index in range(of)]
    assert len(whole) == len(shares[0]) > 1
    for step, ((x, y), held, rows) in enumerate(whole):
        assert held == rows == sum(share[step][1] for share in shares)
        assert {share[step][2] for share in shares} == {rows}
        mine = _rows(x, y)
        others = np.concatenate([_rows(*share[step][0])[: share[step][1]] for share in shares])
        np.testing.assert_array_equal(
            np.sort(mine.view(f"V{mine.itemsize * mine.shape[1]}"), 0),
            np.sort(np.ascontiguousarray(others).view(f"V{mine.itemsize * mine.shape[1]}"), 0),
        )


def _rows(x: dict[str, Any], y: dict[str, Any]) -> Any:
    return np.ascontiguousarray(np.stack([np.asarray(v, np.float32) for v in [*x.values(), *y.values()]], 1))


def test_two_devices_of_one_machine_find_the_losses_of_one(flights, tmp_path):
    """In the order of the files: the strategy reads an epoch's order ahead, so that what is shuffled is another order."""
    given = arguments(flights, tmp_path / "model", devices=2, shuffle=False)
    alone = trained(arguments(flights, tmp_path / "alone", shuffle=False))
    code = """
import json, sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from schemas.running import run_task
run_task("train", **json.loads(sys.argv[1]))
"""
    done = subprocess.run([sys.executable, "-c", code, json.dumps(given)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    history = json.loads((tmp_path / "model/manifest.json").read_text(encoding="utf-8"))["history"]
    for key in ("loss", "val_loss"):
        np.testing.assert_allclose(history[key], alone["history"][key], atol=1e-3, rtol=1e-4)


def test_more_devices_than_there_are_is_told(flights, tmp_path, capfd):
    from components.train.devices import on_devices
    from schemas.errors import DataError

    with pytest.raises(DataError, match=r"model.training.devices: 9 asked for, found 1"):
        on_devices(9)
