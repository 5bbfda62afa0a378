"""The pipeline of a cluster, whole: compiled as `latticework compile` does it and run by kfp.local."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.compiled import read_compiled
from schemas.registry import Registry
from tests.conftest import HOUSE
from tests.webhook import listening

pytestmark = pytest.mark.e2e
RUN = """\
import json, sys
from kfp import components, local
local.init(local.SubprocessRunner(use_venv=False), pipeline_root=sys.argv[2], enable_caching=False)
components.load_component_from_file(sys.argv[1])(**json.loads(sys.argv[3]))
"""


@pytest.fixture
def webhook():
    with listening() as hook:
        yield hook.url, hook.told


def compile_taxi(folder: Path, into: Path, *more: str) -> Path:
    path = into / "pipeline.yaml"
    given = {
        "cluster.folder": str(folder), "push.directory": str(into / "serving"), "model.training.epochs": "1",
        "cluster.webhook.secret": "notifications", "evaluate.thresholds": "[{output: fare, metric: mae, at_most: 20}]",
    }  # fmt: skip
    overrides = [part for key, value in given.items() for part in ("--set", f"{key}={value}")]
    subprocess.run(
        [sys.executable, "-m", "pipeline.commandline", "compile", str(folder / "spec.yaml"), "-o", str(path),
         *overrides, *more],
        check=True, cwd=HOUSE,
    )  # fmt: skip
    return path


@pytest.fixture
def compiled(taxi_folder: Path, tmp_path: Path) -> Path:
    return compile_taxi(taxi_folder, tmp_path)


def run(compiled: Path, url: str, **parameters) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RUN, str(compiled), str(compiled.parent / "root"), json.dumps(parameters)], cwd=HOUSE,
        env={**os.environ, "LATTICEWORK_WEBHOOK": url}, text=True, capture_output=True,
    )  # fmt: skip


def test_a_retraining_publishes_and_tells_and_a_worse_one_does_not(compiled, webhook):
    url, told = webhook
    done = run(compiled, url)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert told[0]["outcome"] == "published"
    assert told[0]["published"].endswith("/serving/taxi/1")
    assert told[0]["metrics"]["fare"]["mae"] < 20
    registry = Registry(compiled.parent / "serving", "taxi")
    about = registry.manifest(1)
    assert about["origin"]
    assert about["compared_with"] == "none"

    strict = [{"output": "fare", "metric": "mae", "at_most": 0.01}]
    done = run(compiled, url, thresholds=strict, seed=8)
    assert done.returncode == 0, done.stdout[-3000:]
    assert told[1]["outcome"] == "not blessed"
    assert told[1]["broken"][0]["metric"] == "mae"
    assert registry.champion() == 1


def test_anomalies_end_a_retraining_before_anything_is_trained(compiled, webhook, tmp_path):
    url, told = webhook
    spec = json.loads(read_compiled(compiled).parameters["spec"]["defaultValue"])
    spec["validate"] = {"split_skew": 1e-6, "skew_severity": "error"}
    done = run(compiled, url, spec=json.dumps(spec))
    assert done.returncode == 0, done.stdout[-3000:]
    assert told[0]["outcome"] == "refused"
    executed = set(re.findall(r"Executing task .*?'([a-z]+)'", done.stdout + done.stderr))
    assert executed == {"resolve", "ingest", "validate", "notify"}
    assert not (tmp_path / "serving/taxi/1").exists()


def test_a_mistake_in_the_parameters_fails_at_once_and_is_told(compiled, webhook):
    url, told = webhook
    done = run(compiled, url, thresholds=[{"output": "fair", "metric": "mae", "at_most": 1}])
    assert done.returncode != 0
    assert "did you mean 'fare'" in done.stdout + done.stderr
    assert told[0]["outcome"] == "failed"


def test_a_sweep_trains_its_trials_and_publishes_the_best(taxi_folder, tmp_path, webhook):
    url, told = webhook
    sweep = "sweep={space: {model.training.batch_size: {choices: [64, 4096]}}, trials: 2}"
    done = run(compile_taxi(taxi_folder, tmp_path, "--sweep", "--set", sweep), url)
    assert done.returncode == 0, done.stdout[-3000:]
    assert told[0]["outcome"] == "published"
    (chosen,) = tmp_path.glob("root/*/choose/model/trials.json")
    trials = json.loads(chosen.read_text())
    assert [trial["tried"]["model.training.batch_size"] for trial in trials] == [64, 4096], (
        "one epoch of few steps learns less"
    )
    assert trials[0]["value"] < trials[1]["value"]
