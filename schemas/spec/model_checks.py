"""The checks of the `model` section: every name in its graph must mean something, every layer get what it can read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from schemas.artifacts import Feature
from schemas.errors import DataError, Mistake, nearest
from schemas.graph import CycleError, topological_order
from schemas.keras_names import KerasNames
from schemas.source_map import Path, SourceMap
from schemas.spec.expand import expanded
from schemas.spec.layers import FROM_FEATURE, Block, Layer, base_name
from schemas.spec.model import Model
from schemas.spec.outputs import logged_names
from schemas.spec.preset import Preset
from schemas.spec.transform import Transform, planned

MODEL: Path = ("model",)
ID_READERS = {"Embedding", "CategoryEncoding", "IntegerLookup", "Hashing", "Reshape", "Sequential"}


def check_model(model: Model, transform: Transform, source: SourceMap, keras: KerasNames) -> list[Mistake]:
    """All names in a model section that mean nothing, or mean what they must not.

    Nothing is found in a graph whose preset is not known.

    Args:
        model: the section.
        transform: the section that makes its features and labels.
        source: where the keys of the spec stand.
        keras: the names that Keras knows.
    """
    if model.preset is not None and model.preset.name not in Preset.known:
        return []
    features = planned(transform.features)
    try:
        written = expanded(model, features, planned(transform.labels))
    except DataError as error:
        return [source.mistake((*MODEL, "preset"), str(error))]
    unread = [name for name, op in transform.features.items() if op.kind == "unread"]
    checks = _Checks(written, {**features, **{name: Feature(name, "unread") for name in unread}}, source, keras)
    return [
        *checks.groups(),
        *checks.blocks(),
        *checks.layers(),
        *checks.defaults(),
        *checks.outputs(transform),
        *checks.training(),
    ]


def unlogged(monitor: str, model: Model, at: Path, source: SourceMap) -> list[Mistake]:
    """The mistake of a monitored value, at `at`, that training does not log; none where it does."""
    logged = logged_names(model.outputs)
    if monitor in logged:
        return []
    return [
        source.mistake(at, f"'{monitor}' is not logged; expected one of {', '.join(logged)}{nearest(monitor, logged)}")
    ]


@dataclass
class _Scope:
    """What the nodes of a graph, or of a block, can read."""

    at: Path
    nodes: Mapping[str, int]
    outside: Collection[str]
    features: Mapping[str, Feature] = field(default_factory=dict)
    groups: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [*self.outside, *self.groups, *self.nodes]


class _Checks:
    def __init__(
        self, model: Model, features: Mapping[str, Feature], source: SourceMap, keras: KerasNames
    ) -> None:  # fmt: skip
        self.model, self.features, self.source, self.keras = model, features, source, keras
        self.nodes: dict[str, int] = {}
        for index, layer in enumerate(model.layers):
            self.nodes.setdefault(layer.name, index)
        self.scope = _Scope((*MODEL, "layers"), self.nodes, list(features), features, model.groups)

    def _mistake(self, at: Path, message: str) -> Mistake:
        return self.source.mistake(at, message)

    def groups(self) -> Iterable[Mistake]:
        for name, members in self.model.groups.items():
            at: Path = (*MODEL, "groups", name)
            if name in self.features or name in self.nodes:
                yield self._mistake(at, f"a feature or node is called '{name}' already; rename the group")
            for position, member in enumerate(members):
                if member not in self.features and member not in self.nodes:
                    known = nearest(member, [*self.features, *self.nodes])
                    yield self._mistake((*at, position), f"'{member}' is neither a feature nor a node{known}")

    def blocks(self) -> Iterable[Mistake]:
        blocks = self.model.blocks
        uses = {name: [node.layer for node in block.layers if node.layer in blocks] for name, block in blocks.items()}
        try:
            topological_order(uses)
        except CycleError as cycle:
            at = (*MODEL, "blocks", cycle.path[0])
            yield self._mistake(at, f"the blocks are made of each other: {cycle}")
        used = {node.layer for layers in (self.model.layers, *(b.layers for b in blocks.values())) for node in layers}
        for name, block in blocks.items():
            at = (*MODEL, "blocks", name)
            if name in self.keras.classes["layers"]:
                yield self._mistake(at, f"keras.layers has a '{name}'; rename the block")
            if name not in used:
                yield self._mistake(at, f"no node has `layer: {name}`; use it or remove it")
            yield from self._block(at, block)

    def _block(self, at: Path, block: Block) -> Iterable[Mistake]:
        nodes: dict[str, int] = {}
        for index, layer in enumerate(block.layers):
            nodes.setdefault(layer.name, index)
        scope = _Scope((*at, "layers"), nodes, block.inputs)
        yield from self._graph(block.layers, scope, {block.output, *block.inputs})
        if block.output not in nodes:
            yield self._mistake(
                (*at, "output"), f"'{block.output}' is no node of the block{nearest(block.output, nodes)}"
            )
        read = {name for layer in block.layers for name in layer.reads()}
        for position, name in enumerate(block.inputs):
            if name not in read:
                yield self._mistake((*at, "inputs", position), f"no node of the block reads '{name}'")

    def layers(self) -> Iterable[Mistake]:
        if not self.model.layers:
            return
        leads = {output.layer for output in self.model.outputs.values()}
        leads |= {m for members in self.model.groups.values() for m in members}
        yield from self._graph(self.model.layers, self.scope, leads)

    def _graph(self, layers: list[Layer], scope: _Scope, leads: Collection[str]) -> Iterable[Mistake]:
        for index, layer in enumerate(layers):
            at: Path = (*scope.at, index)
            if scope.nodes[layer.name] != index:
                first = f"{'.'.join(str(part) for part in scope.at)}[{scope.nodes[layer.name]}]"
                yield self._mistake((*at, "name"), f"a layer called '{layer.name}' stands at {first} already")
            elif layer.name in scope.outside:
                yield self._mistake((*at, "name"), f"a feature is called '{layer.name}' already; rename the layer")
            yield from self._layer(layer, layers, at, scope)
        reads = {layer.name: layer.members_read(scope.groups) for layer in layers}
        try:
            topological_order(reads)
        except CycleError as cycle:
            at = (*scope.at, scope.nodes[cycle.path[0]])
            yield self._mistake(at, f"the layers read each other in a circle: {cycle}")
        used = {name for names in reads.values() for name in names} | set(leads)
        for name, index in scope.nodes.items():
            if name not in used:
                message = f"'{name}' leads nowhere; read it in a layer or an output, or remove it"
                yield self._mistake((*scope.at, index), message)

    def _layer(self, layer: Layer, layers: list[Layer], at: Path, scope: _Scope) -> Iterable[Mistake]:
        if layer.share is not None:
            target = scope.nodes.get(layer.share)
            if target is None:
                known = nearest(layer.share, scope.nodes)
                yield self._mistake((*at, "share"), f"'{layer.name}': '{layer.share}' is no node{known}")
            elif layers[target].each is not None and not layers[target].one:
                message = f"'{layer.name}': '{layer.share}' has a layer for each of its inputs; make it `one: true`"
                yield self._mistake((*at, "share"), message)
        else:
            yield from self._class(layer, at)
        for place, reference in layer.references():
            read = base_name(reference)
            if read not in scope.names:
                message = f"'{layer.name}': input '{read}' is neither a feature nor a layer"
                yield self._mistake((*at, *place), message + nearest(read, scope.names))
                continue
            for member in scope.groups.get(read, [read]):
                if member in scope.features:
                    yield from self._kind(layer, scope.features[member], (*at, *place))

    def _class(self, layer: Layer, at: Path) -> Iterable[Mistake]:
        name = str(layer.layer)
        if layer.layers is not None:
            for position, inner in enumerate(layer.layers):
                for place, message in self._arguments(inner.layer, inner.arguments()):
                    yield self._mistake((*at, "layers", position, *place), f"'{layer.name}': {message}")
        elif name in self.model.blocks:
            if layer.arguments():
                known = ", ".join(layer.arguments())
                yield self._mistake(at, f"'{layer.name}': block '{name}' takes no arguments (found {known})")
            given = layer.inputs
            wanted = self.model.blocks[name].inputs
            if isinstance(given, dict) and set(given) != set(wanted):
                message = f"'{layer.name}': block '{name}' reads {', '.join(wanted)}; found {', '.join(given)}"
                yield self._mistake((*at, "inputs"), message)
        else:
            for place, message in self._arguments(name, layer.arguments()):
                yield self._mistake((*at, *place), f"'{layer.name}': {message}")
        if (argument := FROM_FEATURE.get(name, "")) in layer.arguments():
            message = f"'{layer.name}': {argument} comes from the feature; remove it"
            yield self._mistake((*at, argument), message)

    def _arguments(self, name: str, arguments: Mapping[str, Any]) -> Iterable[tuple[tuple[str, ...], str]]:
        if name in self.keras.classes["layers"] or (self.model.module is None and not self.model.blocks):
            return self.keras.check("layers", name, "layer", arguments)
        if self.model.module is not None:
            return ()
        return [(("layer",), f"'{name}' is no layer of Keras and no block"
                 f"{nearest(name, [*self.keras.classes['layers'], *self.model.blocks])}")]  # fmt: skip

    def _kind(self, layer: Layer, feature: Feature, at: Path) -> Iterable[Mistake]:
        name = layer.layer
        foreign = name not in self.keras.classes["layers"] and name != "Sequential"
        if layer.share is not None or foreign:
            return
        if feature.is_ids and name not in ID_READERS:
            message = f"'{layer.name}': feature '{feature.name}' is an id; read it through an Embedding"
            yield self._mistake(at, message)
        elif feature.kind in ("numeric", "vector") and name == "Embedding":
            message = (
                f"'{layer.name}': feature '{feature.name}' is numeric; an Embedding reads ids (a vocabulary, buckets …)"
            )
            yield self._mistake(at, message)

    def defaults(self) -> Iterable[Mistake]:
        classes = {node.layer for node in self.model.layers}
        classes |= {node.layer for block in self.model.blocks.values() for node in block.layers}
        names = [*self.nodes, *(node.name for block in self.model.blocks.values() for node in block.layers)]
        for key, arguments in self.model.defaults.items():
            at: Path = (*MODEL, "defaults", key)
            if key in self.keras.classes["layers"]:
                if key not in classes and self.model.builder is None:
                    yield self._mistake(at, f"no node is a {key}; remove it")
                for place, message in self.keras.check("layers", key, "layer", arguments):
                    yield self._mistake((*at, *place), message)
                continue
            matched = [name for name in names if fnmatchcase(name, key)]
            if not matched:
                known = nearest(key, [*names, *(c for c in classes if c)])
                yield self._mistake(at, f"'{key}' is no class of keras.layers and matches no node{known}")
            for layer in self.model.layers:
                if layer.name in matched and layer.layer in self.keras.classes["layers"]:
                    for place, message in self.keras.check("layers", str(layer.layer), "layer", arguments):
                        yield self._mistake((*at, *place), f"'{layer.name}': {message}")

    def outputs(self, transform: Transform) -> Iterable[Mistake]:
        for name, output in self.model.outputs.items():
            at: Path = (*MODEL, "outputs", name)
            if name not in transform.labels:
                known = nearest(name, transform.labels)
                yield self._mistake(at, f"no label is called '{name}'{known}")
            elif self.keras.is_loss(output.loss):
                yield from self._loss_fits(name, transform, at)
            if self.model.layers and not output.layer:
                yield self._mistake(at, f"names no layer; add the node that predicts it{nearest('', self.nodes)}")
            elif self.model.layers and output.layer not in self.nodes:
                yield self._mistake((*at, "layer"), f"'{output.layer}' is no layer{nearest(output.layer, self.nodes)}")
            if not self.keras.is_loss(output.loss):
                known = nearest(output.loss, self.keras.losses)
                yield self._mistake((*at, "loss"), f"unknown loss '{output.loss}'{known}")
            for index, metric in enumerate(output.metrics):
                if metric not in self.keras.classes["metrics"]:
                    known = nearest(metric, self.keras.classes["metrics"])
                    yield self._mistake((*at, "metrics", index), f"unknown metric '{metric}'{known}")
            if output.class_weights is not None and output.task == "regression":
                message = f"the loss '{output.loss}' has no classes; use sample_weight"
                yield self._mistake((*at, "class_weights"), message)
            weight = output.sample_weight
            if weight is not None and (weight not in self.features or self.features[weight].kind != "numeric"):
                numeric = [f.name for f in self.features.values() if f.kind == "numeric"]
                yield self._mistake(
                    (*at, "sample_weight"), f"'{weight}' is no numeric feature{nearest(weight, numeric)}"
                )
        for label in transform.labels:
            if label not in self.model.outputs:
                message = f"no output predicts it; add model.outputs.{label} or remove the label"
                yield self._mistake(("transform", "labels", label), message)

    def _loss_fits(self, label: str, transform: Transform, at: Path) -> Iterable[Mistake]:
        op, output = transform.labels[label], self.model.outputs[label]
        if op.kind == "unread":
            return
        if op.row_length() is not None:
            yield self._mistake(("transform", "labels", label), f"{op.op} makes several values a row; a label is one")
            return
        values = "id" if op.kind in ("id", "ids") else op.label_values
        fitting = {
            "regression": ("real", "number", "binary"),
            "binary": ("number", "binary"),
            "multiclass": ("id",),
        }[output.task]
        if values not in fitting:
            told = {"id": "an id", "real": "a real number", "binary": "0 or 1", "number": "a number"}[values]
            wanted = {"regression": "a number", "binary": "0 or 1", "multiclass": "an id (a vocabulary, buckets …)"}
            message = f"'{output.loss}' learns {wanted[output.task]}; label '{label}' ({op.op}) is {told}"
            yield self._mistake((*at, "loss"), message)

    def training(self) -> Iterable[Mistake]:
        training = self.model.training
        at: Path = (*MODEL, "training")
        optimizers: list[tuple[Path, Any]] = [(("optimizer",), training.optimizer)]
        optimizers += [(("optimizers", index), part) for index, part in enumerate(training.optimizers)]
        for place, optimizer in optimizers:
            for keys, message in self.keras.check("optimizers", optimizer.name, "name", optimizer.arguments()):
                yield self._mistake((*at, *place, *keys), message)
        for index, part in enumerate(training.optimizers):
            for position, pattern in enumerate(part.layers):
                if not any(fnmatchcase(name, pattern) for name in self.nodes):
                    place = (*at, "optimizers", index, "layers", position)
                    yield self._mistake(place, f"'{pattern}' matches no node{nearest(pattern, self.nodes)}")
        if training.optimizers and training.precision == "mixed_float16":
            message = "mixed_float16 scales the loss of one optimizer; with optimizers by part use mixed_bfloat16"
            yield self._mistake((*at, "precision"), message)
        averaged = [place for place, optimizer in optimizers if optimizer.arguments().get("use_ema")]
        if training.optimizers and averaged:
            yield self._mistake((*at, *averaged[0]), "use_ema averages all weights; it needs one optimizer for all")
        if training.early_stopping is not None:
            place = (*at, "early_stopping", "monitor")
            yield from unlogged(training.early_stopping.monitor, self.model, place, self.source)
