"""The graph language against graphs written by hand with Keras."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import components.train.presets  # noqa: F401  makes the presets known
from components.train.code import model_code
from components.train.graph import build_graph, build_model, functional
from schemas.artifacts import Feature
from schemas.spec import Model
from schemas.spec.expand import expanded
from schemas.spec.preset import Preset

FEATURES = {
    "a": Feature("a", "numeric"),
    "b": Feature("b", "numeric"),
    "v": Feature("v", "vector", None, 3),
    "c": Feature("c", "id", 7),
    "d": Feature("d", "id", 5),
    "s": Feature("s", "ids", 6, 4),
}
ROWS = {
    "a": np.linspace(-1, 1, 9, dtype="float32")[:, None],
    "b": np.linspace(2, 0, 9, dtype="float32")[:, None],
    "v": np.arange(27, dtype="float32").reshape(9, 3) / 27,
    "c": np.arange(9, dtype="int32") % 7,
    "d": np.arange(9, dtype="int32") % 5,
    "s": (np.arange(36, dtype="int32").reshape(9, 4) % 6) * (np.arange(4) < 3),
}


def model(layers, **more):
    output = {"layer": layers[-1]["name"], "loss": "mean_squared_error", **more.pop("output", {})}
    return Model.model_validate({"layers": layers, "outputs": {"y": output}, **more})


def built(layers, **more):
    return build_graph(model(layers, **more), FEATURES)


def rows_of(made):
    return {tensor.name: ROWS[tensor.name] for tensor in made.inputs}


def run_code(graph, name="m", own=None, classes=()):
    namespace: dict = {"__name__": "written"}
    exec(compile(model_code(name, graph.lines, own, classes), "written.py", "exec"), namespace)
    return namespace["build_model"]()


def assert_same(one, other):
    """Two models of the same layers answer the same with the same weights."""
    keras.utils.set_random_seed(4)
    for variable in one.variables:
        if "seed" not in variable.path:
            variable.assign(np.random.normal(size=variable.shape))
    # Keras numbers a layer inside of another by how many there were before it.
    told = [[(w.path.split("/")[0], tuple(w.shape)) for w in m.weights if "seed" not in w.path] for m in (one, other)]
    assert told[0] == told[1]
    other.set_weights(one.get_weights())
    np.testing.assert_allclose(one(rows_of(one))["y"], other(rows_of(other))["y"], rtol=1e-6)


def test_a_shared_layer_is_one_layer():
    layers = [
        {"name": "left", "layer": "Dense", "units": 4, "inputs": "a"},
        {"name": "right", "share": "left", "inputs": "b"},
        {"name": "near", "layer": "Dot", "axes": 1, "inputs": ["left", "right"]},
    ]
    made = functional(built(layers), "m")
    assert made.count_params() == 8
    kernel, bias = made.get_weights()
    left, right = ROWS["a"] @ kernel + bias, ROWS["b"] @ kernel + bias
    np.testing.assert_allclose(made(rows_of(made))["y"][:, 0], (left * right).sum(axis=1), rtol=1e-5)


def test_what_shares_can_be_shared_and_reads_as_the_layer_does():
    layers = [
        {"name": "first", "layer": "Dense", "units": 2, "inputs": ["a", "b"]},
        {"name": "second", "share": "first", "inputs": ["b", "a"]},
        {"name": "third", "share": "second", "inputs": "first"},
        {"name": "near", "layer": "Dot", "axes": 1, "inputs": ["first", "second"]},
        {"name": "far", "share": "near", "inputs": ["second", "third"]},
        {"name": "y", "layer": "Add", "inputs": ["near", "far"]},
    ]
    graph = built(layers)
    assert graph.mistakes == []
    made = functional(graph, "m")
    assert made.count_params() == 6
    assert_same(made, run_code(graph))


def test_one_embedding_for_several_features():
    layers = [
        {"name": "e", "layer": "Embedding", "output_dim": 2, "each": ["c", "d"], "one": True},
        {"name": "y", "layer": "Dense", "units": 1, "inputs": "e"},
    ]
    made = functional(built(layers), "m")
    assert [tuple(w.shape) for w in made.weights] == [(7, 2), (4, 1), (1,)]


def test_a_block_is_a_model_of_its_own_for_each_node():
    block = {
        "inputs": ["x"],
        "layers": [
            {"name": "sum", "layer": "Add", "inputs": ["x", "inner"]},
            {"name": "inner", "layer": "Dense", "units": 3, "activation": "relu", "inputs": "x"},
        ],
        "output": "sum",
    }
    layers = [
        {"name": "one", "layer": "residual", "inputs": "v"},
        {"name": "two", "layer": "residual", "inputs": "one"},
        {"name": "again", "share": "two", "inputs": "two"},
        {"name": "y", "layer": "Dense", "units": 1, "inputs": "again"},
    ]
    graph = built(layers, blocks={"residual": block})
    made = functional(graph, "m")
    assert made.count_params() == 2 * 12 + 4

    def residual(name):
        x = keras.Input((3,))
        return keras.Model(
            x, keras.layers.Add()([x, keras.layers.Dense(3, activation="relu", name="inner")(x)]), name=name
        )

    v = keras.Input((3,), name="v")
    one, two = residual("one"), residual("two")
    y = keras.layers.Dense(1, name="y")(two(two(one(v))))
    assert_same(made, keras.Model({"v": v}, {"y": y}))
    assert_same(made, run_code(graph))


def test_a_block_of_one_input_reads_the_concatenation_of_several():
    block = {"inputs": ["x"], "layers": [{"name": "h", "layer": "Dense", "units": 2, "inputs": "x"}], "output": "h"}
    pair = {
        "inputs": ["x", "z"],
        "layers": [{"name": "h", "layer": "Dot", "axes": 1, "inputs": ["x", "z"]}],
        "output": "h",
    }
    layers = [
        {"name": "one", "layer": "tower", "inputs": ["a", "v"]},
        {"name": "other", "layer": "tower", "inputs": "v"},
        {"name": "y", "layer": "pair", "inputs": {"z": "one", "x": "other"}},
    ]
    graph = built(layers, blocks={"tower": block, "pair": pair})
    made = functional(graph, "m")
    assert [tuple(w.shape) for w in made.weights] == [(4, 2), (2,), (3, 2), (2,)]
    assert_same(made, run_code(graph))


def test_an_embedding_inside_a_block_knows_its_size():
    block = {
        "inputs": ["id"],
        "layers": [{"name": "e", "layer": "Embedding", "output_dim": 2, "inputs": "id"}],
        "output": "e",
    }
    layers = [
        {"name": "first", "layer": "looked_up", "inputs": "c"},
        {"name": "second", "layer": "looked_up", "inputs": "d"},
        {"name": "y", "layer": "Dense", "units": 1, "inputs": ["first", "second"]},
    ]
    graph = built(layers, blocks={"looked_up": block})
    assert [tuple(w.shape) for w in functional(graph, "m").weights][:2] == [(7, 2), (5, 2)]


@pytest.mark.parametrize(
    "layers",
    [
        [{"name": "y", "layer": "Sequential", "layers": [{"layer": "Dense", "units": 3}, {"layer": "Dense", "units": 1}], "inputs": ["a", "v"]}],
        [{"name": "t", "layer": "Embedding", "output_dim": 4, "inputs": "s"},
         {"name": "m", "layer": "MultiHeadAttention", "num_heads": 2, "key_dim": 2, "inputs": "t"},
         {"name": "p", "layer": "GlobalAveragePooling1D", "inputs": "m"},
         {"name": "y", "layer": "Dense", "units": 1, "inputs": "p"}],
        [{"name": "t", "layer": "Embedding", "output_dim": 4, "inputs": "s"},
         {"name": "r", "layer": "LSTM", "units": 3, "return_state": True, "inputs": "t"},
         {"name": "y", "layer": "Dense", "units": 1, "inputs": ["r[0]", "r[2]"]}],
        [{"name": "t", "layer": "Embedding", "output_dim": 4, "inputs": "s"},
         {"name": "both", "layer": "Bidirectional", "of": {"GRU": {"units": 2, "kernel_regularizer": {"L1": 0.1}}}, "inputs": "t"},
         {"name": "y", "layer": "Dense", "units": 1, "inputs": "both"}],
        [{"name": "o", "layer": "CategoryEncoding", "inputs": "c"},
         {"name": "w", "layer": "CategoryEncoding", "output_mode": "count", "inputs": {"inputs": "s", "count_weights": "weights"}},
         {"name": "weights", "layer": "Dense", "units": 4, "inputs": "v"},
         {"name": "y", "layer": "Dense", "units": 1, "inputs": ["o", "w"]}],
        [{"name": "q", "layer": "Reshape", "target_shape": [1, 3], "inputs": "v"},
         {"name": "at", "layer": "Attention", "inputs": ["q", "q"]},
         {"name": "f", "layer": "Flatten", "inputs": "at"},
         {"name": "y", "layer": "Dense", "units": 1, "inputs": [["a", "b"], "f"], "kernel_constraint": {"MaxNorm": 2}}],
    ],
    ids=["sequential", "attention", "states", "wrapper", "weighted", "query and value"],
)  # fmt: skip
def test_layers_of_every_shape_answer_as_their_python_does(layers):
    graph = built(layers)
    assert graph.mistakes == []
    assert_same(functional(graph, "m"), run_code(graph))


def test_names_that_are_made_up_never_clash():
    layers = [
        {"name": "y_inputs", "layer": "Dense", "units": 2, "inputs": ["a", "b"]},
        {"name": "e_c", "layer": "Dense", "units": 2, "inputs": "y_inputs"},
        {"name": "e", "layer": "Embedding", "output_dim": 2, "each": ["c", "d"]},
        {"name": "y", "layer": "Dense", "units": 1, "inputs": ["e_c", "e"]},
    ]
    graph = built(layers)
    assert_same(functional(graph, "m"), run_code(graph))


def test_groups_and_defaults():
    layers = [
        {"name": "deep_1", "layer": "Dense", "units": 3, "inputs": "numbers"},
        {"name": "deep_2", "layer": "Dense", "units": 2, "activation": "tanh", "inputs": "deep_1"},
        {"name": "y", "layer": "Dense", "units": 1, "inputs": ["deep_2", "numbers"]},
    ]
    defaults = {"Dense": {"kernel_regularizer": {"L2": 0.5}}, "deep_*": {"activation": "relu"}}
    made = functional(built(layers, groups={"numbers": ["a", "v"]}, defaults=defaults), "m")
    assert made.get_layer("deep_1").activation is keras.activations.relu
    assert made.get_layer("deep_2").activation is keras.activations.tanh
    assert all(made.get_layer(name).kernel_regularizer.l2 == 0.5 for name in ("deep_1", "deep_2", "y"))
    assert made.get_layer("y").kernel.shape == (6, 1)


def test_a_scaled_output_and_classes():
    layers = [{"name": "y", "layer": "Dense", "units": 1, "inputs": "a"}]
    made = functional(built(layers, output={"scale": 40.0, "offset": 5.0}), "m")
    kernel, bias = made.get_weights()
    np.testing.assert_allclose(made(rows_of(made))["y"], (ROWS["a"] @ kernel + bias) * 40 + 5, rtol=1e-5)
    classes = [{"name": "y", "layer": "Dense", "units": 4, "activation": "softmax", "inputs": "a"}]
    section = model(classes, output={"loss": "sparse_categorical_crossentropy"})
    labels = {"y": Feature("y", "id", 4)}
    assert build_graph(section, FEATURES, labels=labels).mistakes == []
    ((at, message),) = build_graph(section, FEATURES, labels={"y": Feature("y", "id", 5)}).mistakes
    assert (at, message) == (
        ("model", "outputs", "y"),
        "'y' has shape (None, 4); expected (None, 5), one value for each id of the label",
    )


@pytest.mark.parametrize("name", sorted(Preset.known))
def test_a_preset_reads_features_of_several_ids(name):
    more = {"left": ["a", "c", "s"], "right": ["d"]} if name == "two_tower" else {}
    section = Model.model_validate({"preset": {"name": name, **more}, "outputs": {"y": {"loss": "huber"}}})
    features = {n: FEATURES[n] for n in ("a", "c", "d", "s")}
    labels = {"y": Feature("y", "numeric")}
    assert build_graph(expanded(section, features, labels), features, labels=labels).mistakes == []


OWN = """
import keras

