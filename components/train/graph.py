"""The Functional model that a spec's graph describes, and the Python that builds the same."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import keras

from components.train.objects import keras_object, reason
from components.train.scope import Scope, Value, shape_text, unique
from schemas.artifacts import Feature
from schemas.errors import DataError
from schemas.graph import topological_order
from schemas.source_map import Path, dotted_path
from schemas.spec import Layer, Model
from schemas.spec.layers import FROM_FEATURE, Block
from schemas.user_module import load_function, load_module

MERGING = {"Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"}
SEVERAL_ARGUMENTS = {"Attention", "AdditiveAttention"}
QUERY_AND_VALUE = {"MultiHeadAttention", "GroupQueryAttention"}


@dataclass
class Graph:
    """A graph that was built.

    Attributes:
        inputs: by feature.
        outputs: by label.
        mistakes: where in the spec, and what Keras says.
        layers: by node, the Keras layers that it made.
        lines: the Python statements that build the same, the last ones being those of `inputs` and `outputs`.
    """

    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    mistakes: list[tuple[Path, str]] = field(default_factory=list)
    layers: dict[str, list[keras.layers.Layer]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)


def build_model(section: Model, features: Mapping[str, Feature], name: str, module: str = "") -> keras.Model:
    """Builds the model.

    Args:
        section: the spec's model section, expanded.
        features: what transform wrote, by name.
        name: the model's name.
        module: the text of the module that the section names.

    Returns:
        A Functional model from {feature: [batch], [batch, 1] or [batch, length]} to {output: [batch, values]}.

    Raises:
        DataError: Keras refuses a layer, or an output has not the values its loss needs; the text names each.
    """
    return functional(build_graph(section, features, module), name)


def functional(built: Graph, name: str) -> keras.Model:
    """The model of a graph; DataError where the graph has mistakes."""
    if built.mistakes:
        raise DataError("\n".join(f"{dotted_path(at)}: {message}" for at, message in built.mistakes))
    return keras.Model(built.inputs, built.outputs, name=model_name(name))


def model_name(name: str) -> str:
    """What Keras calls the model."""
    return name.replace("-", "_")


def build_graph(
    section: Model, features: Mapping[str, Feature], module: str = "", labels: Mapping[str, Feature] | None = None
) -> Graph:  # fmt: skip
    """Calls every layer on symbolic tensors. A layer that reads one that failed is not tried.

    Args:
        section: the spec's model section, expanded.
        features: what transform wrote, by name.
        module: the text of the module that the section names.
        labels: what the outputs predict, for the number of classes.
    """
    return _Builder(section, features, module, labels or {}).built()


class _Builder:
    def __init__(
        self, section: Model, features: Mapping[str, Feature], module: str, labels: Mapping[str, Feature]
    ) -> None:  # fmt: skip
        self.section, self.features, self.module, self.labels = section, features, module, labels
        self.graph = Graph()
        self.names = {*features, *(layer.name for layer in section.layers)}
        self.taken = {"keras", "inputs", "outputs"}
        self.own: Mapping[str, Any] = {}
        if section.module is not None:
            self.own = vars(load_module(module, section.module))

    def built(self) -> Graph:
        graph, outputs = self.graph, self.section.outputs
        if self.section.builder is not None:
            values = self._by_function()
        else:
            read = {name for layer in self.section.layers for name in layer.members_read(self.section.groups)}
            scope = {name: self._input(feature) for name, feature in self.features.items() if name in read}
            nodes = self._nodes(self.section.layers, scope, ("model", "layers"), self.section.groups)
            values = {label: nodes[o.layer] for label, o in outputs.items() if o.layer in nodes}
        for label, value in values.items():
            self._output(label, value)
        return graph

    def _by_function(self) -> dict[str, Value]:
        """Outputs of the model that the user's function makes."""
        builder = self.section.builder
        assert builder is not None
        where = f"{builder.module}: {builder.function}"
        function = load_function(self.module, builder.module, builder.function)
        inputs = {name: self._input(feature).tensor for name, feature in self.features.items()}
        try:
            made = function(dict(inputs), dict(self.features))
        except Exception as error:
            raise DataError(f"{where} failed: {type(error).__name__}: {reason(error)}") from error
        if isinstance(made, keras.Model):
            self.graph.inputs, made = {tensor.name: tensor for tensor in made.inputs}, made.output
        wanted = self.section.outputs
        if not isinstance(made, dict) or set(made) != set(wanted):
            found = sorted(made) if isinstance(made, dict) else type(made).__name__
            raise DataError(f"{where} returned {found}; expected a mapping with a tensor for each of {sorted(wanted)}")
        return {label: Value(made[label], f"built[{label!r}]") for label in wanted}

    def _output(self, label: str, value: Value) -> None:
        output, at = self.section.outputs[label], ("model", "outputs", label)
        named = output.layer or label
        shape = tuple(getattr(value.tensor, "shape", ()))
        if output.task == "multiclass":
            classes = self.labels[label].size if label in self.labels else None
            fits = len(shape) == 2 and shape[1] is not None and shape[1] == (classes or shape[1])
            wanted = f"(None, {classes or 'classes'}), one value for each id of the label"
        else:
            fits, wanted = shape in ((None, 1), (None,)), "(None, 1), one value a row"
        if not fits:
            self.graph.mistakes.append((at, f"'{named}' has shape {shape}; expected {wanted}"))
            return
        if (output.scale, output.offset) != (1.0, 0.0):
            more = {"scale": output.scale, "offset": output.offset}
            name = self._name(f"{label}_scaled", "")
            value = self._call(keras.layers.Rescaling, "keras.layers.Rescaling", more, name, [value])
        if self.section.training.precision != "float32":
            cast = {"activation": "linear", "dtype": "float32"}
            name = self._name(f"{label}_float32", "")
            value = self._call(keras.layers.Activation, "keras.layers.Activation", cast, name, [value])
        self.graph.outputs[label] = value.tensor
        self.graph.lines.append(f"outputs[{label!r}] = {value.code}")

    def _input(self, feature: Feature) -> Value:
        shape = {"numeric": (1,), "id": (), "vector": (feature.length,), "ids": (feature.length,)}[feature.kind]
        dtype = "int32" if feature.is_ids else "float32"
        tensor = keras.Input(shape, name=feature.name, dtype=dtype)
        self.graph.inputs[feature.name] = tensor
        variable = self._variable(feature.name)
        self.graph.lines.append(f"{variable} = inputs[{feature.name!r}] = "
                   f"keras.Input({shape!r}, name={feature.name!r}, dtype={dtype!r})")  # fmt: skip
        return Value(tensor, variable, feature.size)

    def _nodes(
        self, layers: list[Layer], scope: dict[str, Value], at: Path, groups: Mapping[str, list[str]], prefix: str = ""
    ) -> dict[str, Value]:  # fmt: skip
        """The value of each node that could be made; `scope` holds what they can read besides each other."""
        places = {layer.name: index for index, layer in enumerate(layers)}
        shared = {layer.share for layer in layers if layer.share is not None}
        values, made = dict(scope), dict[str, Value]()
        reads = {layer.name: layer.members_read(groups) for layer in layers}
        for name in topological_order(reads):
            node, place = layers[places[name]], (*at, places[name])
            if any(read not in values for read in reads[name]):
                continue
            node_scope = Scope(values, groups)
            try:
                values[name] = self._node(node, node_scope, place, made, name in shared, prefix)
            except (ValueError, TypeError, AttributeError, IndexError) as error:
                shapes = ", ".join(f"{read} {shape_text(values[read])}" for read in reads[name] if read != node.share)
                message = f"'{name}' ({node.layer or 'layer of ' + str(node.share)}) of {shapes}: {reason(error)}"
                self.graph.mistakes.append((place, message))
        return values

    def _node(
        self, node: Layer, scope: Scope, at: Path, made: dict[str, Value], is_shared: bool, prefix: str
    ) -> Value:  # fmt: skip
        """Makes the node's layer, or takes that of another, and calls it."""
        if node.each is not None:
            members = scope.members(node.each)
            copies = []
            for value, read in members:
                if node.one and copies:
                    copies.append(self._called(made[node.name], node, [value]))
                    continue
                single = self._name(f"{node.name}_{read}" if not node.one else f"{node.name}_layer", prefix)
                copies.append(self._make(node, single, [value], at, made, is_shared or node.one, prefix, members))
            if len(copies) == 1:
                return copies[0]
            cls = getattr(keras.layers, node.join)
            return self._call(cls, f"keras.layers.{node.join}", {}, node.name, copies, prefix)
        if node.share is not None:
            made[node.name] = layer = made[node.share]
            kind = type(layer.tensor).__name__
            several = isinstance(layer.tensor, keras.Model) and len(layer.tensor.inputs) > 1
            return self._called(layer, node, self._given(node, kind, several, scope, prefix))
        block = self.section.blocks.get(str(node.layer))
        several = node.layer in self.own or (block is not None and len(block.inputs) > 1)
        given = self._given(node, str(node.layer), several, scope, prefix)
        return self._make(node, node.name, given, at, made, is_shared, prefix, [])

    def _given(
        self, node: Layer, layer: str, several: bool, scope: Scope, prefix: str
    ) -> list[Value] | dict[str, Value]:  # fmt: skip
        """The values that a layer of a class is called with, one for each argument or item of a list.

        Args:
            node: the node that calls it.
            layer: the class.
            several: whether it takes several besides the classes that are known to.
            scope: what the node can read.
            prefix: of names inside of a block.
        """
        inputs = node.inputs
        if isinstance(inputs, dict):
            return {key: self._one(scope.values_of(item), f"{node.name}_{key}", prefix) for key, item in inputs.items()}
        if isinstance(inputs, str):
            found = scope.values_of(inputs)
            return found if layer in MERGING else [self._one(found, f"{node.name}_inputs", prefix)]
        items = inputs or []
        if layer in MERGING:
            parts = []
            for index, item in enumerate(items):
                found = scope.values_of(item)
                parts += found if isinstance(item, str) else [self._one(found, f"{node.name}_inputs_{index}", prefix)]
            return parts
        if several or layer in SEVERAL_ARGUMENTS or layer in QUERY_AND_VALUE:
            return [
                self._one(scope.values_of(item), f"{node.name}_inputs_{index}", prefix)
                for index, item in enumerate(items)
            ]
        everything = [value for item in items for value in scope.values_of(item)]
        return [self._one(everything, f"{node.name}_inputs", prefix)]

    def _one(self, values: list[Value], name: str, prefix: str) -> Value:
        if len(values) == 1:
            return values[0]
        joined = self._name(name, prefix)
        return self._call(keras.layers.Concatenate, "keras.layers.Concatenate", {}, joined, values, prefix)

    def _make(
        self, node: Layer, name: str, given: list[Value] | dict[str, Value], at: Path, made: dict[str, Value],
        keep: bool, prefix: str, alike: list[tuple[Value, str]],
    ) -> Value:  # fmt: skip
        """Makes the layer of a node and calls it; `alike` are all that one shared layer will read."""
        layer = str(node.layer)
        values = list(given.values()) if isinstance(given, dict) else given
        if layer in self.section.blocks:
            maker = self._block(layer, self.section.blocks[layer], name, given, at, prefix)
        elif node.layers is not None:
            maker = self._sequential(node, name)
        else:
            arguments = {**self._defaults(node), **node.arguments()}
            sizes = [value.size for value, _ in alike] if node.one else [value.size for value in values[:1]]
            known = [size for size in sizes if size is not None]
            if layer in FROM_FEATURE and known:
                arguments[FROM_FEATURE[layer]] = max(known)
                several = len(values[0].tensor.shape) > 1
                if layer == "CategoryEncoding":
                    arguments.setdefault("output_mode", "multi_hot" if several else "one_hot")
                elif several:
                    arguments.setdefault("mask_zero", True)
            elif layer == "Embedding":
                raise ValueError(f"an Embedding reads ids; '{values[0].code}' is none")
            cls = self.own.get(layer) or getattr(keras.layers, layer)
            path = layer if layer in self.own else f"keras.layers.{layer}"
            maker = self._layer(cls, path, arguments, name)
        self.graph.layers.setdefault(node.name, []).append(maker.tensor)
        if keep:
            variable = self._variable(f"{prefix}{name}_layer")
            self.graph.lines.append(f"{variable} = {maker.code}")
            maker = Value(maker.tensor, variable)
            made[node.name] = maker
        return self._called(maker, node, given, name, prefix)

    def _defaults(self, node: Layer) -> dict[str, Any]:
        defaults = self.section.defaults
        found = dict(defaults.get(str(node.layer), {}))
        for pattern, arguments in defaults.items():
            if pattern != node.layer and fnmatchcase(node.name, pattern):
                found |= arguments
        return found

    def _layer(self, cls: Any, path: str, arguments: Mapping[str, Any], name: str) -> Value:
        made = keras_object(cls, path, arguments, name=name)
        return Value(made.value, made.code)

    def _sequential(self, node: Layer, name: str) -> Value:
        made = []
        for index, inner in enumerate(node.layers or (), start=1):
            cls = self.own.get(inner.layer) or getattr(keras.layers, inner.layer)
            path = inner.layer if inner.layer in self.own else f"keras.layers.{inner.layer}"
            arguments = {**self.section.defaults.get(inner.layer, {}), **inner.arguments()}
            made.append(self._layer(cls, path, arguments, f"{name}_{index}"))
        code = ", ".join(value.code for value in made)
        return Value(
            keras.Sequential([value.tensor for value in made], name=name), f"keras.Sequential([{code}], name={name!r})"
        )

    def _block(
        self, kind: str, block: Block, name: str, given: list[Value] | dict[str, Value], at: Path, prefix: str
    ) -> Value:  # fmt: skip
        """A sub-model of its own for a node that uses a block."""
        values = [given[key] for key in block.inputs] if isinstance(given, dict) else given
        if len(values) != len(block.inputs):
            wanted = ", ".join(block.inputs)
            raise ValueError(f"block '{kind}' reads {len(block.inputs)} ({wanted}); found {len(values)}")
        inner = f"{prefix}{name}_"
        scope, tensors, codes = {}, [], []
        for called, value in zip(block.inputs, values, strict=True):
            shape, dtype = tuple(value.tensor.shape[1:]), value.tensor.dtype
            tensor, variable = keras.Input(shape, name=called, dtype=dtype), self._variable(inner + called)
            self.graph.lines.append(f"{variable} = keras.Input({shape!r}, name={called!r}, dtype={dtype!r})")
            scope[called] = Value(tensor, variable, value.size)
            tensors.append(tensor)
            codes.append(variable)
        before = len(self.graph.mistakes)
        nodes = self._nodes(block.layers, scope, ("model", "blocks", kind, "layers"), {}, inner)
        if len(self.graph.mistakes) > before or block.output not in nodes:
            raise ValueError(f"block '{kind}' cannot be built of these")
        end = nodes[block.output]
        reads = f"[{', '.join(codes)}]" if len(codes) > 1 else codes[0]
        model = keras.Model(tensors if len(tensors) > 1 else tensors[0], end.tensor, name=name)
        return Value(model, f"keras.Model({reads}, {end.code}, name={name!r})")

    def _called(
        self, layer: Value, node: Layer, given: list[Value] | dict[str, Value], name: str = "", prefix: str = ""
    ) -> Value:  # fmt: skip
        """Calls a layer on what its node reads."""
        kind = node.layer or type(layer.tensor).__name__
        if isinstance(given, dict) and not isinstance(layer.tensor, keras.Model):
            tensor = layer.tensor(**{key: value.tensor for key, value in given.items()})
            code = f"{layer.code}({', '.join(f'{key}={value.code}' for key, value in given.items())})"
        else:
            values = list(given.values()) if isinstance(given, dict) else given
            if kind in QUERY_AND_VALUE:
                values = [values[0], values[0]] if len(values) == 1 else values
                tensor = layer.tensor(*(value.tensor for value in values))
                code = f"{layer.code}({', '.join(value.code for value in values)})"
            elif len(values) == 1 and kind not in MERGING:
                tensor, code = layer.tensor(values[0].tensor), f"{layer.code}({values[0].code})"
            else:
                tensor = layer.tensor([value.tensor for value in values])
                code = f"{layer.code}([{', '.join(value.code for value in values)}])"
        variable = self._variable(prefix + (name or node.name))
        self.graph.lines.append(f"{variable} = {code}")
        return Value(tensor, variable)

    def _call(
        self, cls: Any, path: str, arguments: Mapping[str, Any], name: str, values: list[Value], prefix: str = ""
    ) -> Value:  # fmt: skip
        """Makes a layer that no node of the spec asks for by name, and calls it."""
        layer = self._layer(cls, path, arguments, name)
        tensors, codes = [value.tensor for value in values], ", ".join(value.code for value in values)
        merges = cls.__name__ in MERGING
        variable = self._variable(prefix + name)
        self.graph.lines.append(f"{variable} = {layer.code}({f'[{codes}]' if merges else codes})")
        return Value(layer.tensor(tensors if merges else tensors[0]), variable)

    def _variable(self, name: str) -> str:
        """A Python name that nothing else has."""
        base = re.sub(r"\W", "_", name)
        return unique(f"_{base}" if base[:1].isdigit() or keyword.iskeyword(base) else base, self.taken)

    def _name(self, name: str, prefix: str) -> str:
        """A name for a layer that the spec has no name for, which no other layer beside it has."""
        return unique(prefix + name, self.names).removeprefix(prefix)
