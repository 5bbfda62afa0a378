"""Where a model errs: curves, residuals, the worst rows, and the columns that it relies on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from components.evaluate.batched import COMBINERS, THRESHOLDS, reliability
from components.evaluate.predictions import part_batches, predict
from schemas.dataset import ColumnType
from schemas.dense import row_values
from schemas.spec.outputs import Task

Array = npt.NDArray[np.float64]
WORST, CURVE_POINTS, RESIDUAL_BINS, MOST_CLASSES = 20, 200, 41, 20
SAMPLE_ROWS, SHUFFLES, SEED = 2_000, 3, 1
MAIN_ERROR: Mapping[Task, str] = {"regression": "rmse", "binary": "log_loss", "multiclass": "log_loss"}


def curves(task: Task, label: Array, prediction: Array) -> dict[str, Any]:
    """What is drawn of an output.

    Args:
        task: what it predicts.
        label: float64 [rows].
        prediction: float64 [rows], or [rows, classes].

    Returns:
        regression: `residuals` (edges and counts), `calibration` (mean prediction, mean label, rows; by tenths).
        binary: `roc` and `pr` (points with their threshold), `calibration` (mean prediction, share of positives,
        rows), `confusion`. multiclass: `confusion` by class, where there are at most 20.
    """
    if task == "regression":
        return _regression(label, prediction)
    if task == "binary":
        return _binary(label, prediction)
    classes = prediction.shape[1]
    if classes > MOST_CLASSES:
        return {}
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (label.astype(np.int64), prediction.argmax(axis=1)), 1)
    return {"confusion": {"classes": [str(n) for n in range(classes)], "counts": counts.tolist()}}


def _regression(label: Array, prediction: Array) -> dict[str, Any]:
    residual = prediction - label
    low, high = np.quantile(residual, [0.005, 0.995])
    span = max(abs(low), abs(high), 1e-12)
    counts, edges = np.histogram(np.clip(residual, -span, span), RESIDUAL_BINS, (-span, span))
    order = np.argsort(prediction, kind="stable")
    tenths = [part for part in np.array_split(order, 10) if len(part)]
    return {
        "residuals": {"edges": edges.tolist(), "counts": counts.tolist()},
        "calibration": [[float(prediction[p].mean()), float(label[p].mean()), len(p)] for p in tenths],
    }


def _binary(label: Array, prediction: Array) -> dict[str, Any]:
    histograms = COMBINERS["binary"]("").sums(label, prediction)[6:]
    hits, alarms = np.cumsum(histograms.reshape(2, -1)[:, ::-1], axis=1)
    positives, negatives = max(hits[-1], 1.0), max(alarms[-1], 1.0)
    # Points evenly along the curve, not along the thresholds: most thresholds have no rows.
    steps = np.searchsorted(hits + alarms, np.linspace(0, hits[-1] + alarms[-1], CURVE_POINTS))
    places = np.unique(np.minimum(steps, len(hits) - 1))
    roc = [[float(alarms[i] / negatives), float(hits[i] / positives), 1 - i / THRESHOLDS] for i in places]
    pr = [[float(hits[i] / positives), float(hits[i] / (hits[i] + alarms[i]))] for i in places if hits[i] + alarms[i]]
    chosen, positive = prediction > 0.5, label > 0.5
    counts = [
        [int(((positive == truth) & (chosen == told)).sum()) for told in (False, True)] for truth in (False, True)
    ]
    return {
        "roc": roc, "pr": pr, "calibration": [list(point) for point in reliability(histograms)],
        "confusion": {"classes": ["no", "yes"], "counts": counts},
    }  # fmt: skip


def columns_of_output(table: pa.Table, name: str) -> tuple[Array, Array]:
    """Label and prediction of an output, out of what `intervals.read_predictions` gives."""
    return row_values(table[f"label/{name}"]).astype(np.float64), row_values(table[name]).astype(np.float64)


def errors(task: Task, label: Array, prediction: Array) -> Array:
    """Each row's own error: |prediction - label|, or the log loss."""
    if task == "regression":
        return np.abs(prediction - label)
    if task == "binary":
        right = np.where(label > 0.5, prediction, 1 - prediction)
    else:
        right = prediction[np.arange(len(label)), label.astype(np.int64)]
    return -np.log(np.clip(right, 1e-7, 1.0))  # type: ignore[no-any-return]


def worst_rows(task: Task, label: Array, prediction: Array, parts: list[str]) -> list[dict[str, Any]]:
    """The twenty rows of the largest error: their columns, label, prediction and error.

    Args:
        task: what the output predicts.
        label, prediction: of the rows, in the order of the parts.
        parts: the Parquet files of the rows.
    """
    error = errors(task, label, prediction)
    chosen = np.argsort(-error, kind="stable")[:WORST]
    found: dict[int, dict[str, Any]] = {}
    before = 0
    for part in parts:
        size = pq.ParquetFile(part).metadata.num_rows
        here = [int(row) for row in chosen if before <= row < before + size]
        if here:
            rows = pq.read_table(part, partitioning=None).take(pa.array([row - before for row in here])).to_pylist()
            found.update(zip(here, rows, strict=True))
        before += size
    return [
        {"row": found[int(r)], "label": float(label[r]), "prediction": prediction[r].tolist(), "error": float(error[r])}
        for r in chosen
    ]


def importance(
    model: Any, parts: list[str], columns: Mapping[str, ColumnType], tasks: Mapping[str, Task]
) -> dict[str, dict[str, float]]:
    """How much worse each output's error is where one column's values are shuffled between the rows.

    Breiman, "Random Forests", 2001, section 10, on the first 2,000 rows, the mean of three shuffles.

    Returns:
        {output: {column: rise of RMSE or log loss}}, the largest first; columns of the labels are left out.
    """
    batches, rows = [], 0
    for part in parts:
        for batch in part_batches(part):
            batches.append(batch.slice(0, SAMPLE_ROWS - rows))
            rows += batches[-1].num_rows
            if rows >= SAMPLE_ROWS:
                break
        if rows >= SAMPLE_ROWS:
            break
    sample = pa.Table.from_batches(batches).combine_chunks()
    served = set(model.signatures["raw"].structured_input_signature[1])
    before = _main_errors(model, sample, columns, tasks)
    random = np.random.default_rng(SEED)
    found: dict[str, dict[str, float]] = {name: {} for name in tasks}
    for name in (name for name in columns if name in served):
        rises = []
        for _ in range(SHUFFLES):
            shuffled = sample[name].take(pa.array(random.permutation(sample.num_rows)))
            changed = sample.set_column(sample.schema.get_field_index(name), name, shuffled)
            rises.append(_main_errors(model, changed, columns, tasks))
        for output in tasks:
            found[output][name] = float(np.mean([rise[output] for rise in rises]) - before[output])
    return {output: dict(sorted(rises.items(), key=lambda item: -item[1])) for output, rises in found.items()}


def _main_errors(
    model: Any, sample: pa.Table, columns: Mapping[str, ColumnType], tasks: Mapping[str, Task]
) -> dict[str, float]:
    answers = predict(model, sample.combine_chunks().to_batches()[0], columns)
    found = {}
    for name, task in tasks.items():
        combiner = COMBINERS[task](name)
        sums = combiner.sums(answers[f"label/{name}"].astype(np.float64), answers[name].astype(np.float64))
        found[name] = combiner.values(sums)[MAIN_ERROR[task]]
    return found
