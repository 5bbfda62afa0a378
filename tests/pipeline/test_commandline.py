from __future__ import annotations

import json
import shutil

import pytest

from pipeline.commandline import main
from tests.conftest import FLIGHTS, RIDES, TAXI


def test_check(capsys):
    assert main(["check", str(FLIGHTS / "spec.yaml")]) == 0
    assert "no mistakes" in capsys.readouterr().out


def test_mistakes_have_lines_and_no_traceback(tmp_path, capsys):
    text = (RIDES).read_text().replace("op: difference", "op: diference")
    (tmp_path / "spec.yaml").write_text(text)
    shutil.copy(TAXI / "schema.pbtxt", tmp_path)
    assert main(["check", str(tmp_path / "spec.yaml")]) == 2
    shown = capsys.readouterr()
    assert "did you mean 'difference'?" in shown.err
    assert "Traceback" not in shown.err
    assert main(["check", "--json", str(tmp_path / "spec.yaml")]) == 2
    assert json.loads(capsys.readouterr().out)[0]["key"] == "transform.features.east.op"


def test_set_is_checked(capsys):
    assert main(["check", str(FLIGHTS / "spec.yaml"), "--set", "model.training.epochs=0"]) == 2
    assert "model.training.epochs" in capsys.readouterr().err
    assert main(["check", str(FLIGHTS / "spec.yaml"), "--set", "nonsense"]) == 2


def test_infer_schema(taxi_folder, tmp_path, capsys):
    target = tmp_path / "schema.pbtxt"
    assert main(["infer-schema", str(taxi_folder / "spec.yaml"), "-o", str(target)]) == 0
    text = target.read_text()
    assert 'name: "fare_amount"\n  type: FLOAT' in text
    assert 'name: "passenger_count"\n  type: INT' in text
    assert main(["infer-schema", str(taxi_folder / "spec.yaml"), "-o", str(target)]) == 2
    assert "--force" in capsys.readouterr().err


@pytest.mark.parametrize("component", ["ingest", "validate", "transform", "train", "evaluate", "push"])
def test_each_component_has_help_with_an_example(component):
    import subprocess
    import sys

    shown = subprocess.run([sys.executable, "-m", f"components.{component}", "--help"], capture_output=True, text=True)
    assert shown.returncode == 0
    assert f"python -m components.{component} --spec" in shown.stdout
