from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from components.predict.handler import model_columns
from components.predict.worker import predict
from schemas.artifacts import split_parts
from schemas.dense import numpy_columns
from schemas.errors import DataError
from schemas.registry import Registry
from schemas.spec.prediction import Prediction
from tests.conftest import HOUSE, TAXI


@pytest.fixture(scope="module")
def rides(artifacts):
    return pa.concat_tables([pq.read_table(p, partitioning=None) for p in split_parts(artifacts["examples"], "test")])


@pytest.fixture(scope="module")
def answers(artifacts, rides):
    """What the signature answers to the rows, called in this process."""
    folder = artifacts["model"] / "saved_model"
    columns = numpy_columns(rides, model_columns(folder))
    served = tf.saved_model.load(str(folder))
    return served.signatures["raw"](**{n: tf.constant(v) for n, v in columns.items()})["fare"].numpy()


def predictions(folder):
    parts = sorted((folder / "predictions").glob("*.parquet"))
    return pa.concat_tables([pq.read_table(part, partitioning=None) for part in parts])


@pytest.mark.parametrize("written", ["csv", "jsonl", "parquet"])
def test_any_source_is_predicted_with_its_keys(artifacts, rides, answers, tmp_path, written):
    numbered = rides.drop_columns(["fare_amount"]).append_column("id", pa.array(range(rides.num_rows)))
    for index, rows in enumerate((numbered[:700], numbered[700:])):
        path = tmp_path / f"rides-{index}.{written}"
        if written == "csv":
            pa_csv.write_csv(rows, path)
        elif written == "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows.to_pylist()))
        else:
            pq.write_table(rows, path, row_group_size=300)
    section = Prediction(path=f"rides-*.{written}", format=written, keys=["id", "passenger_count"])
    model = artifacts["model"] / "saved_model"
    schema = 'feature { name: "id" type: INT }'
    manifest = predict(section, model, tmp_path / "out", folder=tmp_path, schema=schema)
    found = predictions(tmp_path / "out")
    assert manifest["rows"] == found.num_rows == rides.num_rows
    assert found["id"].to_pylist() == list(range(rides.num_rows)), "rows keep their order"
    assert found["passenger_count"].equals(rides["passenger_count"])
    np.testing.assert_allclose(found["fare"].to_numpy(), answers, rtol=1e-5, atol=1e-5)
    assert not list((tmp_path / "out" / "quarantine").iterdir())


def test_bad_rows_are_set_aside(artifacts, rides, tmp_path):
    rows = rides.drop_columns(["fare_amount"])[:50]
    pa_csv.write_csv(rows, tmp_path / "rides.csv")
    lines = (tmp_path / "rides.csv").read_text().splitlines()
    lines[10] = "broken,line"
    (tmp_path / "rides.csv").write_text("\n".join(lines) + "\n")
    model = artifacts["model"] / "saved_model"
    section = Prediction(path=str(tmp_path / "rides.csv"), format="csv", max_bad_fraction=0.1)
    manifest = predict(section, model, tmp_path / "out")
    assert (manifest["rows"], sum(manifest["bad"].values())) == (49, 1)
    (bad,) = pq.read_table(tmp_path / "out" / "quarantine").to_pylist()
    assert (bad["line"], bad["raw"]) == (11, "broken,line")
    with pytest.raises(DataError, match="1 of 50 rows cannot be read"):
        predict(section.model_copy(update={"max_bad_fraction": 0.0}), model, tmp_path / "strict")
    assert not (tmp_path / "strict").exists()


def test_a_missing_column_is_named(artifacts, rides, tmp_path):
    pq.write_table(rides.drop_columns(["pickup_latitude"]), tmp_path / "rides.parquet")
    section = Prediction(path=str(tmp_path / "rides.parquet"), format="parquet")
    with pytest.raises(DataError, match="no column 'pickup_latitude'"):
        predict(section, artifacts["model"] / "saved_model", tmp_path / "out")
    with pytest.raises(DataError, match="no model that latticework published"):
        predict(section, tmp_path, tmp_path / "out")


def test_the_command(artifacts, taxi_data, tmp_path):
    Registry(tmp_path / "serving", "taxi").publish(artifacts["model"] / "saved_model", {}, "first")
    command = [sys.executable, "-m", "pipeline.commandline", "predict", "taxi", "--spec", str(TAXI / "spec.yaml"),
               "--input", str(taxi_data / "taxi-test.csv"), "--key", "pickup_datetime", "--output", str(tmp_path / "out"),
               "--serving", str(tmp_path / "serving")]  # fmt: skip
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, cwd=HOUSE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["version"] == "1"
    found = predictions(tmp_path / "out")
    assert found.column_names == ["pickup_datetime", "fare"]
    assert found.num_rows == 1572
    wrong = subprocess.run([*command, "--version", "7"], capture_output=True, text=True, cwd=HOUSE)
    assert wrong.returncode == 2
    assert "no version 7; there are: 1" in wrong.stdout + wrong.stderr
    assert "Traceback" not in wrong.stdout + wrong.stderr
