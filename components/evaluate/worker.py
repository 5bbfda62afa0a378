"""Evaluate: the skew proof, metrics by TFMA, the verdict and the report."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import tensorflow as tf

from components.evaluate.intervals import draws, interval
from components.evaluate.metrics import Judged, evaluate_split
from components.evaluate.report import render_report
from components.evaluate.skew import check_skew
from components.evaluate.verdict import Champion, judge, verdict_document
from schemas.artifacts import read_features, read_manifest, whole_artifact
from schemas.dataset import ColumnType, column_types, parse_schema
from schemas.progress import Progress
from schemas.running import LOCAL_RUNNER
from schemas.spec import Evaluation

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
    beam_options: Iterable[str] = LOCAL_RUNNER,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Proves that the exported model answers as the trained one, judges it on the test split, writes the report.

    Args:
        section: the spec's evaluate section.
        schema: the dataset schema as text proto.
        examples, statistics, transformed, model: the artifacts of the components before.
        output: the artifact's folder: metrics.json, verdict.json, report.html, predictions/, tfma/, champion/.
        champion: number and SavedModel of the version in service.
        compared_with: the champion as the pipeline names it, for the manifest.
        spec_text: the spec, for the report.
        beam_options: Beam's pipeline options.

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
    skew = check_skew(
        tf.saved_model.load(str(saved_model)),
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
        judged = Judged(trained["tasks"], [list(names) for names in section.slices])
        metrics = evaluate_split(
            saved_model, examples, split, columns, judged, place / "tfma", place / "predictions", beam_options, progress
        )
        in_service = None
        if champion is not None:
            in_service = _champion(*champion, examples, split, columns, judged, place, beam_options, progress)
            manifest["champion"] = {"version": in_service.version, "metrics": in_service.metrics}
        progress.step("how sure the metrics are", now=True)
        comparable = in_service is not None and in_service.metrics is not None
        drawn = draws(judged.tasks, place / "predictions", place / "champion/predictions" if comparable else None)
        manifest["intervals"] = {
            output: {metric: interval(values) for metric, values in found.items() if metric != "rows"}
            for output, found in drawn[0].items()
        }
        verdict = verdict_document(judge(section.thresholds, metrics["overall"], in_service, drawn))
        manifest.update(metrics=metrics["overall"], verdict=verdict)
        (place / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
        (place / "verdict.json").write_text(json.dumps(verdict, indent=2) + "\n", encoding="utf-8")
        page = render_report(
            name=trained["name"],
            examples=ingested,
            validation=read_manifest(statistics, "validate"),
            features=read_manifest(transformed, "transform"),
            training=trained,
            plot=(Path(model) / "model.svg").read_text(encoding="utf-8"),
            metrics=metrics,
            verdict=verdict,
            champion=in_service,
            intervals=manifest["intervals"],
            skew=skew,
            split=split,
            spec=spec_text,
            versions=_versions(),
        )
        (place / "report.html").write_text(page, encoding="utf-8")
    progress.done("blessed" if verdict["blessed"] else "not blessed", blessed=verdict["blessed"])
    return manifest


def _champion(
    version: int, saved_model: Path, examples: str | Path, split: str, columns: Mapping[str, ColumnType],
    judged: Judged, place: Path, beam_options: Iterable[str], progress: Progress,
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
        saved_model, examples, split, columns, judged, own / "tfma", own / "predictions", beam_options, progress,
        truth=place / "predictions",
    )  # fmt: skip
    return Champion(version, metrics["overall"])


def _versions() -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found
