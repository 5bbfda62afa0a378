"""What is wrong with the data, as a tensorflow.metadata.v0.Anomalies proto."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2, path_pb2, schema_pb2

from components.validate.statistics import ColumnStats, SplitStats
from schemas.spec import Validation

Reason = anomalies_pb2.AnomalyInfo
SEVERITIES = {"warning": Reason.WARNING, "error": Reason.ERROR}
SMALLEST_SPLIT = 1_000


@dataclass(frozen=True)
class Anomaly:
    """One anomaly: which column, what kind, how grave, in a few words and in full."""

    column: str
    kind: int
    severity: str
    short: str
    full: str


def find_anomalies(
    splits: Mapping[str, SplitStats], schema: schema_pb2.Schema, rules: Validation, manifest: Mapping[str, Any]
) -> list[Anomaly]:
    """Checks statistics against a schema.

    Args:
        splits: statistics by split.
        schema: what the columns must be.
        rules: the spec's `validate` section.
        manifest: of the examples; it names missing and unexpected columns.
    """
    found = [
        Anomaly(name, Reason.SCHEMA_MISSING_COLUMN, "error", "Column missing", "no source file has it")
        for name in manifest["missing_columns"]
    ]
    found += [
        Anomaly(
            name, Reason.SCHEMA_NEW_COLUMN, rules.unexpected_column, "New column", "not in the schema; it is not read"
        )
        for name in manifest["unexpected_columns"]
    ]
    missing = set(manifest["missing_columns"])
    for feature in schema.feature:
        if feature.name in missing:
            continue
        for split, stats in splits.items():
            if stats.rows:
                found += _column(feature, split, stats.columns[feature.name], stats.rows)
        found += _skew(feature.name, splits, rules)
    return found


def _column(feature: schema_pb2.Feature, split: str, column: ColumnStats, rows: int) -> Iterator[Anomaly]:
    name = feature.name
    share = column.present / rows
    if feature.HasField("presence") and share < feature.presence.min_fraction:
        wanted = feature.presence.min_fraction
        full = f"{split}: {column.present:,} of {rows:,} rows have a value ({share:.2%}); expected {wanted:.2%}"
        yield Anomaly(name, Reason.FEATURE_TYPE_LOW_FRACTION_PRESENT, "error", "Values missing", full)
    allowed = 1.0 - _domain_mass(feature)
    if column.outside_rows > allowed * column.present:
        shown = ", ".join(f"{value!r} ({count:,})" for value, count in column.outside.most_common(5))
        full = f"{split}: {column.outside_rows:,} rows have values outside of the domain: {shown}"
        yield Anomaly(name, Reason.ENUM_TYPE_UNEXPECTED_STRING_VALUES, "error", "New values", full)
    kind = feature.WhichOneof("domain_info")
    if column.present and kind in ("int_domain", "float_domain"):
        domain = getattr(feature, kind)
        integers = kind == "int_domain"
        if domain.HasField("min") and column.low < domain.min:
            low = Reason.INT_TYPE_SMALL_INT if integers else Reason.FLOAT_TYPE_SMALL_FLOAT
            full = f"{split}: the smallest value is {column.low:g}; expected at least {domain.min:g}"
            yield Anomaly(name, low, "error", "Values too small", full)
        if domain.HasField("max") and column.high > domain.max:
            high = Reason.INT_TYPE_BIG_INT if integers else Reason.FLOAT_TYPE_BIG_FLOAT
            full = f"{split}: the largest value is {column.high:g}; expected at most {domain.max:g}"
            yield Anomaly(name, high, "error", "Values too large", full)


def _domain_mass(feature: schema_pb2.Feature) -> float:
    constraints = feature.distribution_constraints
    return constraints.min_domain_mass if feature.HasField("distribution_constraints") else 1.0


def _skew(name: str, splits: Mapping[str, SplitStats], rules: Validation) -> Iterator[Anomaly]:
    train = splits["train"]
    for split, other in splits.items():
        if split == "train" or min(train.rows, other.rows) < SMALLEST_SPLIT:
            continue
        distance, where = _distance(train.columns[name], other.columns[name])
        if distance > rules.split_skew:
            full = (
                f"{split} differs from train by {distance:.3f} (L-infinity, at {where}); allowed {rules.split_skew:g}"
            )
            yield Anomaly(name, Reason.COMPARATOR_L_INFTY_HIGH, rules.skew_severity, "Splits differ", full)


def _distance(train: ColumnStats, other: ColumnStats) -> tuple[float, str]:
    """The largest difference of two distributions, and where it is: of shares for texts, of ranks for numbers."""
    if not train.present or not other.present:
        return 0.0, ""
    if train.kind == "bytes":
        here, there = train.shares(), other.shares()
        distances = {value: abs(here.get(value, 0.0) - there.get(value, 0.0)) for value in {*here, *there}}
        where = max(sorted(distances), key=distances.__getitem__, default="")
        return distances.get(where, 0.0), repr(where)
    points = [float(p) for p in train.quantiles.get_quantiles([i / 20 for i in range(1, 20)])]
    gaps = [abs(a - b) for a, b in zip(train.cumulative(points), other.cumulative(points), strict=True)]
    worst = max(range(len(gaps)), key=gaps.__getitem__)
    return gaps[worst], f"{points[worst]:g}"


def to_proto(anomalies: Iterable[Anomaly], schema: schema_pb2.Schema) -> anomalies_pb2.Anomalies:
    """The anomalies as a proto; several of one column are its reasons."""
    proto = anomalies_pb2.Anomalies(baseline=schema)
    for anomaly in anomalies:
        info = proto.anomaly_info[anomaly.column]
        info.path.CopyFrom(path_pb2.Path(step=[anomaly.column]))
        info.severity = max(info.severity, SEVERITIES[anomaly.severity])
        info.reason.add(type=anomaly.kind, short_description=anomaly.short, description=anomaly.full)
        several = len(info.reason) > 1
        info.short_description = "Multiple errors" if several else anomaly.short
        info.description = " ".join(f"{r.short_description}: {r.description}." for r in info.reason)
    return proto
