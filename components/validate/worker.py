"""Validate: statistics, schema, anomalies, on Beam. No TensorFlow here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow.parquet as pq
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.validate.anomalies import find_anomalies, to_proto
from components.validate.page import anomalies_page
from components.validate.statistics import SplitStats, domains
from schemas.artifacts import read_manifest, split_parts, whole_artifact
from schemas.dataset import column_types, parse_schema, schema_text
from schemas.engines import LAPTOP, Profile
from schemas.engines.pipeline import data_pipeline, size_of
from schemas.errors import CheckFailed
from schemas.progress import Progress
from schemas.spec import SPLITS, Validation

_GRAVITY = {"warning": 1, "error": 2, "never": 3}


def validate(
    rules: Validation,
    schema: str,
    examples: str | Path,
    output: str | Path,
    *,
    stop: bool = True,
    engine: Profile = LAPTOP,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Computes statistics of every split and checks them against the schema.

    Args:
        rules: the spec's validate section.
        schema: the dataset schema as text proto.
        examples: what ingest wrote.
        output: the artifact's folder: statistics.pb, schema.pbtxt, anomalies.pb, anomalies.html.
        stop: whether anomalies as grave as `rules.stop_at` are an error; the manifest's `sound` tells of them anyway.
        engine: where Beam runs.

    Returns:
        The manifest, with the anomalies.

    Raises:
        CheckFailed: where it stops, an anomaly is at least as grave as `rules.stop_at`; the output is whole
            all the same.
    """
    progress = progress or Progress("validate")
    progress.start()
    ingested = read_manifest(examples, "ingest")
    parsed = parse_schema(schema, "schema")
    splits = statistics(parsed, examples, engine, progress)
    anomalies = find_anomalies(splits, parsed, rules, ingested)
    grave = [a for a in anomalies if _GRAVITY[a.severity] >= _GRAVITY[rules.stop_at]]
    manifest: dict[str, Any] = {
        "sound": not grave,
        "rows": {name: stats.rows for name, stats in splits.items()},
        "anomalies": [
            {"column": a.column, "severity": a.severity, "short": a.short, "full": a.full} for a in anomalies
        ],
    }
    with whole_artifact(output, manifest) as place:
        listed = statistics_pb2.DatasetFeatureStatisticsList(datasets=[s.to_proto(n) for n, s in splits.items()])
        (place / "statistics.pb").write_bytes(listed.SerializeToString(deterministic=True))
        (place / "schema.pbtxt").write_text(schema_text(parsed), encoding="utf-8")
        (place / "anomalies.pb").write_bytes(to_proto(anomalies, parsed).SerializeToString(deterministic=True))
        (place / "anomalies.html").write_text(anomalies_page(anomalies, splits), encoding="utf-8")
    if grave and stop:
        listed_text = "\n".join(f"  {a.severity}: column '{a.column}': {a.short.lower()}: {a.full}" for a in grave)
        raise CheckFailed(
            f"{len(grave)} anomal{'y' if len(grave) == 1 else 'ies'} at or above validate.stop_at "
            f"({rules.stop_at}):\n{listed_text}\nMend the data or data.schema; "
            f"{Path(output) / 'anomalies.html'} has all."
        )
    progress.done(f"{len(anomalies)} anomalies", anomalies=len(anomalies))
    return manifest


def statistics(
    schema: schema_pb2.Schema, examples: str | Path, engine: Profile, progress: Progress
) -> dict[str, SplitStats]:
    """The statistics of each split of what ingest wrote."""
    columns, known_domains = column_types(schema), domains(schema)
    parts = [(split, path) for split in SPLITS for path in split_parts(examples, split)]
    result = {split: SplitStats(columns, known_domains) for split in SPLITS}
    found = Path(examples).parent / f".statistics.{id(result)}.partial"
    try:
        with data_pipeline(engine, size_of(path for _, path in parts)) as pipeline:
            _ = (
                pipeline
                | "Parts" >> beam.Create(parts)
                | "Statistics"
                >> beam.FlatMap(_part_statistics, columns=columns, known=known_domains, progress=progress)
                | "Merge" >> beam.CombinePerKey(_merge)
                | "State" >> beam.MapTuple(lambda split, stats: (split, stats.state()))
                | "Gather" >> beam.combiners.ToList()
                | "Write" >> beam.Map(lambda states: found.write_text(json.dumps(states), encoding="utf-8"))
            )
        for split, state in json.loads(found.read_text(encoding="utf-8")):
            result[split].restore(state)
    finally:
        found.unlink(missing_ok=True)
    return result


def _part_statistics(
    part: tuple[str, str], columns: dict[str, Any], known: dict[str, frozenset[str]], progress: Progress
) -> Iterator[tuple[str, SplitStats]]:
    split, path = part
    stats = SplitStats(columns, known)
    stats.add(pq.read_table(path, partitioning=None))
    progress.count(stats.rows)
    yield split, stats


def _merge(many: Iterable[SplitStats]) -> SplitStats:
    total: SplitStats | None = None
    for stats in many:
        total = stats if total is None else total.merge(stats)
    if total is None:
        raise ValueError("nothing to merge")
    return total
