"""The checks across sections: every name that a spec mentions must mean something."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from schemas.dataset import ColumnType
from schemas.errors import Mistake, nearest
from schemas.graph import CycleError, topological_order
from schemas.keras_names import keras_names
from schemas.source_map import Path, SourceMap
from schemas.spec.data import ColumnSplit, HashSplit, TimeSplit
from schemas.spec.evaluation import METRICS_OF, Buckets, Evaluation, sliced_column
from schemas.spec.model_checks import check_model, unlogged
from schemas.spec.outputs import Output
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
        *check_model(spec.model, spec.transform, source, keras_names()),
        *_evaluate(spec, columns, source),
        *_sweep(spec, source),
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


def _evaluate(spec: Spec, columns: Mapping[str, ColumnType], source: SourceMap) -> list[Mistake]:
    found: list[Mistake] = []
    path: Path
    for index, parts in enumerate(spec.evaluate.slices):
        for position, part in enumerate(parts):
            name, path = sliced_column(part), ("evaluate", "slices", index, position)
            if name not in columns:
                found.append(source.mistake(path, _unknown_column(name, columns)))
            elif isinstance(part, Buckets) and columns[name] == "bytes":
                found.append(source.mistake(path, f"'{name}' is a text; edges are for numbers"))
    return found + threshold_mistakes(spec.evaluate, spec.model.outputs, ("evaluate", "thresholds"), source)


def threshold_mistakes(
    evaluation: Evaluation, outputs: Mapping[str, Output], at: Path, source: SourceMap
) -> list[Mistake]:
    """What is wrong with the thresholds, which stand at `at`: names of outputs, metrics and slices that are none."""
    found = []
    known = [[sliced_column(part) for part in parts] for parts in evaluation.slices]
    for index, threshold in enumerate(evaluation.thresholds):
        path = (*at, index)
        if threshold.by is not None and threshold.by not in known:
            message = f"{threshold.by} is none of the slices; add it to evaluate.slices"
            found.append(source.mistake((*path, "by"), message))
        output = outputs.get(threshold.output)
        if output is None:
            message = f"'{threshold.output}' is no output{nearest(threshold.output, outputs)}"
            found.append(source.mistake((*path, "output"), message))
            continue
        valid = METRICS_OF[output.task]
        if threshold.metric not in valid:
            message = f"'{threshold.metric}' is no metric of output '{threshold.output}' (loss {output.loss})"
            found.append(source.mistake((*path, "metric"), message + nearest(threshold.metric, valid)))
    return found


def _sweep(spec: Spec, source: SourceMap) -> list[Mistake]:
    if spec.sweep is None:
        return []
    return unlogged(spec.sweep.monitor, spec.model, ("sweep", "monitor"), source)
