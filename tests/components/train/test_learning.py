"""Every preset and every means of training learns from real taxi rides: it beats the best constant by a margin."""

from __future__ import annotations

import keras
import numpy as np
import pyarrow.parquet as pq
import pytest

from components.train.worker import train
from components.transform.worker import transform
from schemas.artifacts import read_manifest, split_parts
from schemas.errors import DataError
from schemas.spec import Model, Transform
from schemas.spec.preset import Preset

# The error that is left of the best constant's. A ride's length alone leaves a third of it.
MARGIN = 0.7
PLACE = """
import tensorflow as tf

def preprocessing_fn(inputs):
    text = [tf.strings.as_string(inputs[c] - o) for c, o in (("dropoff_longitude", -73.98), ("dropoff_latitude", 40.75))]
    return {"place": tf.strings.join(text, separator=" ")}
"""
FEATURES = {
    "km": {"op": "great_circle_distance", "from_x": "pickup_longitude", "from_y": "pickup_latitude",
           "to_x": "dropoff_longitude", "to_y": "dropoff_latitude"},
    "clipped": {"op": "clip", "input": "km", "low": 0, "high": 30},
    "far": {"op": "z_score", "input": "clipped"},
    "hour": {"op": "datetime_part", "input": "pickup_datetime", "part": "hour"},
    "weekday": {"op": "datetime_part", "input": "pickup_datetime", "part": "weekday"},
    "step": {"op": "quantile_buckets", "input": "km", "buckets": 12},
    "row": {"op": "quantile_buckets", "input": "pickup_latitude", "buckets": 8},
    "to_row": {"op": "quantile_buckets", "input": "dropoff_latitude", "buckets": 8},
    "rows": {"op": "cross", "inputs": ["row", "to_row"], "buckets": 100},
    "words": {"op": "tokens", "input": "pickup_datetime", "delimiter": "-", "length": 4},
    "place": {"op": "vector", "input": "place", "length": 2},
    "weight": {"op": "cast", "input": "passenger_count"},
}  # fmt: skip
LABELS = {
    "fare": {"op": "cast", "input": "fare_amount"},
    "dear": {"op": "above", "input": "fare_amount", "threshold": 8.5},
    "band": {"op": "quantile_buckets", "input": "fare_amount", "buckets": 3},
}


@pytest.fixture(scope="module")
def ready(artifacts, taxi_schema, tmp_path_factory):
    place = tmp_path_factory.mktemp("learning") / "transformed"
    section = Transform.model_validate({
        "features": FEATURES, "labels": LABELS, "preprocessing": {"module": "place.py", "outputs": ["place"]},
    })  # fmt: skip
    transform(section, taxi_schema, artifacts["examples"], place, module=PLACE)
    return place


@pytest.fixture(autouse=True)
def _full_precision():
    yield
    keras.config.set_dtype_policy("float32")


def label(ready, name):
    parts = split_parts(ready, "eval")
    return np.concatenate([pq.read_table(part, partitioning=None, columns=[name])[name].to_numpy() for part in parts])


def learned(ready, schema, folder, section, **training):
    """The manifest of a short training."""
    given = {"epochs": 4, "batch_size": 128, "optimizer": {"name": "Adam", "learning_rate": 0.003}, **training}
    model = Model.model_validate({**section, "training": {**given, **section.get("training", {})}})
    return train(model, schema, ready, folder / "model", name="learning", seed=3)


def share_left(ready, manifest):
    """The part of the best constant's error that is left, for a model of the fare: root mean squared errors."""
    history = manifest["history"]
    best = min(history["val_root_mean_squared_error"])
    return best / label(ready, "fare").std()


FARE = {
    "fare": {
        "loss": "huber",
        "loss_arguments": {"delta": 5.0},
        "scale": 8.0,
        "offset": 11.0,
        "metrics": ["RootMeanSquaredError"],
    }
}
MORE = {
    "two_tower": {"left": ["row", "far", "hour"], "right": ["to_row", "place"], "shared": [["row", "to_row"]]},
    "linear": {"features": ["far", "step", "hour", "rows"], "learning_rate": 0.5},
    "ft_transformer": {"blocks": 1},
}


@pytest.mark.parametrize("name", sorted(Preset.known))
def test_a_preset_learns(name, ready, taxi_schema, tmp_path):
    section = {"preset": {"name": name, **MORE.get(name, {})}, "outputs": FARE}
    assert share_left(ready, learned(ready, taxi_schema, tmp_path, section)) < MARGIN


