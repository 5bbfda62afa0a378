"""Metrics of every output, overall and by slice, by TFMA on Beam."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.extractors.slice_key_extractor import SLICE_KEY_EXTRACTOR_STAGE_NAME
from tensorflow_model_analysis.proto import config_pb2

from components.evaluate.batched import METRICS
from components.evaluate.predictions import part_batches, predict
from components.evaluate.slices import OVERALL, columns_of, slice_name, slices_of
from schemas.artifacts import split_parts
from schemas.dataset import ColumnType
from schemas.dense import row_column
from schemas.engines import Profile
from schemas.engines.pipeline import data_pipeline, size_of
from schemas.progress import Progress
from schemas.spec.evaluation import SlicedBy
from schemas.spec.outputs import Task

Metrics = dict[str, dict[str, dict[str, float]]]


@dataclass(frozen=True)
class Judged:
    """What TFMA is told of the model: `tasks` says what each output predicts."""

    tasks: Mapping[str, Task]
    slices: list[list[SlicedBy]]


def eval_config(judged: Judged) -> config_pb2.EvalConfig:
    """TFMA's configuration; predictions and labels come with the rows, so that no model is loaded twice."""
    config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec()],
        slicing_specs=[config_pb2.SlicingSpec()]
        + [config_pb2.SlicingSpec(feature_keys=names) for names in columns_of(judged.slices)],
    )
    for name, task in judged.tasks.items():
        metric = METRICS[task]
        chosen = config_pb2.MetricConfig(class_name=metric.__name__, module=metric.__module__)
        config.metrics_specs.add(output_names=[name], metrics=[chosen])
    return config


def evaluate_split(
    saved_model: Path, examples: str | Path, split: str, columns: Mapping[str, ColumnType], judged: Judged,
    output: Path, predictions: Path, engine: Profile, progress: Progress, truth: Path | None = None,
) -> Metrics:  # fmt: skip
    """Runs TFMA over a split of raw rows.

    Args:
        saved_model: the exported model.
        examples: what ingest wrote.
        split: which of its splits.
        columns: the columns' types.
        judged: outputs and slices.
        output: where TFMA's own files go.
        predictions: where labels and predictions go, a Parquet file for each part: columns `<output>` and
            `label/<output>`, rows in the order of the part.
        engine: where Beam runs.
        truth: the `predictions` of another model on the same split, whose labels count instead of this model's own.

    Returns:
        {slice: {output: {metric: value}}}; the slice of all rows is "overall", others read `column=value`.
    """
    config = eval_config(judged)
    parts = split_parts(examples, split)
    predictions.mkdir()
    predictor = _Predict(
        str(saved_model), truth, str(predictions), dict(columns), list(judged.tasks), judged.slices, progress
    )
    with data_pipeline(engine, size_of(parts)) as pipeline:
        evaluation = (
            pipeline
            | "Parts" >> beam.Create(parts)
            | "Judge"
            >> tfma.ExtractAndEvaluate(
                # TFMA starts its evaluator after the extractor of this name.
                extractors=[tfma.extractors.Extractor(SLICE_KEY_EXTRACTOR_STAGE_NAME, beam.ParDo(predictor))],
                evaluators=tfma.default_evaluators(eval_config=config),
            )
        )
        _ = evaluation | "Write" >> tfma.WriteResults(
            writers=tfma.default_writers(output_path=str(output), eval_config=config)
        )
    return read_metrics(output)


class _Predict(beam.DoFn):
    """Reads a part and yields TFMA's extracts: for every slice of a batch its labels and predictions."""

    def __init__(
        self, saved_model: str, truth: Path | None, kept: str, columns: dict[str, ColumnType], outputs: list[str],
        slices: list[list[SlicedBy]], progress: Progress,
    ) -> None:  # fmt: skip
        self.saved_model, self.truth, self.kept = saved_model, truth, kept
        self.columns, self.outputs, self.slices = columns, outputs, slices
        self.progress = progress

    def setup(self) -> None:
        self.model = tf.saved_model.load(self.saved_model)

    def process(self, part: str) -> Iterator[dict[str, Any]]:
        kept: list[pa.Table] = []
        truth = None if self.truth is None else pq.read_table(self.truth / Path(part).name, partitioning=None)
        offset = 0
        for batch in part_batches(part):
            results = predict(self.model, batch, self.columns)
            labels = {name: results[f"label/{name}"] for name in self.outputs}
            if truth is not None:
                known = truth.slice(offset, batch.num_rows)
                labels = {name: known[f"label/{name}"].to_numpy() for name in self.outputs}
            offset += batch.num_rows
            predictions = {name: results[name] for name in self.outputs}
            kept.append(_table(labels, predictions))
            self.progress.count(batch.num_rows)
            for key, rows in [((), slice(None)), *slices_of(batch, self.slices)]:
                yield {
                    constants.LABELS_KEY: {name: value[rows] for name, value in labels.items()},
                    constants.PREDICTIONS_KEY: {name: value[rows] for name, value in predictions.items()},
                    constants.SLICE_KEY_TYPES_KEY: [key],
                }
        if kept:
            pq.write_table(pa.concat_tables(kept), Path(self.kept) / Path(part).name, compression="zstd")


def _table(labels: Mapping[str, Any], predictions: Mapping[str, Any]) -> pa.Table:
    """Labels and predictions of a batch as columns; those of classes are lists."""
    columns = {f"label/{name}": pa.array(value) for name, value in labels.items()}
    columns |= {name: row_column(value) for name, value in predictions.items()}
    return pa.table(columns)


def read_metrics(output: Path) -> Metrics:
    """The metrics that TFMA wrote; a metric that a slice does not have (no positive row, say) is left out."""
    result: Metrics = {}
    for record in tfma.load_metrics(str(output)):
        key = _slice_name(record.slice_key)
        for found in record.metric_keys_and_values:
            value = float(found.value.double_value.value)
            if not math.isnan(value):
                result.setdefault(key, {}).setdefault(found.key.output_name, {})[found.key.name] = value
    return dict(sorted(result.items(), key=lambda item: (item[0] != OVERALL, item[0])))


def _slice_name(key: Any) -> str:
    parts = []
    for single in key.single_slice_keys:
        value = getattr(single, single.WhichOneof("kind"))
        parts.append((single.column, value.decode() if isinstance(value, bytes) else str(value)))
    return slice_name(tuple(parts)) or OVERALL
