"""Each kind of tf.feature_column and its equivalent in the spec: the same wide & deep model, the same predictions.

tf_keras' DenseFeatures reads the raw rows, our model what transform made of them; weights are copied over.
"""

from __future__ import annotations

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from components.train.graph import build_model
from components.transform.worker import transform
from schemas.artifacts import read_features, split_parts
from schemas.spec import Model, Transform

tf_keras = pytest.importorskip("tf_keras")
fc = tf.feature_column

LONGITUDES, LATITUDES = [-74.02, -74.0, -73.98, -73.96, -73.9], [40.7, 40.74, 40.76, 40.8]
YEARS = [str(year) for year in range(2009, 2015)]
WORDS = 40
MODULE = """
import tensorflow as tf

def preprocessing_fn(inputs):
    weights = [tf.strings.as_string(inputs[c]) for c in ("pickup_longitude", "pickup_latitude", "passenger_count")]
    return {"weights": tf.strings.join(weights, separator=" "), "year": tf.strings.substr(inputs["pickup_datetime"], 0, 4)}
"""
SIDES = {"from": "pickup", "to": "dropoff"}
FEATURES = {
    "lon": {"op": "z_score", "input": "pickup_longitude"},
    "pair": {"op": "vector", "input": "weights", "length": 2},
    "hashed": {"op": "hash", "input": "key", "buckets": 30},
    "people": {"op": "identity", "input": "passenger_count", "values": 8},
    "listed": {"op": "lookup", "input": "year", "values": YEARS},
    "words": {"op": "tokens", "input": "pickup_datetime", "delimiter": "-", "length": 3, "buckets": WORDS},
    "weights": {"op": "vector", "input": "weights", "length": 3},
    **{f"{side}_x": {"op": "buckets", "input": f"{name}_longitude", "boundaries": LONGITUDES} for side, name in SIDES.items()},
    **{f"{side}_y": {"op": "buckets", "input": f"{name}_latitude", "boundaries": LATITUDES} for side, name in SIDES.items()},
    **{f"{side}_cell": {"op": "cross", "inputs": [f"{side}_x", f"{side}_y"], "frequency_threshold": 1} for side in SIDES},
    "trip": {"op": "cross", "inputs": ["from_cell", "to_cell"], "frequency_threshold": 1},
}  # fmt: skip
LAYERS = [
    {"name": "wide", "layer": "Embedding", "output_dim": 1, "join": "Add", "each": ["from_cell", "to_cell", "trip"]},
    {"name": "indicated", "layer": "CategoryEncoding", "each": ["from_x", "people", "listed"]},
    {"name": "weighted", "layer": "CategoryEncoding", "output_mode": "count", "inputs": {"inputs": "words", "count_weights": "weights"}},
    {"name": "looked_up", "layer": "Embedding", "output_dim": 3, "each": ["hashed", "to_y", "trip"]},
    {"name": "shared", "layer": "Embedding", "output_dim": 2, "each": ["from_x", "to_x"], "one": True},
    {"name": "sequence", "layer": "Embedding", "output_dim": 2, "inputs": "words"},
    {"name": "read", "layer": "GlobalAveragePooling1D", "inputs": "sequence"},
    {"name": "hidden", "layer": "Dense", "units": 8, "activation": "relu",
     "inputs": ["lon", "pair", "indicated", "weighted", "looked_up", "shared", "read"]},
    {"name": "deep", "layer": "Dense", "units": 1, "inputs": "hidden"},
    {"name": "fare", "layer": "Add", "inputs": ["wide", "deep"]},
]  # fmt: skip


@pytest.fixture(scope="module")
def ready(artifacts, taxi_schema, tmp_path_factory):
    place = tmp_path_factory.mktemp("columns") / "transformed"
    section = Transform.model_validate({
        "features": FEATURES, "labels": {"y": {"op": "cast", "input": "fare_amount"}},
        "preprocessing": {"module": "own.py", "outputs": ["weights", "year"]},
    })  # fmt: skip
    transform(section, taxi_schema, artifacts["examples"], place, module=MODULE)
    return place


def table(artifact, split):
    return pa.concat_tables([pq.read_table(part, partitioning=None) for part in split_parts(artifact, split)])


def known_rows(transformed):
    """Rows whose every combination stands in the train split: an unknown one has no place of its own here."""
    trip = transformed["trip"].to_numpy()
    return np.flatnonzero(trip < trip.max())[:400]


def test_the_model_of_feature_columns_is_ours(artifacts, ready):
    raw, transformed = table(artifacts["examples"], "train"), table(ready, "train")
    rows = known_rows(transformed)
    raw, transformed = raw.take(rows), transformed.take(rows)
    section = Model.model_validate(
        {"layers": LAYERS, "outputs": {"y": {"layer": "fare", "loss": "mean_squared_error"}}}
    )
    ours = build_model(section, read_features(ready).features, "ours")
    keras.utils.set_random_seed(2)
    for weight in ours.weights:
        weight.assign(np.random.normal(size=weight.shape))
    inputs = {t.name: np.stack(transformed[t.name].to_numpy(zero_copy_only=False)) for t in ours.inputs}
    expected = np.asarray(ours(inputs)["y"])
    got = theirs(ours, raw, transformed, artifacts)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    assert expected.std() > 0.5


