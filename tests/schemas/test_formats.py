from __future__ import annotations

import csv
import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.ingest.worker import ingest
from schemas.artifacts import read_manifest, split_parts
from schemas.errors import DataError
from schemas.formats import Format
from schemas.formats.blocks import record_blocks
from schemas.spec import Csv, Data

COLUMNS = {"id": "int", "price": "float", "note": "bytes"}
SCHEMA = 'feature { name: "id" type: INT } feature { name: "price" type: FLOAT } feature { name: "note" type: BYTES }'
ROWS = [
    {"id": 1, "price": 2.5, "note": "plain"},
    {"id": 2, "price": None, "note": 'two\nlines, a comma and a "quote"'},
    {"id": 3, "price": -1.0, "note": None},
]


def rows_of(path, name, **options):
    reader = Format.known[name](COLUMNS, Csv(**options))
    read = [rows for chunk in reader.plan(str(path)) for rows in reader.read(chunk)]
    return [row for rows in read for row in rows.table.to_pylist()], [bad for rows in read for bad in rows.bad]


def write(path, name, delimiter=","):
    if name == "csv":
        text = io.StringIO()
        writer = csv.writer(text, delimiter=delimiter)
        writer.writerow(COLUMNS)
        writer.writerows(["" if v is None else v for v in row.values()] for row in ROWS)
        content = text.getvalue().encode()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    elif name == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    elif name == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    else:
        import tensorflow as tf

        kinds = {"id": "int64_list", "price": "float_list", "note": "bytes_list"}
        lists = {"int64_list": tf.train.Int64List, "float_list": tf.train.FloatList, "bytes_list": tf.train.BytesList}
        with tf.io.TFRecordWriter(str(path), "GZIP" if path.suffix == ".gz" else "") as writer:
            for row in ROWS:
                feature = {}
                for key, value in row.items():
                    if value is not None:
                        value = value.encode() if isinstance(value, str) else value
                        feature[key] = tf.train.Feature(**{kinds[key]: lists[kinds[key]](value=[value])})
                writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())


@pytest.mark.parametrize(
    ("name", "file"),
    [("csv", "a.csv"), ("csv", "a.csv.gz"), ("jsonl", "a.jsonl"), ("parquet", "a.parquet"), ("tfrecord", "a.tfrecord"),
     ("tfrecord", "a.tfrecord.gz")],
)  # fmt: skip
def test_a_format_reads_what_was_written(name, file, tmp_path):
    write(tmp_path / file, name)
    assert rows_of(tmp_path / file, name) == (ROWS, [])


LISTS = [
    {"tags": ["new york", "x"], "v": [0.5, 2.0]},
    {"tags": ["y"], "v": [1.0]},
    {"tags": [], "v": []},
    {"tags": None, "v": None},
]


@pytest.mark.parametrize("name", ["parquet", "jsonl", "tfrecord"])
def test_lists_are_one_text_each_value_with_its_end(name, tmp_path):
    path = tmp_path / f"lists.{name}"
    if name == "parquet":
        pq.write_table(pa.Table.from_pylist(LISTS), path)
    elif name == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in LISTS))
    else:
        import tensorflow as tf

        with tf.io.TFRecordWriter(str(path)) as writer:
            for row in LISTS:
                tags = tf.train.BytesList(value=[tag.encode() for tag in row["tags"] or []])
                feature = {
                    "tags": tf.train.Feature(bytes_list=tags),
                    "v": tf.train.Feature(float_list=tf.train.FloatList(value=row["v"] or [])),
                }
                writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
    reader = Format.known[name]({"tags": "bytes", "v": "bytes"}, Csv())
    rows = [row for chunk in reader.plan(str(path)) for piece in reader.read(chunk) for row in piece.table.to_pylist()]
    assert rows[0]["tags"] == "new york\x1fx\x1f"
    values = [[float(v) for v in (row["v"] or "").split("\x1f") if v] for row in rows]
    assert values == [[0.5, 2.0], [1.0], [], []]
    assert (rows[2]["tags"], rows[3]["tags"]) == (None, None)


def test_another_delimiter(tmp_path):
    write(tmp_path / "a.csv", "csv", delimiter="|")
    assert rows_of(tmp_path / "a.csv", "csv", delimiter="|") == (ROWS, [])


def test_bad_rows_are_told_with_their_lines(tmp_path):
    (tmp_path / "a.csv").write_text('id,price,note\n1,2,ok\nx,2,bad id\n3,4\n4,5,"two\nlines"\n5,nope,bad price\n')
    rows, bad = rows_of(tmp_path / "a.csv", "csv")
    assert [row["id"] for row in rows] == [1, 4]
    assert [(b.line, b.reason) for b in bad] == [
        (3, "column 'id' is not an integer"),
        (4, "2 fields; expected 3"),
        (7, "column 'price' is not a number"),
    ]
    assert bad[0].raw == "x,2,bad id"


