from __future__ import annotations

import csv

import keras
import numpy as np
import pyarrow.parquet as pq
import pytest

from components.train.batches import Rows
from components.train.compiling import compile_model
from components.train.graph import build_model
from components.train.plot import plot_svg
from components.train.worker import train
from schemas.artifacts import Feature, read_features, read_manifest, split_parts
from schemas.errors import DataError
from schemas.spec import Model

FEATURES = {"a": Feature("a", "numeric"), "b": Feature("b", "numeric"), "c": Feature("c", "id", 7)}


def section(layers, **training):
    return Model.model_validate({
        "layers": layers,
        "outputs": {"y": {"layer": layers[-1]["name"], "loss": "mean_squared_error"}},
        "training": training,
    })  # fmt: skip


def test_the_graph_is_the_one_written_by_hand():
    layers = [
        {"name": "out", "layer": "Dense", "units": 1, "inputs": ["hidden", "embedded"]},
        {"name": "embedded", "layer": "Embedding", "output_dim": 3, "inputs": "c"},
        {"name": "hidden", "layer": "Dense", "units": 4, "activation": "relu", "inputs": ["a", "b"], "kernel_regularizer": {"L2": 0.1}},
        {"name": "top", "layer": "Rescaling", "scale": 2.0, "inputs": "out"},
    ]  # fmt: skip
    built = build_model(section(layers), FEATURES, "m")
    a, b = keras.Input((1,), name="a"), keras.Input((1,), name="b")
    c = keras.Input((), name="c", dtype="int32")
    hidden = keras.layers.Dense(4, activation="relu")(keras.layers.Concatenate()([a, b]))
    out = keras.layers.Dense(1)(keras.layers.Concatenate()([hidden, keras.layers.Embedding(7, 3)(c)]))
    written = keras.Model({"a": a, "b": b, "c": c}, {"y": keras.layers.Rescaling(2.0)(out)})
    shapes = {"embedded/embeddings": (7, 3), "hidden/kernel": (2, 4)}
    found = {w.path: w for w in built.weights}
    assert {path: tuple(found[path].shape) for path in shapes} == shapes
    by_shape = {tuple(w.shape): w for w in built.weights}
    for weight in written.weights:
        weight.assign(by_shape[tuple(weight.shape)])
    rows = {"a": np.random.rand(9, 1), "b": np.random.rand(9, 1), "c": np.arange(9) % 7}
    np.testing.assert_allclose(built(rows)["y"], written(rows)["y"], rtol=1e-6)
    assert float(built.losses[0]) == pytest.approx(
        0.1 * float(np.sum(np.square(found["hidden/kernel"].numpy()))), rel=1e-5
    )


def test_keras_refusal_names_the_layer():
    layers = [{"name": "bad", "layer": "Dense", "units": -1, "inputs": "a"}]
    with pytest.raises(DataError, match=r"model\.layers\[0\]: 'bad' \(Dense\) of a \(None, 1\): .*units"):
        build_model(section(layers), FEATURES, "m")


def test_loss_arguments_and_schedules_reach_keras():
    model = Model.model_validate({
        "layers": [{"name": "o", "layer": "Dense", "units": 1, "inputs": "a"}],
        "outputs": {"y": {"layer": "o", "loss": "huber", "loss_arguments": {"delta": 3.0}}},
        "training": {"optimizer": {"name": "SGD", "learning_rate": {"ExponentialDecay": {"initial_learning_rate": 0.5, "decay_steps": 10, "decay_rate": 0.9}}}},
    })  # fmt: skip
    built = build_model(model, FEATURES, "m")
    compile_model(built, model, steps_per_epoch=1)
    # Huber beyond delta is delta × (|error| - delta / 2).
    assert float(built.loss["y"]([[0.0]], [[10.0]])) == pytest.approx(3.0 * (10 - 1.5))
    assert float(built.optimizer.learning_rate) == pytest.approx(0.5)


