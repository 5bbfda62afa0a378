"""The checks across sections: every name that a spec mentions must mean something."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from schemas.dataset import ColumnType
from schemas.errors import Mistake, nearest
from schemas.graph import CycleError, topological_order
from schemas.keras_names import KerasNames, keras_names
from schemas.source_map import Path, SourceMap
from schemas.spec.data import ColumnSplit, HashSplit, TimeSplit
from schemas.spec.evaluation import CLASSIFICATION_METRICS, REGRESSION_METRICS
from schemas.spec.model import Layer, is_classification, logged_names
from schemas.spec.spec import Spec
from schemas.spec.transform import root_columns


def check_references(spec: Spec, columns: Mapping[str, ColumnType], source: SourceMap) -> list[Mistake]:
    """All names in `spec` that mean nothing, or mean what they must not.

    Args:
        spec: the spec.
        columns: the columns of the dataset schema.
        source: where its keys stand.
    """
    return [
        *_data(spec, columns, source),
        *_transform(spec, columns, source),
        *_model(spec, source, keras_names()),
        *_evaluate(spec, columns, source),
    ]


def _unknown_column(name: str, columns: Collection[str]) -> str:
    return f"'{name}' is no column of the schema{nearest(name, columns)}"


def _data(spec: Spec, columns: Mapping[str, ColumnType], source: SourceMap) -> list[Mistake]:
    split, found = spec.data.split, []
    named: list[tuple[Path, str]] = [(("data", "require", i), c) for i, c in enumerate(spec.data.require)]
    if isinstance(split, HashSplit):
        named += [(("data", "split", "columns", i), c) for i, c in enumerate(split.columns)]
    elif isinstance(split, ColumnSplit | TimeSplit):
        named.append((("data", "split", "column"), split.column))
    found += [source.mistake(path, _unknown_column(name, columns)) for path, name in named if name not in columns]
    if isinstance(split, TimeSplit) and split.column in columns:
        is_text = columns[split.column] == "bytes"
        if is_text != isinstance(split.eval_from, str):
            expected = "a text" if is_text else "a number"
            message = f"found {split.eval_from!r}; column '{split.column}' needs {expected}"
            found.append(source.mistake(("data", "split", "eval_from"), message))
    return found


def _transform(spec: Spec, columns: Mapping[str, ColumnType], source: SourceMap) -> list[Mistake]:
    transform, found = spec.transform, []
    made = set(transform.preprocessing.outputs) if transform.preprocessing else set()
    for part, ops in (("features", transform.features), ("labels", transform.labels)):
        for name, op in ops.items():
            path: Path = ("transform", part, name)
            if part == "labels" and name in transform.features:
                found.append(source.mistake(path, "a feature has the same name; rename one of them"))
            for read in op.sources(name):
                if read not in columns and read not in made and read not in ops:
                    here = f"'{read}' is neither a column nor one of the {part}"
                    found.append(source.mistake(path, here + nearest(read, [*columns, *made, *ops])))
        try:
            topological_order({n: _feature_reads(op.sources(n), columns, made) for n, op in ops.items()})
        except CycleError as cycle:
            found.append(source.mistake(("transform", part, cycle.path[0]), f"the ops read each other: {cycle}"))
            return found
    secret = {c for name in transform.labels for c in root_columns(transform, name, columns, labels=True)}
    for name in transform.features:
        leaked = root_columns(transform, name, columns) & secret
        if leaked:
            message = f"reads '{min(leaked)}', which a label is made of; the model would see the answer"
            found.append(source.mistake(("transform", "features", name), message))
    return found


def _feature_reads(reads: list[str], columns: Collection[str], made: Collection[str]) -> list[str]:
    return [read for read in reads if read not in columns and read not in made]


def _model(spec: Spec, source: SourceMap, keras: KerasNames) -> list[Mistake]:
    model, features = spec.model, spec.transform.features
    found: list[Mistake] = []
    names: dict[str, int] = {}
    for index, layer in enumerate(model.layers):
        path: Path = ("model", "layers", index)
        if layer.name in names:
            message = f"a layer called '{layer.name}' stands at model.layers[{names[layer.name]}] already"
            found.append(source.mistake((*path, "name"), message))
        elif layer.name in features:
            found.append(
                source.mistake((*path, "name"), f"a feature is called '{layer.name}' already; rename the layer")
            )
        names.setdefault(layer.name, index)
    for index, layer in enumerate(model.layers):
        found += _layer(spec, index, layer, names, source, keras)
    try:
        topological_order({layer.name: layer.reads() for layer in model.layers})
    except CycleError as cycle:
        path = ("model", "layers", names[cycle.path[0]])
        found.append(source.mistake(path, f"the layers read each other in a circle: {cycle}"))
    found += _outputs(spec, names, source, keras)
    found += [
        source.mistake(("model", "training", "optimizer", *at), message)
        for at, message in keras.check("optimizers", model.training.optimizer.name, "name",
                                       model.training.optimizer.arguments())
    ]  # fmt: skip
    stopping, logged = model.training.early_stopping, logged_names(model)
    if stopping is not None and stopping.monitor not in logged:
        message = f"'{stopping.monitor}' is not logged; expected one of {', '.join(logged)}"
        at = ("model", "training", "early_stopping", "monitor")
        found.append(source.mistake(at, message + nearest(stopping.monitor, logged)))
    if model.layers:
        used = {read for layer in model.layers for read in layer.reads()}
        used |= {output.layer for output in model.outputs.values()}
        for name, index in names.items():
            if name not in used:
                message = f"'{name}' leads nowhere; read it in a layer or an output, or remove it"
                found.append(source.mistake(("model", "layers", index), message))
    return found


ID_READERS = {"Embedding", "CategoryEncoding", "IntegerLookup", "Hashing", "Reshape"}


def _layer(
    spec: Spec, index: int, layer: Layer, names: Mapping[str, int], source: SourceMap, keras: KerasNames
) -> list[Mistake]:
    features, path = spec.transform.features, ("model", "layers", index)
    found = []
    for at, message in keras.check("layers", layer.layer, "layer", layer.arguments()):
        found.append(source.mistake((*path, *at), f"'{layer.name}': {message}"))
    key = "each" if layer.each is not None else "inputs"
    for position, read in enumerate(layer.reads()):
        at_read: Path = (*path, key) if isinstance(layer.inputs, str) else (*path, key, position)
        if read not in features and read not in names:
            message = f"'{layer.name}': input '{read}' is neither a feature nor a layer"
            found.append(source.mistake(at_read, message + nearest(read, [*features, *names])))
        elif read in features:
            kind = features[read].kind
            if kind == "id" and layer.layer not in ID_READERS:
                message = f"'{layer.name}': feature '{read}' is an id; read it through an Embedding"
                found.append(source.mistake(at_read, message))
            elif kind == "numeric" and layer.layer == "Embedding":
                message = (
                    f"'{layer.name}': feature '{read}' is numeric; an Embedding reads ids (a vocabulary, buckets …)"
                )
                found.append(source.mistake(at_read, message))
    if layer.layer == "Embedding" and "input_dim" in layer.arguments():
        message = f"'{layer.name}': input_dim comes from the feature; remove it"
        found.append(source.mistake((*path, "input_dim"), message))
    return found


def _outputs(spec: Spec, names: Mapping[str, int], source: SourceMap, keras: KerasNames) -> list[Mistake]:
    found = []
    for name, output in spec.model.outputs.items():
        path: Path = ("model", "outputs", name)
        if name not in spec.transform.labels:
            message = f"no label is called '{name}'{nearest(name, spec.transform.labels)}"
            found.append(source.mistake(path, message))
        if spec.model.layers and output.layer not in names:
            found.append(
                source.mistake((*path, "layer"), f"'{output.layer}' is no layer{nearest(output.layer, names)}")
            )
        if not keras.is_loss(output.loss):
            found.append(
                source.mistake((*path, "loss"), f"unknown loss '{output.loss}'{nearest(output.loss, keras.losses)}")
            )
        for index, metric in enumerate(output.metrics):
            if metric not in keras.classes["metrics"]:
                message = f"unknown metric '{metric}'{nearest(metric, keras.classes['metrics'])}"
                found.append(source.mistake((*path, "metrics", index), message))
    for label in spec.transform.labels:
        if label not in spec.model.outputs:
            message = f"no output predicts it; add model.outputs.{label} or remove the label"
            found.append(source.mistake(("transform", "labels", label), message))
    return found


def _evaluate(spec: Spec, columns: Mapping[str, ColumnType], source: SourceMap) -> list[Mistake]:
    found = []
    for index, names in enumerate(spec.evaluate.slices):
        for position, name in enumerate(names):
            if name not in columns:
                path: Path = ("evaluate", "slices", index, position)
                found.append(source.mistake(path, _unknown_column(name, columns)))
    for index, threshold in enumerate(spec.evaluate.thresholds):
        path = ("evaluate", "thresholds", index)
        output = spec.model.outputs.get(threshold.output)
        if output is None:
            message = f"'{threshold.output}' is no output{nearest(threshold.output, spec.model.outputs)}"
            found.append(source.mistake((*path, "output"), message))
            continue
        valid = CLASSIFICATION_METRICS if is_classification(output.loss) else REGRESSION_METRICS
        if threshold.metric not in valid:
            message = f"'{threshold.metric}' is no metric of output '{threshold.output}' (loss {output.loss})"
            found.append(source.mistake((*path, "metric"), message + nearest(threshold.metric, valid)))
    return found
