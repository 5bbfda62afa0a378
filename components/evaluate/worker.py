"""Evaluate: the skew proof, metrics by TFMA, the verdict and the report."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from components.evaluate.insight import columns_of_output, curves, importance, worst_rows
from components.evaluate.intervals import Bootstrap, intervals, read_predictions
from components.evaluate.metrics import Judged, evaluate_split
from components.evaluate.report import column_rows, render_report
from components.evaluate.skew import check_skew
from components.evaluate.slices import OVERALL, columns_of, slice_name, slices_of
from components.evaluate.validation import validation_result, write_validation
from components.evaluate.verdict import Champion, as_markdown, judge, verdict_document
from schemas.artifacts import read_features, read_manifest, split_parts, whole_artifact
from schemas.dataset import ColumnType, column_types, parse_schema
from schemas.engines import LAPTOP, Profile
from schemas.progress import Progress
from schemas.spec import Evaluation

# Of slices: as few rows as the bootstrap says something of, and as many slices and draws as take seconds.
FEWEST_ROWS, MOST_SLICES, SLICE_DRAWS = 30, 200, 60
LIBRARIES = ("latticework", "tensorflow", "keras", "apache-beam", "tensorflow-model-analysis", "pyarrow", "numpy")


def evaluate(
    section: Evaluation,
    schema: str,
    examples: str | Path,
    statistics: str | Path,
    transformed: str | Path,
    model: str | Path,
    output: str | Path,
    *,
    champion: tuple[int, Path] | None = None,
    compared_with: str = "none",
    spec_text: str = "",
    engine: Profile = LAPTOP,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Proves that the exported model answers as the trained one, judges it on the test split, writes the report.

    Args:
        section: the spec's evaluate section.
        schema: the dataset schema as text proto.
        examples, statistics, transformed, model: the artifacts of the components before.
        output: the artifact's folder (see `schemas.artifacts`).
        champion: number and SavedModel of the version in service.
        compared_with: the champion as the pipeline names it, for the manifest.
        spec_text: the spec, for the report.
        engine: where Beam runs.

    Returns:
        The manifest: metrics of all rows, the verdict, the skew that was measured.

    Raises:
        CheckFailed: the exported model does not answer as the trained one.
    """
    progress = progress or Progress("evaluate")
    progress.start("comparing the exported model with the trained one")
    columns = column_types(parse_schema(schema, "schema"))
    trained, ingested = read_manifest(model, "train"), read_manifest(examples, "ingest")
    saved_model = Path(model) / "saved_model"
    served = tf.saved_model.load(str(saved_model))
    skew = check_skew(
        served,
        Path(model) / "model.keras",
        examples,
        transformed,
        columns,
        read_features(transformed).label_columns,
    )
    split = "test" if ingested["rows"]["test"] else "eval"
    manifest: dict[str, Any] = {
        "split": split,
        "skew": skew,
        "spec": spec_text,
        "compared_with": compared_with,
        "versions": _versions(),
        "data": {key: ingested[key] for key in ("fingerprint", "rows", "files", "left_out")},
    }
    with whole_artifact(output, manifest) as place:
        judged = Judged(trained["tasks"], section.slices)
        metrics = evaluate_split(
            saved_model, examples, split, columns, judged, place / "tfma", place / "predictions", engine, progress
        )
        in_service = None
        if champion is not None:
            in_service = _champion(*champion, examples, split, columns, judged, place, engine, progress)
            overall = in_service.metrics and in_service.metrics[OVERALL]
            manifest["champion"] = {"version": in_service.version, "metrics": overall, "problem": in_service.problem}
        progress.step("how sure the metrics are", now=True)
        comparable = in_service is not None and in_service.metrics is not None
        drawn = _drawn(judged, examples, split, place, comparable)
        manifest["intervals"] = intervals(drawn[OVERALL][0])
        rulings = judge(section.thresholds, metrics, in_service, drawn)
        verdict = verdict_document(rulings)
        manifest.update(metrics=metrics[OVERALL], verdict=verdict)
        write_validation(validation_result(rulings, section.thresholds), place / "tfma")
        progress.step("where it errs", now=True)
        insight = _insight(served, examples, split, columns, judged, place / "predictions")
        manifest["kfp"] = {
            name: {k: found[k] for k in ("roc", "confusion") if k in found} for name, found in insight.items()
        }
        everything = {
            "metrics.json": metrics,
            "verdict.json": verdict,
            "intervals.json": {name: intervals(ours) for name, (ours, _) in drawn.items()},
            "insight.json": insight,
        }
        for name, content in everything.items():
            (place / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        (place / "verdict.md").write_text(as_markdown(verdict), encoding="utf-8")
        page = render_report(
            name=trained["name"],
            examples=ingested,
            validation=read_manifest(statistics, "validate"),
            columns=column_rows(statistics),
            features=read_manifest(transformed, "transform"),
            training=trained,
            plot=(Path(model) / "model.svg").read_text(encoding="utf-8"),
            metrics=metrics,
            tasks=judged.tasks,
            verdict=verdict,
            champion=in_service,
            intervals=everything["intervals.json"],
            insight=insight,
            skew=skew,
            split=split,
            spec=spec_text,
            versions=manifest["versions"],
        )
        (place / "report.html").write_text(page, encoding="utf-8")
    progress.done("blessed" if verdict["blessed"] else "not blessed", blessed=verdict["blessed"])
    return manifest


def _drawn(judged: Judged, examples: str | Path, split: str, place: Path, comparable: bool) -> dict[str, Any]:
    """The bootstrap's draws of all rows and of the slices that have rows enough, the largest first."""
    bootstrap = Bootstrap(judged.tasks, place / "predictions", place / "champion/predictions" if comparable else None)
    found: dict[str, Any] = {OVERALL: bootstrap.draws()}
    if not judged.slices:
        return found
    names = sorted({column for parts in columns_of(judged.slices) for column in parts})
    tables = [pq.read_table(part, columns=names, partitioning=None) for part in split_parts(examples, split)]
    slices = [(slice_name(key), rows) for key, rows in slices_of(pa.concat_tables(tables), judged.slices)]
    enough = sorted((s for s in slices if len(s[1]) >= FEWEST_ROWS), key=lambda found: -len(found[1]))
    for name, rows in enough[:MOST_SLICES]:
        found[name] = bootstrap.draws(rows, SLICE_DRAWS)
    return found


def _insight(
    served: Any, examples: str | Path, split: str, columns: Mapping[str, ColumnType], judged: Judged, kept: Path
) -> dict[str, dict[str, Any]]:
    """By output: curves, the worst rows, the columns that it relies on."""
    parts, table = split_parts(examples, split), read_predictions(kept)
    rises = importance(served, parts, columns, judged.tasks)
    found = {}
    for name, task in judged.tasks.items():
        label, prediction = columns_of_output(table, name)
        worst = worst_rows(task, label, prediction, parts)
        found[name] = {**curves(task, label, prediction), "worst": worst, "importance": rises[name]}
    return found


def _champion(
    version: int, saved_model: Path, examples: str | Path, split: str, columns: Mapping[str, ColumnType],
    judged: Judged, place: Path, engine: Profile, progress: Progress,
) -> Champion:  # fmt: skip
    """The champion's metrics on the rows, and by the labels, that judge the challenger; files in `place/champion`."""
    signature = tf.saved_model.load(str(saved_model)).signatures["evaluate"]
    if missing := sorted(set(signature.structured_input_signature[1]) - set(columns)):
        return Champion(version, None, f"it reads '{missing[0]}', which is no column any more")
    if missing := sorted(set(judged.tasks) - set(signature.structured_outputs)):
        return Champion(version, None, f"it has no output '{missing[0]}'")
    own = place / "champion"
    own.mkdir()
    metrics = evaluate_split(
        saved_model, examples, split, columns, judged, own / "tfma", own / "predictions", engine, progress,
        truth=place / "predictions",
    )  # fmt: skip
    return Champion(version, metrics)


def _versions() -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found
