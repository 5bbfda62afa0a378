"""The warm process: tasks run in forks of it, and one that dies does not take it along."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.warm import SERVED, warm_process
from schemas.running import WARM_SOCKETS

KILLED = "import os, signal\ndef build_model(inputs, features):\n    os.kill(os.getpid(), signal.SIGKILL)\n"


@pytest.fixture
def sockets(tmp_path):
    with warm_process(tmp_path / "warm.log"):
        folder = Path(os.environ[WARM_SOCKETS])
        while not (folder / SERVED[-1]).exists():
            time.sleep(0.05)
        yield folder
    assert WARM_SOCKETS not in os.environ
    assert not folder.exists()


def ask(output, module):
    layers = {"layers": [{"name": "y", "layer": "Dense", "units": 1, "inputs": "a"}]}
    graph = {"builder": {"module": "own.py"}} if module else layers
    model = {**graph, "outputs": {"y": {"layer": "y", "loss": "mean_squared_error"}}}
    arguments = {
        "model": json.dumps(model), "features": {"a": {"kind": "numeric", "size": None}}, "labels": {},
        "module": json.dumps(module) if module else "", "output": str(output),
    }  # fmt: skip
    command = [sys.executable, "-m", "schemas.running", "train", json.dumps(arguments), "check"]
    return subprocess.run(command, capture_output=True, text=True).returncode


def test_a_task_that_is_killed_is_a_failure_and_the_next_one_is_served(sockets, tmp_path):
    assert ask(tmp_path / "killed.json", KILLED) != 0
    assert not (tmp_path / "killed.json").exists()
    assert ask(tmp_path / "well.json", "") == 0
    assert json.loads((tmp_path / "well.json").read_text()) == []


def test_no_warm_process_no_harm(tmp_path, monkeypatch):
    monkeypatch.setenv(WARM_SOCKETS, str(tmp_path / "nowhere"))
    assert ask(tmp_path / "alone.json", "") == 0
