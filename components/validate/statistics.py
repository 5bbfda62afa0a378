"""Statistics of a split in one mergeable pass, as tensorflow.metadata.v0 protos.

Quantiles come from a KLL sketch (Karnin, Lang, Liberty, "Optimal Quantile Approximation in Streams",
2016), distinct counts from HyperLogLog (Flajolet et al., 2007), frequent values from the sketch of
Anderson et al. (2017), all of Apache DataSketches: the rank error of a quantile is about 1.3 %, of a
distinct count about 1.6 %, each at two standard errors or better.
"""

from __future__ import annotations

import base64
from collections import Counter
from typing import Any

import datasketches
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from schemas.dataset import ColumnType

KLL_K, HLL_LG_K, FREQUENT_LG = 200, 12, 12
TOP_VALUES, UNEXPECTED_VALUES, HISTOGRAM_BUCKETS = 50, 20, 10


class ColumnStats:
    """Mergeable statistics of one column of one split."""

    def __init__(self, kind: ColumnType, domain: frozenset[str] | None = None) -> None:
        self.kind = kind
        self.domain = domain
        self.present = self.missing = 0
        self.outside: Counter[str] = Counter()
        self.outside_rows = 0
        if kind == "bytes":
            self.length = 0
            self.distinct = datasketches.hll_sketch(HLL_LG_K)
            self.frequent = datasketches.frequent_strings_sketch(FREQUENT_LG)
        else:
            self.mean = self.m2 = 0.0
            self.zeros = 0
            self.low, self.high = np.inf, -np.inf
            self.quantiles = datasketches.kll_doubles_sketch(KLL_K)

    def __getstate__(self) -> dict[str, Any]:
        sketches = ("distinct", "frequent", "quantiles")
        return {k: _serialized(k, v) if k in sketches else v for k, v in self.__dict__.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        loaders = {
            "distinct": datasketches.hll_sketch.deserialize,
            "frequent": datasketches.frequent_strings_sketch.deserialize,
            "quantiles": datasketches.kll_doubles_sketch.deserialize,
        }
        self.__dict__.update({k: loaders[k](v) if k in loaders else v for k, v in state.items()})

    def state(self) -> dict[str, Any]:
        """What was found, JSON-able; `restore` reads it."""
        found = {k: v for k, v in self.__getstate__().items() if k not in ("kind", "domain")}
        return {k: base64.b64encode(v).decode() if isinstance(v, bytes) else v for k, v in found.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes on what `state` of a column of the same kind told."""
        sketches = ("distinct", "frequent", "quantiles")
        self.__setstate__({k: base64.b64decode(v) if k in sketches else v for k, v in state.items()})
        self.outside = Counter(self.outside)

    def add(self, column: pa.ChunkedArray) -> None:
        """Adds the values of a column."""
        if self.kind == "bytes":
            self._add_texts(column)
        else:
            self._add_numbers(column)

    def _add_numbers(self, column: pa.ChunkedArray) -> None:
        values = column.drop_null().to_numpy().astype(np.float64)
        values = values[~np.isnan(values)]
        self.missing += len(column) - len(values)
        if not len(values):
            return
        mean = float(values.mean())
        self._merge_moments(len(values), mean, float(((values - mean) ** 2).sum()))
        self.zeros += int((values == 0).sum())
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        self.quantiles.update(values)

    def _add_texts(self, column: pa.ChunkedArray) -> None:
        counted = pc.value_counts(column.drop_null().combine_chunks())
        values, counts = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
        rows = sum(counts)
        self.present += rows
        self.missing += len(column) - rows
        update_distinct, update_frequent = self.distinct.update, self.frequent.update
        for value, count in zip(values, counts, strict=True):
            update_distinct(value)
            update_frequent(value, count)
            self.length += len(value) * count
            if self.domain is not None and value not in self.domain:
                self.outside_rows += count
                if value in self.outside or len(self.outside) < UNEXPECTED_VALUES:
                    self.outside[value] += count

    def _merge_moments(self, rows: int, mean: float, m2: float) -> None:
        """Chan, Golub, LeVeque, "Updating Formulae and a Pairwise Algorithm", 1979."""
        total = self.present + rows
        if total == 0:
            return
        delta = mean - self.mean
        self.m2 += m2 + delta * delta * self.present * rows / total
        self.mean += delta * rows / total
        self.present = total

    def merge(self, other: ColumnStats) -> None:
        """Adds the statistics of other rows of the same column."""
        self.missing += other.missing
        if self.kind == "bytes":
            self.present += other.present
            self.length += other.length
            union = datasketches.hll_union(HLL_LG_K)
            union.update(self.distinct)
            union.update(other.distinct)
            self.distinct = union.get_result()
            self.frequent.merge(other.frequent)
            self.outside_rows += other.outside_rows
            self.outside.update(other.outside)
            self.outside = Counter(dict(self.outside.most_common(UNEXPECTED_VALUES)))
        else:
            self._merge_moments(other.present, other.mean, other.m2)
            self.zeros += other.zeros
            self.low, self.high = min(self.low, other.low), max(self.high, other.high)
            self.quantiles.merge(other.quantiles)

    def unique(self) -> int:
        """About how many different texts there are."""
        return round(self.distinct.get_estimate())

    def top_values(self, most: int) -> list[tuple[str, int]]:
        """The most frequent texts with their counts, the most frequent first."""
        kind = datasketches.frequent_items_error_type.NO_FALSE_NEGATIVES
        items = [(item[0], item[1]) for item in self.frequent.get_frequent_items(kind)]
        return sorted(items, key=lambda item: (-item[1], item[0]))[:most]

    def shares(self) -> dict[str, float]:
        """How the values are distributed: by text, or by the quantile buckets of `edges`."""
        return {value: count / max(self.present, 1) for value, count in self.top_values(1_000)}

    def cumulative(self, points: list[float]) -> list[float]:
        """The share of values that are at most each of `points`."""
        return [self.quantiles.get_rank(point, True) for point in points] if self.present else []

    def to_proto(self, name: str) -> statistics_pb2.FeatureNameStatistics:
        """The statistics as a FeatureNameStatistics."""
        stats = statistics_pb2.FeatureNameStatistics(type=_PROTO_TYPES[self.kind])
        stats.path.step.append(name)
        common = stats.string_stats.common_stats if self.kind == "bytes" else stats.num_stats.common_stats
        common.num_non_missing, common.num_missing = self.present, self.missing
        common.tot_num_values = self.present
        if self.present:
            common.min_num_values = common.max_num_values = 1
            common.avg_num_values = 1.0
            (self._text_proto if self.kind == "bytes" else self._number_proto)(stats)
        return stats

    def _text_proto(self, stats: statistics_pb2.FeatureNameStatistics) -> None:
        stats.string_stats.unique = self.unique()
        stats.string_stats.avg_length = self.length / self.present
        for rank, (value, count) in enumerate(self.top_values(TOP_VALUES)):
            stats.string_stats.top_values.add(value=value, frequency=count)
            stats.string_stats.rank_histogram.buckets.add(
                low_rank=rank, high_rank=rank, label=value, sample_count=count
            )

    def _number_proto(self, stats: statistics_pb2.FeatureNameStatistics) -> None:
        numbers = stats.num_stats
        numbers.mean, numbers.std_dev = self.mean, float(np.sqrt(self.m2 / self.present))
        numbers.num_zeros, numbers.min, numbers.max = self.zeros, self.low, self.high
        numbers.median = self.quantiles.get_quantile(0.5)
        edges = np.linspace(self.low, self.high, HISTOGRAM_BUCKETS + 1)
        ranks = [0.0, *self.cumulative(list(edges[1:-1])), 1.0]
        standard = numbers.histograms.add(type=statistics_pb2.Histogram.STANDARD, num_nan=0)
        for low, high, before, after in zip(edges[:-1], edges[1:], ranks[:-1], ranks[1:], strict=True):
            standard.buckets.add(low_value=low, high_value=high, sample_count=(after - before) * self.present)
        points = [i / HISTOGRAM_BUCKETS for i in range(1, HISTOGRAM_BUCKETS)]
        inner = list(self.quantiles.get_quantiles(points))
        by_quantile = numbers.histograms.add(type=statistics_pb2.Histogram.QUANTILES)
        for low, high in zip([self.low, *inner], [*inner, self.high], strict=True):
            by_quantile.buckets.add(low_value=low, high_value=high, sample_count=self.present / HISTOGRAM_BUCKETS)


_PROTO_TYPES: dict[ColumnType, int] = {
    "int": statistics_pb2.FeatureNameStatistics.INT,
    "float": statistics_pb2.FeatureNameStatistics.FLOAT,
    "bytes": statistics_pb2.FeatureNameStatistics.STRING,
}


def _serialized(name: str, sketch: Any) -> bytes:
    return bytes(sketch.serialize_compact() if name == "distinct" else sketch.serialize())


class SplitStats:
    """Mergeable statistics of all columns of one split."""

    def __init__(self, columns: dict[str, ColumnType], domains: dict[str, frozenset[str]]) -> None:
        self.rows = 0
        self.columns = {name: ColumnStats(kind, domains.get(name)) for name, kind in columns.items()}

    def add(self, table: pa.Table) -> None:
        """Adds rows."""
        self.rows += table.num_rows
        for name, stats in self.columns.items():
            stats.add(table[name])

    def merge(self, other: SplitStats) -> SplitStats:
        """Adds the statistics of other rows; returns itself."""
        self.rows += other.rows
        for name, stats in self.columns.items():
            stats.merge(other.columns[name])
        return self

    def state(self) -> dict[str, Any]:
        """What was found, JSON-able; `restore` reads it."""
        return {"rows": self.rows, "columns": {name: stats.state() for name, stats in self.columns.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes on what `state` of statistics of the same columns told."""
        self.rows = state["rows"]
        for name, stats in self.columns.items():
            stats.restore(state["columns"][name])

    def to_proto(self, split: str) -> statistics_pb2.DatasetFeatureStatistics:
        """The statistics as a DatasetFeatureStatistics."""
        proto = statistics_pb2.DatasetFeatureStatistics(name=split, num_examples=self.rows)
        proto.features.extend(stats.to_proto(name) for name, stats in self.columns.items())
        return proto


def domains(schema: schema_pb2.Schema) -> dict[str, frozenset[str]]:
    """The values that text columns may have, for those whose schema says so."""
    named = {domain.name: frozenset(domain.value) for domain in schema.string_domain}
    found = {}
    for feature in schema.feature:
        kind = feature.WhichOneof("domain_info")
        if kind == "domain" and feature.domain in named:
            found[feature.name] = named[feature.domain]
        elif kind == "string_domain":
            found[feature.name] = frozenset(feature.string_domain.value)
    return found
