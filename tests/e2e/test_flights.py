"""Two months of real flights through the compiled pipeline, run by kfp.local."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from tests.conftest import FLIGHTS, HOUSE

pytestmark = pytest.mark.e2e
REDUCED = [
    "--set", "data.path=data/2013-0[12].parquet", "--set", "model.training.epochs=2",
    "--set", "evaluate.thresholds=[{output: late, metric: auc, at_least: 0.6}]",
    "--set", "validate.stop_at=never",
]  # fmt: skip


def run(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    if not (FLIGHTS / "data").exists():
        subprocess.run([sys.executable, str(FLIGHTS / "prepare.py")], check=True)
    command = [
        sys.executable,
        "-m",
        "pipeline.commandline",
        "run",
        str(FLIGHTS / "spec.yaml"),
        "--runs",
        str(folder / "runs"),
    ]
    return subprocess.run(
        [*command, "--serving", str(folder / "serving"), *REDUCED, *more], capture_output=True, text=True, cwd=HOUSE
    )


def test_from_data_to_a_published_model(tmp_path):
    done = run(tmp_path, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads(done.stdout)
    assert summary["blessed"]
    assert sum(summary["rows"].values()) + summary["left_out"]["no value in arr_delay"] == 51_955
    assert summary["metrics"]["late"]["auc"] > 0.6
    assert Path(summary["report"]).exists()
    shown = Path(summary["report"]).parent.parent
    curves = json.loads((shown / "curves").read_text())
    assert curves["confidenceMetrics"][-1]["recall"] == 1
    assert curves["confusionMatrix"]["annotationSpecs"] == [{"displayName": "no"}, {"displayName": "yes"}]
    assert (shown / "verdict").read_text().startswith("# Blessed")
    assert summary["champion"] is None
    published = Path(summary["published"])
    assert published == tmp_path / "serving" / "flights" / "1"
    served = tf.saved_model.load(str(published))
    answer = served.signatures["serving_default"](examples=tf.constant([tf.train.Example().SerializeToString()]))
    assert set(answer) == {"arr_delay", "late"}

    again = json.loads(run(tmp_path, "--json").stdout)
    assert [name for name, seconds in again["seconds"].items() if seconds is not None] == ["push"]
    assert again["published"] == summary["published"]

    changed = json.loads(
        run(tmp_path, "--json", "--set", "evaluate.thresholds=[{output: late, metric: auc, at_least: 0.999}]").stdout
    )
    assert [name for name, seconds in changed["seconds"].items() if seconds is not None] == ["evaluate"]
    assert (changed["blessed"], changed["published"]) == (False, None)
    assert changed["champion"]["version"] == 1, "the version in service is judged too"
    assert changed["champion"]["metrics"]["late"]["auc"] == pytest.approx(summary["metrics"]["late"]["auc"])


def test_a_failure_names_component_reason_and_log(tmp_path):
    done = run(tmp_path, "--set", "data.path=data/none-*.parquet")
    assert done.returncode == 2
    assert "ingest failed: data.path: no file matches" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    log = done.stderr.rsplit("Its log: ", 1)[1].strip()
    assert Path(log).exists()
