"""Each op in a real analysis by tf.Transform, against arithmetic of Python's own."""

from __future__ import annotations

import datetime
import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.transform.worker import transform
from schemas.artifacts import read_features, split_parts, whole_artifact
from schemas.ops import Op
from schemas.spec import Transform

TIMES = ["2013-03-27 03:35:00 UTC", "2012-02-29 23:59:00 UTC", "2000-12-31T00:00:00", "", "1999-01-01"]
NUMBERS = [1.0, 2.0, None, 4.0, 10.0]
WORDS = ["a", "b", "a", None, "c"]
COUNTS = [0, 5, 2, None, 7]
SENTENCES = ["A b", "b c d e", None, "a", "a a"]
VECTORS = ["1|2|3", "4|5|6|7", "0.5", None, "-1|-2"]
LISTS = ["1\x1f2\x1f3\x1f", " 4  5 6 7", "0.5\x1f", None, "-1\x1f-2\x1f"]
SCHEMA = "".join(
    f'feature {{ name: "{name}" type: {kind} }} '
    for name, kind in (
        ("t", "BYTES"),
        ("x", "FLOAT"),
        ("w", "BYTES"),
        ("n", "INT"),
        ("s", "BYTES"),
        ("v", "BYTES"),
        ("l", "BYTES"),
    )
)
FEATURES = {
    "z": {"op": "z_score", "input": "x"},
    "unit": {"op": "scale_0_1", "input": "x"},
    "mm": {"op": "min_max", "input": "x", "low": -1, "high": 1},
    "log": {"op": "log1p", "input": "x"},
    "clip": {"op": "clip", "input": "x", "low": 2, "high": 5},
    "chained": {"op": "z_score", "input": "clip"},
    "fill": {"op": "fill", "input": "x", "value": -7},
    "gone": {"op": "is_missing", "input": "w"},
    "bucket": {"op": "buckets", "input": "x", "boundaries": [2, 5]},
    "quantile": {"op": "quantile_buckets", "input": "x", "buckets": 2},
    "word": {"op": "vocabulary", "input": "w"},
    "top": {"op": "vocabulary", "input": "w", "top_k": 1, "oov_buckets": 2},
    "hashed": {"op": "hash", "input": "w", "buckets": 5},
    "both": {"op": "vocabulary", "input": "w", "also": ["s"]},
    "other": {"op": "vocabulary", "input": "s", "also": ["w"]},
    "listed": {"op": "lookup", "input": "w", "values": ["c", "a"]},
    "words": {"op": "tokens", "input": "s", "length": 3, "lower": True},
    "hashed_words": {"op": "tokens", "input": "s", "length": 2, "buckets": 9},
    "numbers": {"op": "vector", "input": "v", "length": 3, "delimiter": "|", "fill": -1},
    "listed_numbers": {"op": "vector", "input": "l", "length": 3, "fill": -1},
    "same": {"op": "identity", "input": "n", "values": 6},
    "cross": {"op": "cross", "inputs": ["w", "bucket"], "frequency_threshold": 1},
    "crossed": {"op": "cross", "inputs": ["w", "n"], "buckets": 50},
    **{p: {"op": "datetime_part", "input": "t", "part": p} for p in ("year", "month", "day", "day_of_year", "weekday", "hour", "minute")},
    "sin": {"op": "cyclic", "input": "x", "period": 8, "function": "sin"},
    "cos": {"op": "cyclic", "input": "x", "period": 8, "function": "cos"},
    "minus": {"op": "difference", "inputs": ["x", "n"]},
    "flat": {"op": "euclidean_distance", "from_x": "x", "from_y": "x", "to_x": "n", "to_y": "n"},
    "globe": {"op": "great_circle_distance", "from_x": "x", "from_y": "x", "to_x": "n", "to_y": "n"},
    "cast": {"op": "cast", "input": "n"},
    "pass": {"op": "passthrough", "input": "x"},
}  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    place = tmp_path_factory.mktemp("ops")
    manifest = {"rows": {"train": 5, "eval": 0, "test": 0}}
    with whole_artifact(place / "examples", manifest) as examples:
        (examples / "split=train").mkdir()
        types = {
            "t": pa.string(),
            "x": pa.float32(),
            "w": pa.string(),
            "n": pa.int64(),
            "s": pa.string(),
            "v": pa.string(),
            "l": pa.string(),
        }
        given = {"t": TIMES, "x": NUMBERS, "w": WORDS, "n": COUNTS, "s": SENTENCES, "v": VECTORS, "l": LISTS}
        columns = {n: pa.array(v, types[n]) for n, v in given.items()}
        pq.write_table(pa.table(columns), examples / "split=train" / "part-0.parquet")
    section = Transform.model_validate(
        {"features": FEATURES, "labels": {"y": {"op": "above", "input": "x", "threshold": 2}}}
    )
    transform(section, SCHEMA, place / "examples", place / "out")
    (part,) = split_parts(place / "out", "train")
    return pq.read_table(part, partitioning=None).to_pydict(), read_features(place / "out")