def dense(*between, **last):
    """A small graph of two numbers and a step, some nodes between its two dense layers."""
    layers = [
        {"name": "stepped", "layer": "Embedding", "output_dim": 4, "inputs": "step"},
        {"name": "deep", "layer": "Dense", "units": 32, "activation": "relu", "inputs": ["far", "place", "stepped"]},
        *between,
    ]
    top = between[-1]["name"] if between else "deep"
    return {"layers": [*layers, {"name": "out", "layer": "Dense", "units": 1, **last, "inputs": top}],
            "outputs": {"fare": {**FARE["fare"], "layer": "out"}}}  # fmt: skip


def between(layer, **arguments):
    return {"name": "between", "layer": layer, "inputs": "deep", **arguments}


WAYS = {
    "L1": dense(between("Dense", units=16, kernel_regularizer={"L1": 1e-4})),
    "L1L2": dense(between("Dense", units=16, kernel_regularizer={"L1L2": {"l1": 1e-5, "l2": 1e-4}})),
    "orthogonal": dense(between("Dense", units=16, kernel_regularizer={"OrthogonalRegularizer": {"factor": 0.01}})),
    "bias and activity": dense(between("Dense", units=16, bias_regularizer={"L2": 1e-4}, activity_regularizer={"L2": 1e-5})),
    "constraint": dense(between("Dense", units=16, kernel_constraint={"MaxNorm": 3})),
    "dropout": dense(between("Dropout", rate=0.2)),
    "gaussian dropout": dense(between("GaussianDropout", rate=0.1)),
    "gaussian noise": dense(between("GaussianNoise", stddev=0.1)),
    "alpha dropout": dense(between("AlphaDropout", rate=0.05)),
    "batch normalization": dense(between("BatchNormalization", momentum=0.9)),
    "layer normalization": dense(between("LayerNormalization")),
    "residual": dense(between("Dense", units=32, activation="relu"), {"name": "sum", "layer": "Add", "inputs": ["between", "deep"]}),
    "embeddings": {**dense(), "defaults": {"Embedding": {"embeddings_regularizer": {"L2": 1e-4}, "embeddings_constraint": {"UnitNorm": None}}}},
    "spatial dropout": {
        "layers": [
            {"name": "w", "layer": "Embedding", "output_dim": 4, "inputs": "words"},
            {"name": "dropped", "layer": "SpatialDropout1D", "rate": 0.1, "inputs": "w"},
            {"name": "read", "layer": "GlobalAveragePooling1D", "inputs": "dropped"},
            {"name": "out", "layer": "Dense", "units": 1, "inputs": ["read", "far"]},
        ],
        "outputs": {"fare": {**FARE["fare"], "layer": "out"}},
    },
    "shared": {
        "layers": [
            {"name": "e", "layer": "Embedding", "output_dim": 4, "each": ["row", "to_row"], "one": True},
            {"name": "near", "layer": "Dense", "units": 8, "activation": "relu", "inputs": "place"},
            {"name": "both", "layer": "Dense", "units": 8, "activation": "relu", "inputs": ["near", "e", "far"]},
            {"name": "more", "layer": "Dense", "units": 8, "activation": "relu", "inputs": "both"},
            {"name": "again", "share": "more", "inputs": "more"},
            {"name": "out", "layer": "Dense", "units": 1, "inputs": "again"},
        ],
        "outputs": {"fare": {**FARE["fare"], "layer": "out"}},
    },
    "words": {
        "layers": [
            {"name": "w", "layer": "Embedding", "output_dim": 4, "inputs": "words"},
            {"name": "read", "layer": "GRU", "units": 4, "inputs": "w"},
            {"name": "out", "layer": "Dense", "units": 1, "inputs": ["read", "far"]},
        ],
        "outputs": {"fare": {**FARE["fare"], "layer": "out"}},
    },
    "clipping and decay": {**dense(), "training": {"optimizer": {"name": "AdamW", "learning_rate": 0.005, "clipnorm": 1.0, "weight_decay": 0.001}}},
    "warm-up": {**dense(), "training": {"optimizer": {"name": "Adam", "learning_rate": {"CosineDecay": {
        "initial_learning_rate": 0.0005, "warmup_target": 0.005, "warmup_steps": {"epochs": 0.5}, "decay_steps": {"epochs": 4}}}}}},
    "averaged weights": {**dense(), "training": {"optimizer": {"name": "Adam", "learning_rate": 0.005, "use_ema": True, "ema_momentum": 0.9}}},
    "bfloat16": {**dense(), "training": {"precision": "mixed_bfloat16"}},
    "XLA": {**dense(), "training": {"xla": True}},
    "optimizers by part": {**dense(), "training": {"optimizers": [{"layers": ["stepped"], "name": "Ftrl", "learning_rate": 0.1}]}},
    "sample weights": {**dense(), "outputs": {"fare": {**FARE["fare"], "layer": "out", "sample_weight": "weight"}}},
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_way_of_training_learns(way, ready, taxi_schema, tmp_path):
    assert share_left(ready, learned(ready, taxi_schema, tmp_path, WAYS[way])) < MARGIN


def test_outputs_of_every_task_learn_together(ready, taxi_schema, tmp_path):
    outputs = {
        **FARE,
        "dear": {
            "loss": "binary_crossentropy",
            "loss_arguments": {"label_smoothing": 0.02},
            "metrics": ["AUC"],
            "class_weights": {1: 2.0},
        },
        "band": {"loss": "sparse_categorical_crossentropy", "metrics": ["SparseCategoricalAccuracy"]},
    }
    monitor = {"monitor": "val_dear_auc", "mode": "max", "patience": 2}
    section = {"preset": {"name": "mmoe", "experts": 3}, "outputs": outputs}
    manifest = learned(ready, taxi_schema, tmp_path, section, early_stopping=monitor)
    history = manifest["history"]
    assert max(history["val_dear_auc"]) > 0.5 + 0.3
    bands = label(ready, "band").astype(int)
    constant = np.bincount(bands).max() / len(bands)
    assert max(history["val_band_sparse_categorical_accuracy"]) > constant + 0.2
    assert manifest["tasks"] == {"fare": "regression", "dear": "binary", "band": "multiclass"}


def test_class_weights_move_the_probability(ready, taxi_schema, tmp_path):
    """A class that counts four times is predicted so much more often, as its weighted share is."""
    layers = [{"name": "out", "layer": "Dense", "units": 1, "activation": "sigmoid", "inputs": "constant"},
              {"name": "constant", "layer": "Rescaling", "scale": 0.0, "inputs": "far"}]  # fmt: skip
    output = {"layer": "out", "loss": "binary_crossentropy", "class_weights": {1: 4.0}}
    section = {
        "layers": layers,
        "outputs": {"dear": output},
        "training": {"epochs": 12, "optimizer": {"name": "Adam", "learning_rate": 0.05}},
    }
    learned(ready, taxi_schema, tmp_path, section)
    model = keras.saving.load_model(tmp_path / "model" / "model.keras", compile=False)
    share = label(ready, "dear").mean()
    expected = 4 * share / (4 * share + 1 - share)
    assert float(model({"far": np.zeros((1, 1))})["dear"][0, 0]) == pytest.approx(expected, abs=0.03)


def test_one_optimizer_by_parts_is_one_optimizer(ready, taxi_schema, tmp_path):
    """Two parts with the same SGD move as one SGD does: the training loop of our own is Keras' own."""
    sgd = {"name": "SGD", "learning_rate": 0.002}
    whole = learned(ready, taxi_schema, tmp_path / "whole", dense(), epochs=2, optimizer=sgd)
    parts = learned(ready, taxi_schema, tmp_path / "parts", dense(), epochs=2, optimizer=sgd,
                    optimizers=[{"layers": ["deep", "stepped"], **sgd}])  # fmt: skip
    for key, values in whole["history"].items():
        np.testing.assert_allclose(parts["history"][key], values, rtol=1e-4, err_msg=key)


def test_a_part_without_weights_is_refused(ready, taxi_schema, tmp_path):
    section = dense(between("Dropout", rate=0.1))
    with pytest.raises(DataError, match=r"model\.training\.optimizers\[0\]: between have no weights to move"):
        learned(ready, taxi_schema, tmp_path, section, optimizers=[{"layers": ["between"], "name": "SGD"}])


def test_the_best_weights_are_kept(ready, taxi_schema, tmp_path):
    averaged = {"name": "Adam", "learning_rate": 0.02, "use_ema": True, "ema_momentum": 0.9}
    stopping = {"monitor": "val_root_mean_squared_error", "patience": 1}
    manifest = learned(ready, taxi_schema, tmp_path, dense(), epochs=8, optimizer=averaged, early_stopping=stopping)
    model = keras.saving.load_model(tmp_path / "model" / "model.keras", compile=False)
    columns = [pq.read_table(p, partitioning=None) for p in split_parts(ready, "eval")]
    inputs = {
        t.name: np.concatenate([np.stack(c[t.name].to_numpy(zero_copy_only=False)) for c in columns])
        for t in model.inputs
    }
    error = np.asarray(model(inputs)["fare"])[:, 0] - label(ready, "fare")
    assert np.sqrt((error**2).mean()) == pytest.approx(
        min(manifest["history"]["val_root_mean_squared_error"]), rel=1e-4
    )
    assert read_manifest(tmp_path / "model", "train")["epochs"] == manifest["epochs"]
