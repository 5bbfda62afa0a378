from __future__ import annotations

import json

import pytest

from components.resolve.worker import resolve
from schemas.artifacts import read_manifest
from schemas.errors import DataError, SpecError
from schemas.registry import Registry

SPEC = {
    "name": "rides", "seed": 7,
    "data": {"path": "{YYYY}-{MM}-{DD}.csv", "format": "csv", "split": {"by": "hash", "columns": ["key"]}},
    "transform": {"features": {}, "labels": {}},
    "model": {"outputs": {"fare": {"layer": "fare", "loss": "mse"}, "tip": {"layer": "tip", "loss": "binary_crossentropy"}}},
    "evaluate": {"thresholds": [{"output": "fare", "metric": "mae", "at_most": 3}]},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    for day in ("2026-11-22", "2026-11-23"):
        (tmp_path / f"{day}.csv").write_text(day)
    return tmp_path


def run(folder, spec=SPEC, **given):
    return resolve(spec, folder / "resolved", folder=folder, directory=str(folder / "serving"), **given)


def test_it_finds_the_files_the_rules_and_the_version_in_service(folder):
    found = run(folder)
    assert json.loads(found["data"])["path"] == ["2026-11-23.csv"]
    assert json.loads(found["spec"])["data"]["path"] == ["2026-11-23.csv"]
    assert found["champion"] == "none"
    assert read_manifest(folder / "resolved", "resolve")["files"] == [str(folder / "2026-11-23.csv")]
    model = folder / "model"
    model.mkdir()
    (model / "saved_model.pb").write_text("a")
    Registry(folder / "serving", "rides").publish(model, {"origin": "another"}, "first")
    assert run(folder)["champion"].startswith("1:")


def test_what_a_model_is_made_of_changes_its_origin_and_nothing_else_does(folder):
    first = run(folder, made_of={"code": "1"})
    assert run(folder, made_of={"code": "1"})["origin"] == first["origin"]
    assert run(folder, made_of={"code": "2"})["origin"] != first["origin"]
    assert run(folder, made_of={"code": "1"}, span="2026-11-22")["origin"] != first["origin"]
    (folder / "2026-11-23.csv").write_text("changed")
    changed = run(folder, made_of={"code": "1"})
    assert changed["source"] != first["source"]
    assert changed["origin"] != first["origin"]


def test_a_run_can_have_a_source_and_thresholds_of_its_own(folder):
    (folder / "other.csv").write_text("1")
    rule = {"output": "tip", "metric": "auc", "at_least": 0.7}
    found = run(folder, source="other.csv", thresholds=[rule])
    assert json.loads(found["data"])["path"] == "other.csv"
    assert json.loads(found["evaluate"])["thresholds"] == [rule]
    assert json.loads(found["spec"])["evaluate"]["thresholds"] == [rule]


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"thresholds": [{"output": "fair", "metric": "mae", "at_most": 3}]}, SpecError, "did you mean 'fare'"),
        ({"thresholds": [{"output": "fare", "metric": "auc", "at_most": 3}]}, SpecError, "'auc' is no metric of output 'fare'"),
        ({"thresholds": [{"output": "fare", "metric": "mae", "at_mots": 3}]}, SpecError, "at_mots"),
        ({"span": "2026-11-24"}, DataError, "the newest span there is 2026-11-23"),
        ({"source": "none.csv"}, DataError, "no file matches"),
        ({"source": "{date}.csv"}, SpecError, "is no placeholder"),
    ],
)  # fmt: skip
def test_mistakes_of_a_run_are_found_before_any_work(folder, given, error, words):
    with pytest.raises(error, match=words):
        run(folder, **given)
    assert not (folder / "resolved").exists()


def test_each_trial_of_a_search_gets_its_own_model_section(folder):
    found = run(folder, trials=[{"model.outputs.fare.loss_weight": 2}, {"model.outputs.fare.loss_weight": 3}])
    sections = [json.loads(section) for section in found["models"]]
    assert [section["outputs"]["fare"]["loss_weight"] for section in sections] == [2, 3]
    assert json.loads(found["model"]) == SPEC["model"]
    assert found["origin"] != run(folder)["origin"]
