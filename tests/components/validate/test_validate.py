from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from components.validate.infer import infer_schema
from components.validate.statistics import SplitStats
from components.validate.worker import validate
from schemas.artifacts import split_parts
from schemas.errors import CheckFailed
from schemas.spec import Validation


def stats_of(table, kinds, domains=None):
    stats = SplitStats(kinds, domains or {})
    stats.add(table)
    return stats


def test_numbers_are_numpys(artifacts):
    fares = np.concatenate(
        [
            pq.read_table(p, partitioning=None)["fare_amount"].to_numpy()
            for p in split_parts(artifacts["examples"], "train")
        ]
    )
    listed = statistics_pb2.DatasetFeatureStatisticsList.FromString(
        (artifacts["statistics"] / "statistics.pb").read_bytes()
    )
    train = next(d for d in listed.datasets if d.name == "train")
    assert train.num_examples == len(fares)
    found = next(f for f in train.features if f.path.step[0] == "fare_amount").num_stats
    values = fares.astype(np.float64)
    assert (found.mean, found.std_dev) == pytest.approx((values.mean(), values.std()))
    assert (found.min, found.max) == (values.min(), values.max())
    assert (values < found.median).mean() == pytest.approx(0.5, abs=0.015)
    quantiles = next(h for h in found.histograms if h.type == statistics_pb2.Histogram.QUANTILES)
    for i, bucket in enumerate(quantiles.buckets[:-1], start=1):
        assert (values <= bucket.high_value).mean() >= i / 10 - 0.015


def test_merged_parts_are_the_whole():
    random = np.random.default_rng(3)
    table = pa.table({
        "x": pa.array(random.normal(5, 2, 4_000), mask=random.random(4_000) < 0.1),
        "word": pa.array([f"w{int(v)}" for v in random.exponential(20, 4_000)]),
    })  # fmt: skip
    kinds = {"x": "float", "word": "bytes"}
    whole = stats_of(table, kinds)
    parts = [pickle.loads(pickle.dumps(stats_of(table.slice(i, 1_000), kinds))) for i in range(0, 4_000, 1_000)]
    merged = parts[0].merge(parts[1]).merge(parts[2].merge(parts[3]))
    x, y = whole.columns["x"], merged.columns["x"]
    assert (x.present, x.missing, x.low, x.high) == (y.present, y.missing, y.low, y.high)
    assert (x.mean, x.m2) == pytest.approx((y.mean, y.m2))
    words = table["word"].to_pylist()
    assert merged.columns["word"].unique() == pytest.approx(len(set(words)), rel=0.02)
    assert merged.columns["word"].top_values(3) == whole.columns["word"].top_values(3)
    top, count = merged.columns["word"].top_values(1)[0]
    assert words.count(top) == count


BROKEN = {
    "values": ('name: "pickup_datetime"\n  type: BYTES', 'name: "pickup_datetime"\n  type: BYTES\n  string_domain { value: "x" }', "New values"),
    "range": ("max: 9", "max: 3", "Values too large"),
    "presence": ('name: "key"\n  type: BYTES', 'name: "kex"\n  type: BYTES', None),
}  # fmt: skip


@pytest.mark.parametrize("case", ["values", "range"])
def test_an_anomaly_stops_the_run_and_is_written(case, artifacts, taxi_schema, tmp_path):
    before, after, kind = BROKEN[case]
    with pytest.raises(CheckFailed, match=kind.lower()):
        validate(Validation(), taxi_schema.replace(before, after), artifacts["examples"], tmp_path / "s")
    proto = anomalies_pb2.Anomalies.FromString((tmp_path / "s" / "anomalies.pb").read_bytes())
    assert [info.reason[0].short_description for info in proto.anomaly_info.values()] == [kind]
    assert kind in (tmp_path / "s" / "anomalies.html").read_text()
    validate(Validation(stop_at="never"), taxi_schema.replace(before, after), artifacts["examples"], tmp_path / "s")


def test_an_inferred_schema_keeps_what_it_saw():
    table = pa.table({"colour": ["red", "blue", None, "red"], "n": [1, 2, 3, 4]})
    schema = infer_schema(stats_of(table, {"colour": "bytes", "n": "int"}))
    assert list(schema.string_domain[0].value) == ["blue", "red"]
    assert [f.presence.min_fraction for f in schema.feature] == [0.0, 1.0]
