"""What only Keras can find wrong with a graph, found before any data is read."""

from __future__ import annotations

import shutil

import pytest

from pipeline.graph_check import check_graph
from schemas.errors import SpecError, UserError
from schemas.spec import load_spec
from tests.conftest import RIDES, TAXI

BUILDER = """
import keras

def build_model(inputs, features):
    joined = keras.layers.Concatenate()([inputs["km_scaled"], inputs["km_log"]])
    return {"fare": keras.layers.Dense(1)(joined)}
"""


def edited(folder, *edits):
    text = (RIDES).read_text(encoding="utf-8")
    for before, after in edits:
        assert before in text
        text = text.replace(before, after, 1)
    (folder / "spec.yaml").write_text(text, encoding="utf-8")
    shutil.copy(TAXI / "schema.pbtxt", folder)
    return load_spec(folder / "spec.yaml")


def test_all_that_keras_refuses_is_named_with_line_and_shapes(tmp_path):
    loaded = edited(
        tmp_path,
        ("name: deep_1_drop, layer: Dropout, rate: 0.05", "name: deep_1_drop, layer: Dropout, rate: 5"),
        ("inputs: [km_scaled, km_log, year_scaled]}", "inputs: [km_scaled, km_log, year_scaled]}\n    - {name: two, layer: Dense, units: 2, inputs: linear}\n    - {name: three, layer: Dense, units: 3, inputs: linear}"),
        ("inputs: [wide, deep_3, linear]", "inputs: [wide, two, three]"),
        ("name: dollars, layer: Rescaling, scale: 10, offset: 8, inputs: sum", "name: dollars, layer: Add, inputs: [sum, deep_3]"),
    )  # fmt: skip
    with pytest.raises(SpecError) as caught:
        check_graph(loaded)
    found = {mistake.key: mistake for mistake in caught.value.mistakes}
    assert "rate" in found["model.layers[5]"].message
    lines = (tmp_path / "spec.yaml").read_text(encoding="utf-8").splitlines()
    merged = next(m for m in caught.value.mistakes if "'sum' (Add)" in m.message)
    assert "two (None, 2)" in merged.message
    assert "name: sum" in lines[merged.line - 1]
    assert not any("dollars" in m.message for m in caught.value.mistakes)


def test_an_output_of_several_values_is_refused(tmp_path):
    loaded = edited(
        tmp_path,
        ("name: dollars, layer: Rescaling, scale: 10, offset: 8,", "name: dollars, layer: Dense, units: 2,"),
    )
    with pytest.raises(SpecError, match=r"'dollars' has shape \(None, 2\); expected \(None, 1\)"):
        check_graph(loaded)


def test_optimizer_and_losses_are_tried_too(tmp_path):
    loaded = edited(
        tmp_path,
        ("learning_rate: 0.001", "learning_rate: {CosineDecay: {alpha: 0.1}}"),
        ("loss_arguments: {delta: 4.0}", "loss_arguments: {dleta: 4.0}"),
    )
    with pytest.raises(SpecError) as caught:
        check_graph(loaded)
    found = {mistake.key: mistake.message for mistake in caught.value.mistakes}
    assert "initial_learning_rate" in found["model.training.optimizer"]
    assert "dleta" in found["model.outputs.fare.loss"]


def test_a_graph_that_held_is_remembered(tmp_path):
    loaded = edited(tmp_path)
    check_graph(loaded, tmp_path / "graphs")
    (held,) = (tmp_path / "graphs").iterdir()
    first = held.stat().st_mtime_ns
    check_graph(loaded, tmp_path / "graphs")
    assert [p.stat().st_mtime_ns for p in (tmp_path / "graphs").iterdir()] == [first]


def with_builder(folder, module):
    text = (RIDES).read_text(encoding="utf-8")
    start, end = text.index("  layers:"), text.index("  outputs:")
    text = text[:start] + "  builder: {module: own.py}\n" + text[end:]
    (folder / "spec.yaml").write_text(text, encoding="utf-8")
    (folder / "own.py").write_text(module, encoding="utf-8")
    shutil.copy(TAXI / "schema.pbtxt", folder)
    return load_spec(folder / "spec.yaml")


def test_a_builder_is_tried_too(tmp_path):
    check_graph(with_builder(tmp_path, BUILDER))
    with pytest.raises(UserError, match=r"own.py: build_model returned \['fair'\]; expected .*\['fare'\]"):
        check_graph(with_builder(tmp_path, BUILDER.replace('"fare"', '"fair"')))
    with pytest.raises(UserError, match=r"own\.py: build_model failed: KeyError: 'miles'"):
        check_graph(with_builder(tmp_path, BUILDER.replace("km_log", "miles")))