def test_every_op_is_tried():
    assert set(Op.known) == {feature["op"] for feature in FEATURES.values()} | {"above"}


MEAN = 17 / 4
MEAN_LOG = sum(math.log1p(v) for v in (1, 2, 4, 10)) / 4
DEVIATION = math.sqrt(sum((v - MEAN) ** 2 for v in (1, 2, 4, 10)) / 4)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("z", [(v - MEAN) / DEVIATION for v in (1, 2, MEAN, 4, 10)]),
        ("unit", [(v - 1) / 9 for v in (1, 2, MEAN, 4, 10)]),
        ("mm", [(v - 1) / 9 * 2 - 1 for v in (1, 2, MEAN, 4, 10)]),
        ("log", [math.log1p(1), math.log1p(2), MEAN_LOG, math.log1p(4), math.log1p(10)]),
        ("clip", [2, 2, 13 / 4, 4, 5]),
        ("chained", [(v - 13 / 4) / math.sqrt(6.75 / 4) for v in (2, 2, 13 / 4, 4, 5)]),
        ("fill", [1, 2, -7, 4, 10]),
        ("gone", [0, 0, 0, 1, 0]),
        ("bucket", [0, 1, 3, 1, 2]),
        ("same", [0, 5, 2, 6, 6]),
        ("sin", [math.sin(v * math.pi / 4) if v is not None else 0 for v in NUMBERS]),
        ("cos", [math.cos(v * math.pi / 4) if v is not None else 0 for v in NUMBERS]),
        ("minus", [1, -3, 0, 0, 3]),
        ("flat", [math.sqrt(2), math.sqrt(18), 0, 0, math.sqrt(18)]),
        ("cast", [0, 5, 2, 0, 7]),
        ("pass", [1, 2, 0, 4, 10]),
        ("y", [0, 0, 0, 1, 1]),
    ],
)
def test_values(name, expected, results):
    assert results[0][name] == pytest.approx(expected, abs=1e-5)


def test_dates_are_pythons(results):
    values, ready = results
    for row, text in enumerate(TIMES):
        parts = ("year", "month", "day", "day_of_year", "weekday", "hour", "minute")
        if not text:
            assert all(values[part][row] == ready.features[part].size - 1 for part in parts)
            continue
        moment = datetime.datetime.fromisoformat(text.removesuffix(" UTC"))
        day = moment.timetuple().tm_yday
        expected = [moment.year, moment.month, moment.day, day, moment.weekday(), moment.hour, moment.minute]
        assert [values[part][row] for part in parts] == expected


def test_the_globe_is_haversine(results):
    def radians(v):
        return v * math.pi / 180

    a, b = radians(1), radians(0)
    chord = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin((b - a) / 2) ** 2
    assert results[0]["globe"][0] == pytest.approx(2 * 6371.0088 * math.asin(math.sqrt(chord)), rel=1e-4)


def test_ids_stay_below_their_size(results):
    values, ready = results
    for name, feature in ready.features.items():
        if feature.kind == "id":
            assert all(0 <= v < feature.size for v in values[name]), name
        elif feature.kind == "ids":
            assert all(len(row) == feature.length and 0 <= v < feature.size for row in values[name] for v in row), name


def test_vocabularies(results):
    values, ready = results
    assert ready.features["word"].size == 5  # a, b, c, missing, OOV
    assert values["word"][0] == values["word"][2] == 0
    assert len(set(values["word"])) == 4
    assert [v == 0 for v in values["top"]] == [True, False, True, False, False]
    assert len({values["cross"][i] for i in (0, 1, 2, 3, 4)}) == 5
    assert ready.label_columns == ["x"]


def test_words_and_vectors_have_a_fixed_length(results):
    values, ready = results
    a, b, c = (values["words"][3][0], values["words"][0][1], values["words"][1][1])
    d = values["words"][1][2]
    assert values["words"] == [[a, b, 0], [b, c, d], [0, 0, 0], [a, 0, 0], [a, a, 0]]
    assert len({a, b, c, d}) == 4
    assert (a, b) == (1, 2)  # the most frequent first
    assert ready.features["words"].size == 1 + 4 + 1
    assert values["hashed_words"][3][1] == 0
    assert values["hashed_words"][3][0] == values["hashed_words"][4][1] > 0
    assert (
        values["numbers"]
        == values["listed_numbers"]
        == [[1, 2, 3], [4, 5, 6], [0.5, -1, -1], [-1, -1, -1], [-1, -2, -1]]
    )


def test_features_that_name_each_other_share_a_vocabulary(results):
    values, ready = results
    assert ready.features["both"].size == ready.features["other"].size
    assert values["both"][0] == values["other"][3]  # both are "a"
    assert values["both"][3] == values["other"][2]  # both are missing


def test_a_given_list(results):
    values, ready = results
    assert values["listed"] == [1, 2, 1, 2, 0]
    assert ready.features["listed"].size == 3
