"""Sources and published models on an S3 API: Beam's filesystem and fsspec's, against moto's server."""

from __future__ import annotations

import boto3
import pytest
from moto.server import ThreadedMotoServer

from components.ingest.worker import ingest
from schemas.registry import Registry
from schemas.spans import resolve_spans
from schemas.spec import Data
from tests.components.ingest.test_spans import COLUMNS


@pytest.fixture
def bucket(monkeypatch, taxi_data):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in (
        ("AWS_ENDPOINT_URL", f"http://{host}:{port}"), ("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="trips")
    rows = (taxi_data / "taxi-valid.csv").read_text().splitlines(keepends=True)
    for day, count in (("22", 7), ("23", 11)):
        s3.put_object(Bucket="trips", Key=f"2026/11/{day}.csv", Body="".join(rows[:count]).encode())
    yield s3
    server.stop()


def test_spans_are_read_from_s3(bucket, tmp_path, taxi_schema):
    data = Data.model_validate(
        {
            "path": "s3://trips/{YYYY}/{MM}/{DD}.csv", "format": "csv", "csv": {"header": False, "columns": COLUMNS},
            "split": {"by": "hash", "columns": ["key"]}, "spans": 2,
        }
    )  # fmt: skip
    assert resolve_spans(data, tmp_path).path == ["s3://trips/2026/11/22.csv", "s3://trips/2026/11/23.csv"]
    manifest = ingest(data, taxi_schema, tmp_path / "examples", folder=tmp_path, seed=1)
    assert sum(manifest["rows"].values()) == 18


def test_models_are_published_to_s3(bucket, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "saved_model.pb").write_text("graph")
    registry = Registry("s3://trips/serving", "rides")
    assert registry.publish(model, {"origin": "a"}, "first") == (1, True)
    registry.keep_run("run-1", {"published": "1"})
    again = Registry("s3://trips/serving", "rides")
    assert again.champion() == 1
    assert again.run("run-1") == {"published": "1"}
    assert (again.fetch(1, tmp_path / "fetched") / "saved_model.pb").read_text() == "graph"
    assert bucket.head_object(Bucket="trips", Key="serving/rides/1/saved_model.pb")["ContentLength"] == 5