def theirs(ours, raw, transformed, artifacts):
    """What tf_keras' model says of the raw rows, every weight taken from ours."""
    weights = {weight.path: weight.numpy() for weight in ours.weights}
    columns = {name: raw[name].to_numpy(zero_copy_only=False) for name in raw.column_names}
    text = [str(value) for value in columns["pickup_datetime"]]
    places = [columns["pickup_longitude"], columns["pickup_latitude"], columns["passenger_count"]]
    given = {name: tf.constant(values) for name, values in columns.items() if name not in ("pickup_datetime", "key")}
    given |= {
        "key": tf.constant([str(key) for key in columns["key"]]),
        "year": tf.constant([value[:4] for value in text]),
        "words": tf.constant([value.split("-") for value in text]),
        "weights": tf.constant(np.stack(places, axis=1).astype("float32")),
        "pair": tf.constant(np.stack(places[:2], axis=1).astype("float32")),
    }
    whole = table(artifacts["examples"], "train")["pickup_longitude"].to_numpy().astype("float64")
    mean, deviation = whole.mean(), whole.std()

    def dense(column, table=None):
        layer = tf_keras.layers.DenseFeatures([column])
        layer(given)
        if table is not None:
            (held,) = layer.weights
            layer.set_weights([table[: held.shape[0]]])
        return layer(given)

    def bucketized(side, axis):
        name, boundaries = ("longitude", LONGITUDES) if axis == "x" else ("latitude", LATITUDES)
        return fc.bucketized_column(fc.numeric_column(f"{SIDES[side]}_{name}"), boundaries)

    def mapped(column, size, feature, weight):
        """Our table of a cross in the order of their hash of it."""
        ids = np.asarray(dense(fc.indicator_column(column))).argmax(axis=1)
        own = transformed[feature].to_numpy()
        pairs = set(zip(ids, own, strict=True))
        assert len(pairs) == len(set(ids)) == len(set(own)), "two combinations share a bucket: take more of them"
        result = np.zeros((size, weight.shape[1]), "float32")
        result[ids] = weight[own]
        return result

    size = 100_003
    cells = {side: fc.crossed_column([bucketized(side, "x"), bucketized(side, "y")], size) for side in SIDES}
    trip = fc.crossed_column([cells["from"], cells["to"]], size)
    crosses = {"from_cell": cells["from"], "to_cell": cells["to"], "trip": trip}
    wide = sum(
        dense(fc.embedding_column(column, 1), mapped(column, size, name, weights[f"wide_{name}/embeddings"]))
        for name, column in crosses.items()
    )
    people = fc.categorical_column_with_identity("passenger_count", 8, default_value=7)
    words = fc.categorical_column_with_hash_bucket("words", WORDS)
    hashed = fc.categorical_column_with_hash_bucket("key", 30)
    listed = fc.categorical_column_with_vocabulary_list("year", YEARS, num_oov_buckets=1)

    def padded(part, width, front=0):
        """Ours has a place for what theirs has none: missing values, and words that are not there."""
        return tf.pad(part, [[0, 0], [front, width - front - part.shape[1]]])

    sequence = fc.sequence_categorical_column_with_hash_bucket("words", WORDS)
    reader = tf_keras.experimental.SequenceFeatures([fc.embedding_column(sequence, 2)])
    sparse = {"words": tf.sparse.from_dense(given["words"])}
    reader(sparse)
    reader.set_weights([weights["sequence/embeddings"][1:]])
    steps, lengths = reader(sparse)
    deep = [
        dense(fc.numeric_column("pickup_longitude", normalizer_fn=lambda x: (x - mean) / deviation)),
        dense(fc.numeric_column("pair", shape=(2,))),
        padded(dense(fc.indicator_column(bucketized("from", "x"))), len(LONGITUDES) + 2),
        padded(dense(fc.indicator_column(people)), 9),
        dense(fc.indicator_column(listed)),
        padded(dense(fc.indicator_column(fc.weighted_categorical_column(words, "weights"))), WORDS + 1, front=1),
        dense(fc.embedding_column(hashed, 3), weights["looked_up_hashed/embeddings"]),
        dense(fc.embedding_column(bucketized("to", "y"), 3), weights["looked_up_to_y/embeddings"]),
        dense(fc.embedding_column(trip, 3), mapped(trip, size, "trip", weights["looked_up_trip/embeddings"])),
        # tf.feature_column.shared_embeddings does not run eagerly: two columns with one table.
        *(dense(fc.embedding_column(bucketized(s, "x"), 2), weights["shared_layer/embeddings"]) for s in SIDES),
        tf.reduce_sum(steps, axis=1) / tf.cast(lengths[:, None], tf.float32),
    ]
    hidden = tf_keras.layers.Dense(8, activation="relu")
    out = tf_keras.layers.Dense(1)
    joined = tf.concat(deep, axis=1)
    out(hidden(joined))
    hidden.set_weights([weights["hidden/kernel"], weights["hidden/bias"]])
    out.set_weights([weights["deep/kernel"], weights["deep/bias"]])
    return np.asarray(out(hidden(joined)) + wide)
