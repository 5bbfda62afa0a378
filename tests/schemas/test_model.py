"""Mistakes in the graph language, each with its place, and presets written out."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from schemas.errors import SpecError
from schemas.spec import load_spec
from schemas.spec.expand import expanded
from schemas.spec.preset import Preset
from schemas.spec.transform import planned
from tests.conftest import RIDES, TAXI

BLOCK = {"inputs": ["x"], "layers": [{"name": "in_it", "layer": "Dense", "units": 4, "inputs": "x"}], "output": "in_it"}
HEAD = {"name": "y", "layer": "Dense", "units": 1, "inputs": "deep"}
DEEP = {"name": "deep", "layer": "Dense", "units": 8, "inputs": ["km_scaled", "passengers"]}
OUTPUTS = {"fare": {"layer": "y", "loss": "huber"}}


def written(folder: Path, model: dict, labels: dict | None = None) -> Path:
    spec = yaml.safe_load(RIDES.read_text())
    spec["model"] = {"outputs": OUTPUTS, **model}
    spec["evaluate"] = {}
    if labels is not None:
        spec["transform"]["labels"] = labels
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    (folder / "schema.pbtxt").write_bytes((TAXI / "schema.pbtxt").read_bytes())
    return folder / "spec.yaml"


def mistakes(path: Path) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert all(mistake.line > 0 for mistake in caught.value.mistakes)
    return {m.key: m.message for m in caught.value.mistakes}


def layers(*more: dict, **deep: object) -> list[dict]:
    return [{**DEEP, **deep}, HEAD, *more]


CASES = {
    "layer and share": ({"layers": layers({"name": "z", "layer": "Dense", "share": "deep", "inputs": "deep"})}, "model.layers[2]", "either `layer`"),
    "share of none": ({"layers": [*layers(inputs="z"), {"name": "z", "share": "depp", "inputs": "km_scaled"}]}, "model.layers[2].share", "did you mean 'deep'?"),
    "share with arguments": ({"layers": layers({"name": "z", "share": "deep", "units": 3, "inputs": "deep"})}, "model.layers[2]", "no arguments of its own"),
    "share of several": ({"layers": [DEEP, {**HEAD, "inputs": ["z", "deep"]}, {"name": "e", "layer": "Embedding", "output_dim": 2, "each": ["hour", "weekday"]}, {"name": "z", "share": "e", "inputs": "hour"}]}, "model.layers[3].share", "make it `one: true`"),
    "share of itself": ({"layers": [DEEP, {**HEAD, "inputs": "z"}, {"name": "z", "share": "z", "inputs": "deep"}]}, "model.layers[2]", "z → z"),
    "cycle through a group": ({"layers": layers(inputs="all"), "groups": {"all": ["km_scaled", "y"]}}, "model.layers[0]", "deep → y → deep"),
    "group of what": ({"layers": layers(inputs="all"), "groups": {"all": ["km_scaled", "pasengers"]}}, "model.groups.all[1]", "did you mean 'passengers'?"),
    "group and feature": ({"layers": layers(inputs="km_log"), "groups": {"km_log": ["km_scaled"]}}, "model.groups.km_log", "rename the group"),
    "unknown block": ({"layers": [DEEP, {"name": "z", "layer": "towr", "inputs": "deep"}, {**HEAD, "inputs": "z"}], "blocks": {"tower": BLOCK}}, "model.layers[1].layer", "did you mean 'tower'?"),
    "block not used": ({"layers": layers(), "blocks": {"tower": BLOCK}}, "model.blocks.tower", "no node has `layer: tower`"),
    "block of itself": ({"layers": [*layers(inputs="z"), {"name": "z", "layer": "tower", "inputs": "km_scaled"}], "blocks": {"tower": {**BLOCK, "layers": [{"name": "in_it", "layer": "tower", "inputs": "x"}]}}}, "model.blocks.tower", "made of each other"),
    "block input": ({"layers": [*layers(inputs="z"), {"name": "z", "layer": "tower", "inputs": {"q": "km_scaled"}}], "blocks": {"tower": BLOCK}}, "model.layers[2].inputs", "block 'tower' reads x"),
    "inside a block": ({"layers": [*layers(inputs="z"), {"name": "z", "layer": "tower", "inputs": "km_scaled"}], "blocks": {"tower": {**BLOCK, "output": "inn_it"}}}, "model.blocks.tower.output", "did you mean 'in_it'?"),
    "block argument": ({"layers": [*layers(inputs="z"), {"name": "z", "layer": "tower", "units": 3, "inputs": "km_scaled"}], "blocks": {"tower": BLOCK}}, "model.layers[2]", "takes no arguments"),
    "nested list": ({"layers": layers(inputs=[["km_scaled", "pasengers"], "km_log"])}, "model.layers[0].inputs[0][1]", "did you mean 'passengers'?"),
    "named input": ({"layers": [*layers(inputs="z"), {"name": "z", "layer": "MultiHeadAttention", "num_heads": 1, "key_dim": 2, "inputs": {"query": "km_scaled", "value": "kmscaled"}}]}, "model.layers[2].inputs.value", "did you mean 'km_scaled'?"),
    "sequential": ({"layers": [{"name": "y", "layer": "Sequential", "layers": [{"layer": "Dense", "unit": 1}], "inputs": "km_scaled"}]}, "model.layers[0].layers[0].unit", "did you mean 'units'?"),
    "sequential without layers": ({"layers": [{"name": "y", "layer": "Sequential", "inputs": "km_scaled"}]}, "model.layers[0]", "`layers` belongs to"),
    "wrapped layer": ({"layers": [{**HEAD, "inputs": "z"}, {"name": "z", "layer": "TimeDistributed", "of": {"Dense": {"unit": 3}}, "inputs": "km_scaled"}]}, "model.layers[1].of.Dense.unit", "did you mean 'units'?"),
    "default of what": ({"layers": layers(), "defaults": {"deeep_*": {"units": 3}}}, "model.defaults.deeep_*", "matches no node"),
    "default argument": ({"layers": layers(), "defaults": {"Dense": {"kernel_regulariser": 3}}}, "model.defaults.Dense.kernel_regulariser", "did you mean 'kernel_regularizer'?"),
    "part of what": ({"layers": layers(), "training": {"optimizers": [{"layers": ["wide"], "name": "Ftrl"}]}}, "model.training.optimizers[0].layers[0]", "matches no node"),
    "part's optimizer": ({"layers": layers(), "training": {"optimizers": [{"layers": ["deep"], "name": "Ftrl", "l1": 3}]}}, "model.training.optimizers[0].l1", "Ftrl has no argument 'l1'"),
    "float16 by parts": ({"layers": layers(), "training": {"precision": "mixed_float16", "optimizers": [{"layers": ["deep"], "name": "SGD"}]}}, "model.training.precision", "mixed_bfloat16"),
    "average by parts": ({"layers": layers(), "training": {"optimizers": [{"layers": ["deep"], "name": "SGD", "use_ema": True}]}}, "model.training.optimizers[0]", "use_ema"),
    "sample weight": ({"layers": layers(), "outputs": {"fare": {**OUTPUTS["fare"], "sample_weight": "hour"}}}, "model.outputs.fare.sample_weight", "no numeric feature"),
    "class weights of a number": ({"layers": layers(), "outputs": {"fare": {**OUTPUTS["fare"], "class_weights": {1: 2}}}}, "model.outputs.fare.class_weights", "has no classes"),
    "output of nothing": ({"layers": layers(), "outputs": {"fare": {"layer": "yy", "loss": "huber"}}}, "model.outputs.fare.layer", "did you mean 'y'?"),
    "output without layer": ({"layers": layers(), "outputs": {"fare": {"loss": "huber"}}}, "model.outputs.fare", "names no layer"),
    "unsafe layer": ({"layers": layers(layer="Lambda")}, "model.layers[0].layer", "write a layer of your own"),
    "unknown preset": ({"preset": {"name": "wide_and_deep"}, "outputs": {"fare": {"loss": "huber"}}}, "model.preset.name", "did you mean 'wide_deep'?"),
    "preset option": ({"preset": {"name": "wide_deep", "unit": [3]}, "outputs": {"fare": {"loss": "huber"}}}, "model.preset.unit", "did you mean 'units'?"),
    "preset value": ({"preset": {"name": "dnn", "dropout": 2}, "outputs": {"fare": {"loss": "huber"}}}, "model.preset.dropout", "less than 1"),
    "preset without features": ({"preset": {"name": "wide_deep", "features": ["km_scaled"]}, "outputs": {"fare": {"loss": "huber"}}}, "model.preset", "ids for the wide part"),
    "no graph": ({}, "model", "give `layers`, a `preset` or a `builder`"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_named(case: str, tmp_path: Path) -> None:
    model, key, message = CASES[case]
    found = mistakes(written(tmp_path, model))
    assert key in found, found
    assert message in found[key]


FITS = {
    "a number as a probability": ({"op": "z_score", "input": "fare_amount"}, "binary_crossentropy", "'binary_crossentropy' learns 0 or 1"),
    "an id as a number": ({"op": "quantile_buckets", "input": "fare_amount", "buckets": 3}, "huber", "'huber' learns a number"),
    "a number as a class": ({"op": "cast", "input": "fare_amount"}, "sparse_categorical_crossentropy", "learns an id"),
}  # fmt: skip


@pytest.mark.parametrize("case", FITS)
def test_a_loss_fits_its_label(case: str, tmp_path: Path) -> None:
    op, loss, message = FITS[case]
    path = written(tmp_path, {"layers": layers(), "outputs": {"fare": {"layer": "y", "loss": loss}}}, {"fare": op})
    assert message in mistakes(path)["model.outputs.fare.loss"]


@pytest.mark.parametrize("name", sorted(Preset.known))
def test_a_preset_written_out_is_a_spec(name: str, tmp_path: Path) -> None:
    more = {
        "left": ["from_cell", "from_x_scaled"],
        "right": ["to_cell", "to_x_scaled"],
        "shared": [["from_cell", "to_cell"]],
    }
    preset = {"name": name, **(more if name == "two_tower" else {})}
    loaded = load_spec(written(tmp_path, {"preset": preset, "outputs": {"fare": {"loss": "huber"}}})).spec
    features, labels = planned(loaded.transform.features), planned(loaded.transform.labels)
    section = expanded(loaded.model, features, labels)
    plain = section.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude_none=True)
    again = load_spec(written(tmp_path, plain)).spec.model
    assert again == section
    assert Preset.known[name].paper


def test_a_preset_leaves_numbers_alone_that_others_are_made_of(tmp_path: Path) -> None:
    path = written(tmp_path, {"preset": {"name": "dnn"}, "outputs": {"fare": {"loss": "huber"}}})
    spec = load_spec(path).spec
    section = expanded(spec.model, planned(spec.transform.features), planned(spec.transform.labels))
    read = {name for layer in section.layers for name in layer.reads()}
    assert {"km_scaled", "km_log", "hour"} <= read
    assert not {"km", "km_clipped", "east"} & read