def test_a_schedule_is_told_in_epochs():
    schedule = {"CosineDecay": {"initial_learning_rate": 1.0, "decay_steps": {"epochs": 1.5}, "alpha": 0.5}}
    model = section(
        [{"name": "o", "layer": "Dense", "units": 1, "inputs": "a"}],
        optimizer={"name": "SGD", "learning_rate": schedule},
    )
    built = build_model(model, FEATURES, "m")
    compile_model(built, model, steps_per_epoch=10)
    rate = built.optimizer._learning_rate
    assert float(rate(0)) == pytest.approx(1.0)
    assert float(rate(7.5)) == pytest.approx(0.75)
    assert float(rate(15)) == float(rate(99)) == pytest.approx(0.5)


def batches(artifacts, **more):
    ready = read_features(artifacts["transformed"])
    parts = split_parts(artifacts["transformed"], "train")
    options = {"batch_size": 500, "memory_rows": 1_000_000, "shuffle": True, "seed": 3, **more}
    return Rows(parts, {"km": ready.features["km"]}, ["fare"], {}, **options)


def fares(dataset):
    return np.concatenate([labels["fare"].numpy() for _, labels in dataset])


@pytest.mark.parametrize("memory_rows", [1_000_000, 1_100, 2_000])
def test_an_epoch_is_every_row_once(artifacts, memory_rows):
    rows = batches(artifacts, memory_rows=memory_rows)
    expected = np.sort(np.concatenate([pq.read_table(p, partitioning=None)["fare"].to_numpy() for p in rows.parts]))
    dataset = rows.dataset()
    first, second = fares(dataset), fares(dataset)
    np.testing.assert_array_equal(np.sort(first), expected)
    np.testing.assert_array_equal(np.sort(second), expected)
    assert (first != second).any()
    assert len(list(dataset)) == rows.steps == dataset.cardinality()
    np.testing.assert_array_equal(first, fares(batches(artifacts, memory_rows=memory_rows).dataset()))


def test_what_is_alike_is_one_box_of_the_plot():
    layers = [
        {"name": "e", "layer": "Embedding", "output_dim": 2, "each": ["c", "d", "f"]},
        {"name": "y", "layer": "Dense", "units": 1, "inputs": ["a", "b", "e"]},
    ]
    features = {**FEATURES, "d": Feature("d", "id", 7), "f": Feature("f", "id", 9)}
    drawn = plot_svg(build_model(section(layers), features, "m"))
    assert "e × 3" in drawn
    assert "<title>e_c, e_d, e_f</title>" in drawn
    assert "<title>c, d, f</title>" in drawn
    assert ">a</text>" in drawn


def test_what_train_writes(artifacts):
    model = artifacts["model"]
    with (model / "history.csv").open() as stream:
        history = list(csv.DictReader(stream))
    assert len(history) == 2
    assert float(history[1]["loss"]) < float(history[0]["loss"])
    assert (model / "model.svg").read_text().startswith("<svg")
    assert list((model / "tensorboard").rglob("events.*"))
    assert read_manifest(model, "train")["tasks"] == {"fare": "regression"}


def test_a_model_of_ones_own_module(artifacts, taxi_schema, tmp_path):
    module = (
        "import keras\n"
        "def build_model(inputs, features):\n"
        "    place = keras.layers.Embedding(features['from_cell'].size, 2)(inputs['from_cell'])\n"
        "    joined = keras.layers.Concatenate()([inputs['km_scaled'], place])\n"
        "    return {'fare': keras.layers.Dense(1)(joined)}\n"
    )
    section = Model.model_validate({
        "builder": {"module": "own.py"},
        "outputs": {"fare": {"layer": "", "loss": "mean_squared_error"}},
        "training": {"epochs": 1},
    })  # fmt: skip
    manifest = train(section, taxi_schema, artifacts["transformed"], tmp_path / "m", name="own", module=module)
    assert manifest["parameters"] == 256 * 2 + 3 + 1