@given(
    st.lists(
        st.tuples(
            st.integers(-(2**40), 2**40), st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), min_size=1)
        ),
        min_size=1,
        max_size=30,
    ),
    st.integers(1, 64),
)
def test_blocks_never_cut_a_record(records, size):
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(records)
    content = text.getvalue().encode()
    blocks = list(record_blocks(io.BytesIO(content), size, quote=b'"'))
    assert b"".join(b.text for b in blocks) == content
    parsed = [row for b in blocks for row in csv.reader(io.StringIO(b.text.decode(), newline=""))]
    assert parsed == [[str(number), text] for number, text in records]


def data(path, **more):
    section = {"path": path, "format": "csv", "split": {"by": "hash", "columns": ["id"]}}
    return Data.model_validate({**section, **more})


def test_quarantine_keeps_bad_rows_and_too_many_fail(tmp_path):
    lines = [f"{i},{i / 2},n{i}" for i in range(200)] + ["oops,1,a", "7,oops,b"]
    (tmp_path / "a.csv").write_text("id,price,note\n" + "\n".join(lines) + "\n")
    manifest = ingest(data("a.csv", max_bad_fraction=0.05), SCHEMA, tmp_path / "out", folder=tmp_path)
    assert sum(manifest["rows"].values()) == 200
    parts = split_parts(tmp_path / "out", "quarantine")
    kept = [row for part in parts for row in pq.read_table(part, partitioning=None).to_pylist()]
    assert [(row["line"], row["raw"]) for row in kept] == [(202, "oops,1,a"), (203, "7,oops,b")]
    assert kept[0]["file"].endswith("a.csv")
    with pytest.raises(DataError, match=r"2 of 202 rows cannot be read.*\n  1 × column"):
        ingest(data("a.csv"), SCHEMA, tmp_path / "refused", folder=tmp_path)
    assert not (tmp_path / "refused").exists()
    (kept_part,) = (tmp_path / "refused.quarantine").glob("*.parquet")
    assert pq.read_table(kept_part)["line"].to_pylist() == [202, 203]


def test_bad_rows_of_other_formats_are_kept_with_their_place(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"id": 1, "price": 2.5}\n{"id": 2, \n{"id": 3, "price": "much"}\n')
    manifest = ingest(
        data("a.jsonl", format="jsonl", max_bad_fraction=0.9, split={"by": "hash", "columns": ["id"], "ratios": {"train": 1.0}}),
        SCHEMA, tmp_path / "out", folder=tmp_path,
    )  # fmt: skip
    assert manifest["rows"]["train"] == 1
    kept = [
        row
        for part in split_parts(tmp_path / "out", "quarantine")
        for row in pq.read_table(part, partitioning=None).to_pylist()
    ]
    assert [(row["line"], row["raw"]) for row in kept] == [(2, '{"id": 2, '), (3, '{"id": 3, "price": "much"}')]


def test_splits_are_stable_when_rows_are_added(tmp_path):
    head = "id,price,note\n"
    (tmp_path / "a.csv").write_text(head + "".join(f"{i},1,x\n" for i in range(1000)))
    (tmp_path / "b.csv").write_text(head + "".join(f"{i},1,x\n" for i in reversed(range(3000))))
    places = []
    for name in ("a", "b"):
        ingest(data(f"{name}.csv"), SCHEMA, tmp_path / name, folder=tmp_path)
        found = {}
        for split in ("train", "eval", "test"):
            for part in split_parts(tmp_path / name, split):
                found.update(dict.fromkeys(pq.read_table(part, partitioning=None)["id"].to_pylist(), split))
        places.append(found)
    assert all(places[1][key] == split for key, split in places[0].items())
    shares = [list(places[1].values()).count(s) / 3000 for s in ("train", "eval", "test")]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.03)


def test_missing_and_unexpected_columns_and_files(tmp_path):
    (tmp_path / "a.csv").write_text("id,extra\n" + "".join(f"{i},2\n" for i in range(50)))
    manifest = ingest(data("a.csv"), SCHEMA, tmp_path / "out", folder=tmp_path)
    assert manifest["missing_columns"] == ["note", "price"]
    assert manifest["unexpected_columns"] == ["extra"]
    assert read_manifest(tmp_path / "out", "ingest")["fingerprint"] == manifest["fingerprint"]
    with pytest.raises(DataError, match="no file matches"):
        ingest(data("none-*.csv"), SCHEMA, tmp_path / "out2", folder=tmp_path)
