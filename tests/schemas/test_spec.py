from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from schemas.errors import DataError, SpecError
from schemas.spec import json_schema, load_spec
from tests.conftest import FLIGHTS, RIDES, TAXI


@pytest.mark.parametrize("example", [FLIGHTS, TAXI])
def test_examples_hold(example: Path) -> None:
    assert load_spec(example / "spec.yaml").spec.name == example.name


@pytest.mark.parametrize("example", [FLIGHTS, TAXI])
def test_json_schema_accepts_the_examples(example: Path) -> None:
    jsonschema.Draft202012Validator(json_schema()).validate(yaml.safe_load((example / "spec.yaml").read_text()))


def test_json_schema_refuses_an_unknown_option_of_an_op() -> None:
    spec = yaml.safe_load((RIDES).read_text())
    spec["transform"]["features"]["km_clipped"]["hihg"] = 3
    assert list(jsonschema.Draft202012Validator(json_schema()).iter_errors(spec))


def edited(folder: Path, *edits: tuple[str, str]) -> Path:
    text = (RIDES).read_text()
    for before, after in edits:
        assert before in text
        text = text.replace(before, after, 1)
    path = folder / "spec.yaml"
    path.write_text(text)
    (folder / "schema.pbtxt").write_bytes((TAXI / "schema.pbtxt").read_bytes())
    return path


def mistakes(path: Path) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    return {m.key: m.message for m in caught.value.mistakes}


