"""What the graph language can say, from a spec to a published model that answers raw rows."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import HOUSE, TAXI

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def run(taxi_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("everything")
    shutil.copytree(HOUSE / "tests" / "fixtures" / "everything", folder, dirs_exist_ok=True)
    shutil.copy(TAXI / "schema.pbtxt", folder)
    (folder / "data").symlink_to(taxi_data)
    command = [sys.executable, "-m", "pipeline.commandline", "run", str(folder / "spec.yaml"), "--json",
               "--runs", str(folder / "runs"), "--serving", str(folder / "serving")]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd=HOUSE)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, json.loads(done.stdout)


def test_every_output_is_learned_judged_and_published(run):
    _, summary = run
    assert summary["blessed"], summary
    assert set(summary["metrics"]["band"]) == {"rows", "log_loss", "accuracy", "top_3_accuracy"}
    assert summary["metrics"]["band"]["accuracy"] > 0.5


def test_the_published_model_answers_raw_rows(run):
    _, summary = run
    served = tf.saved_model.load(summary["published"])
    example = tf.train.Example()
    example.features.feature["pickup_datetime"].bytes_list.value.append(b"2013-03-27 03:35:00 UTC")
    for name, value in (
        ("pickup_longitude", -73.95),
        ("dropoff_longitude", -73.98),
        ("pickup_latitude", 40.77),
        ("dropoff_latitude", 40.75),
    ):
        example.features.feature[name].float_list.value.append(value)
    answer = served.signatures["serving_default"](examples=tf.constant([example.SerializeToString()] * 2))
    assert {name: tuple(value.shape) for name, value in answer.items()} == {"fare": (2,), "dear": (2,), "band": (2, 4)}
    np.testing.assert_allclose(np.sum(answer["band"], axis=1), 1, rtol=1e-5)


def test_the_model_is_shown_in_every_form(run):
    folder, _ = run
    runs = ["--runs", str(folder / "runs")]

    def shown(*more):
        command = [sys.executable, "-m", "pipeline.commandline", "model", str(folder / "spec.yaml"), *runs, *more]
        done = subprocess.run(command, capture_output=True, text=True, cwd=HOUSE)
        assert done.returncode == 0, done.stderr
        return done.stdout

    about = json.loads(shown("--json", "--plot", str(folder / "model.png")))
    assert (folder / "model.png").read_bytes().startswith(b"\x89PNG")
    by_name = {layer["name"]: layer for layer in about["layers"]}
    assert by_name["places_layer"]["calls"] == 2
    assert "deep_1" in shown("--expand")
    (folder / "written.py").write_text(shown("--code"))
    code = "import written; print(written.build_model().count_params())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder)
    assert int(done.stdout.split()[-1]) == about["parameters"], done.stderr