@keras.saving.register_keras_serializable(package="own")
class Doubled(keras.layers.Layer):
    def call(self, x):
        return x * 2
"""


def test_layers_of_ones_own_module(tmp_path):
    layers = [
        {"name": "twice", "layer": "Doubled", "inputs": "a"},
        {"name": "y", "layer": "Dense", "units": 1, "inputs": "twice"},
    ]
    made = build_model(model(layers, module="own.py"), FEATURES, "m", OWN)
    made.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras", compile=False)
    np.testing.assert_allclose(loaded(rows_of(made))["y"], made(rows_of(made))["y"])


def test_every_layer_of_mixed_precision_but_the_last_computes_in_half():
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        layers = [{"name": "y", "layer": "Dense", "units": 1, "inputs": "a"}]
        made = functional(built(layers, training={"precision": "mixed_bfloat16"}), "m")
    finally:
        keras.config.set_dtype_policy(before)
    assert made.get_layer("y").compute_dtype == "bfloat16"
    assert made.outputs[0].dtype == "float32"


# Random graphs: each node reads some of what is before it, and everything that leads nowhere meets in the end.
WIDTH = 3
MERGES = ["Add", "Multiply", "Maximum", "Average", "Concatenate"]


@st.composite
def graphs(draw):
    nodes, shared = [], []
    known = ["va"]
    nodes.append(
        {"name": "va", "layer": "Dense", "units": WIDTH, "inputs": draw(st.sampled_from(["v", ["a", "b"], ["a", "v"]]))}
    )
    for index in range(draw(st.integers(1, 7))):
        name = f"n{index}"
        reads = draw(st.lists(st.sampled_from(known), min_size=1, max_size=3))
        kind = draw(st.sampled_from(["dense", "dropout", "merge", "embedding", "share", "normal"]))
        if kind == "merge":
            merge = draw(st.sampled_from(MERGES))
            merged = {"name": f"{name}m", "layer": merge, "inputs": [reads[0], draw(st.sampled_from(known))]}
            nodes += [merged, {"name": name, "layer": "Dense", "units": WIDTH, "inputs": f"{name}m"}]
        elif kind == "embedding":
            nodes.append(
                {"name": name, "layer": "Embedding", "output_dim": WIDTH, "inputs": draw(st.sampled_from(["c", "d"]))}
            )
        elif kind == "share" and shared:
            nodes.append({"name": name, "share": draw(st.sampled_from(shared)), "inputs": reads[0]})
        elif kind == "dropout":
            nodes.append({"name": name, "layer": "Dropout", "rate": 0.5, "inputs": reads[0]})
        elif kind == "normal":
            nodes.append({"name": name, "layer": "LayerNormalization", "inputs": reads[0]})
        else:
            activation = draw(st.sampled_from(["relu", "tanh", "linear"]))
            nodes.append({"name": name, "layer": "Dense", "units": WIDTH, "activation": activation, "inputs": reads[0]})
            shared.append(name)
        known.append(name)
    read = {
        name for node in nodes for name in ([node["inputs"]] if isinstance(node["inputs"], str) else node["inputs"])
    }
    ends = [node["name"] for node in nodes if node["name"] not in read]
    last = {"name": "y", "layer": "Dense", "units": 1, "inputs": ends}
    order = draw(st.permutations(nodes))
    return [*order, last], nodes


def by_hand(nodes, last):
    """The same graph, written with Keras directly."""
    inputs = {
        "a": keras.Input((1,), name="a"), "b": keras.Input((1,), name="b"), "v": keras.Input((3,), name="v"),
        "c": keras.Input((), name="c", dtype="int32"), "d": keras.Input((), name="d", dtype="int32"),
    }  # fmt: skip
    tensors, layers = dict(inputs), {}
    for node in [*nodes, last]:
        reads = [node["inputs"]] if isinstance(node["inputs"], str) else node["inputs"]
        values = [tensors[name] for name in reads]
        options = {k: v for k, v in node.items() if k not in ("name", "layer", "inputs", "share")}
        if node.get("share"):
            layer = layers[node["share"]]
        else:
            if node["layer"] == "Embedding":
                options["input_dim"] = FEATURES[reads[0]].size
            layer = layers[node["name"]] = getattr(keras.layers, node["layer"])(name=node["name"], **options)
        if node.get("layer") in MERGES:
            tensors[node["name"]] = layer(values)
        else:
            tensors[node["name"]] = layer(values[0] if len(values) == 1 else keras.layers.Concatenate()(values))
    return inputs, tensors["y"]


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(graphs())
def test_random_graphs_are_those_written_by_hand(drawn):
    shuffled, nodes = drawn
    graph = built(shuffled)
    assert graph.mistakes == []
    made = functional(graph, "m")
    inputs, y = by_hand(nodes, shuffled[-1])
    written = keras.Model({name: inputs[name] for name in graph.inputs}, {"y": y})
    rows = {name: ROWS[name] for name in graph.inputs}
    theirs = {variable.path: variable for variable in written.variables}
    for variable in made.variables:
        if "seed" not in variable.path:
            theirs[variable.path].assign(variable)
    expected = made(rows)["y"]
    np.testing.assert_allclose(written(rows)["y"], expected, rtol=1e-5, atol=1e-6)
    assert_same(made, run_code(graph))


@settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(drawn=graphs())
def test_random_graphs_survive_being_saved_and_exported(drawn, tmp_path_factory):
    import tensorflow as tf

    place = tmp_path_factory.mktemp("saved")
    made = functional(built(drawn[0]), "m")
    rows = rows_of(made)
    expected = made(rows)["y"]
    made.save(place / "m.keras")
    np.testing.assert_allclose(
        keras.saving.load_model(place / "m.keras", compile=False)(rows)["y"], expected, rtol=1e-5, atol=1e-6
    )
    made.export(place / "exported", verbose=False)
    served = tf.saved_model.load(str(place / "exported"))
    np.testing.assert_allclose(served.serve(rows)["y"], expected, rtol=1e-5, atol=1e-6)