CASES = {
    "unknown key": (("epochs: 60", "epoch: 60"), "model.training.epoch", "did you mean 'epochs'?"),
    "wrong type": (("epochs: 60", "epochs: many"), "model.training.epochs", "found 'many'"),
    "unknown op": (("op: difference", "op: diference"), "transform.features.east.op", "did you mean 'difference'?"),
    "op option": (("high: 40}", "hgih: 40}"), "transform.features.km_clipped.hgih", "did you mean 'high'?"),
    "op input": (("input: km, low", "input: kn, low"), "transform.features.km_clipped", "'kn' is neither a column"),
    "leak": (("input: passenger_count", "input: fare_amount"), "transform.features.passengers", "a label is made of"),
    "layer input": (("inputs: deep_2}", "inputs: deep_22}"), "model.layers[7].inputs", "neither a feature nor a layer"),
    "layer class": (("layer: Rescaling", "layer: Rescalling"), "model.layers[10].layer", "did you mean 'Rescaling'?"),
    "layer argument": (("units: 48", "unit: 48"), "model.layers[6].unit", "did you mean 'units'?"),
    "regularizer": (("kernel_regularizer: {L2:", "kernel_regularizer: {L3:"), "model.layers[4].kernel_regularizer.L3", "L2"),
    "id without embedding": (("km_log, year_scaled]", "km_log, hour]"), "model.layers[8].inputs[2]", "through an Embedding"),
    "numeric embedding": (("[trip, from_cell,", "[km, from_cell,"), "model.layers[0].each[0]", "is numeric"),
    "cycle": (("inputs: deep_1}", "inputs: deep_2}"), "model.layers[5]", "deep_1_drop → deep_2 → deep_1_drop"),
    "loss": (("loss: huber,", "loss: hubber,"), "model.outputs.fare.loss", "did you mean 'huber'?"),
    "output": (("fare: {layer: dollars", "far: {layer: dollars"), "model.outputs.far", "did you mean 'fare'?"),
    "metric": (("metric: mae", "metric: auc"), "evaluate.thresholds[0].metric", "no metric of output"),
    "optimizer": (("name: Adam", "name: Adm"), "model.training.optimizer.name", "did you mean 'Adam'?"),
    "schedule": (("learning_rate: 0.001", "learning_rate: {CosineDecay: {decay_steps: {epoch: 1}}}"), "model.training.optimizer.learning_rate.CosineDecay.decay_steps", "expected a number, or {epochs: 1.5}"),
    "slice": (("[[passenger_count]]", "[[passengers]]"), "evaluate.slices[0][0]", "no column of the schema"),
    "format": (("format: csv", "format: cvs"), "data.format", "'csv'"),
    "monitor": (("monitor: val_loss", "monitor: val_auc"), "model.training.early_stopping.monitor", "is not logged"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_named(case: str, tmp_path: Path) -> None:
    edit, key, message = CASES[case]
    found = mistakes(edited(tmp_path, edit))
    assert key in found, found
    assert message in found[key]


def test_all_mistakes_at_once_each_with_its_line(tmp_path: Path) -> None:
    path = edited(
        tmp_path, ("epochs: 60", "epoch: 60"), ("op: difference", "op: diference"), ("metric: mae", "metric: mea"),
        ("inputs: deep_2}", "inputs: deep_22}"), ("high: 40}", "high: far}"),
    )  # fmt: skip
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    lines = path.read_text().splitlines()
    found = {m.key: lines[m.line - 1] for m in caught.value.mistakes}
    for key, text in {
        "model.training.epoch": "epoch: 60",
        "transform.features.east.op": "diference",
        "transform.features.km_clipped.high": "high: far",
        "evaluate.thresholds[0].metric": "mea",
        "model.layers[7].inputs": "deep_22",
    }.items():
        assert text in found[key]
    assert set(found) == {
        "model.training.epoch", "transform.features.east.op", "transform.features.km_clipped.high",
        "evaluate.thresholds[0].metric", "model.layers[7].inputs", "model.layers[6]",
    }  # fmt: skip
    assert str(caught.value).startswith(f"{path}:")


def test_one_mistake_does_not_hide_those_of_other_sections(tmp_path: Path) -> None:
    path = edited(tmp_path, ("require: [fare_amount]", "require: 3"), ("[[passenger_count]]", "[[passengers]]"))
    assert set(mistakes(path)) >= {"data.require", "evaluate.slices[0][0]"}


def test_a_layer_that_leads_nowhere(tmp_path: Path) -> None:
    edit = ("inputs: [wide, deep_3, linear]", "inputs: [wide, deep_3]")
    assert "leads nowhere" in mistakes(edited(tmp_path, edit))["model.layers[8]"]


@pytest.mark.parametrize("text", ["", "a: [", "a: 1\na: 2", "- 1", "a: !!python/object:os.system {}", "a: &x [*x]"])
def test_not_a_spec(text: str, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(text)
    with pytest.raises(SpecError):
        load_spec(tmp_path / "spec.yaml")


def test_missing_files_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        load_spec(tmp_path / "spec.yaml")
    (tmp_path / "spec.yaml").write_bytes((RIDES).read_bytes())
    with pytest.raises(SpecError, match="infer-schema"):
        load_spec(tmp_path / "spec.yaml")


def test_overrides_replace_values() -> None:
    loaded = load_spec(TAXI / "spec.yaml", {"model.training.epochs": "3", "push.directory": "/models"})
    assert (loaded.spec.model.training.epochs, loaded.spec.push.directory) == (3, "/models")


def test_a_spec_survives_json() -> None:
    model = load_spec(TAXI / "spec.yaml").spec.model
    assert type(model).model_validate_json(model.model_dump_json(exclude_none=True)) == model
    assert json.loads(model.model_dump_json())["layers"][0]["output_dim"] == 1


def test_a_list_of_values_can_stand_in_a_file(tmp_path: Path) -> None:
    lookup = ("{op: vocabulary, input: year}", "{op: lookup, input: year, file: years.txt}")
    path = edited(tmp_path, lookup)
    assert "years.txt: cannot be read" in mistakes(path)["transform.features.year_id.file"]
    (tmp_path / "years.txt").write_text("2012\n2013\n")
    assert load_spec(path).spec.transform.features["year_id"].values == ["2012", "2013"]
    (tmp_path / "years.txt").write_text("2012\n2012\n")
    assert "stands in the list twice" in mistakes(path)["transform.features.year_id"]
