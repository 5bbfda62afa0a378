"""The same results wherever the data work runs, and what is told when an engine fails."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from deploy.engines import flink, prism
from deploy.engines.__main__ import cache_folder
from deploy.engines.processes import NotStarted, Processes
from schemas.artifacts import split_parts
from schemas.dataset import schema_text
from schemas.engines import LAPTOP, Direct, Prism, Profile
from schemas.errors import DataError
from schemas.spec import SPLITS, load_spec
from tests.conftest import FLIGHTS

PORT, POOL = 28073, 25000
ENGINES: dict[str, Profile] = {
    "two processes": Direct(mode="multi_processing", workers=2),
    "prism": Prism(job_endpoint=f"localhost:{PORT}", worker_pool=f"localhost:{POOL}"),
}
pytestmark = pytest.mark.engines


def need(program: str) -> None:
    """Skips where a program is not at hand, except where it must be."""
    if shutil.which(program) is None and os.environ.get("LATTICEWORK_ENGINES") != "required":
        pytest.skip(f"no {program} at hand")


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """Prism and a worker pool, as processes of their own."""
    need("go")
    started = Processes(tmp_path_factory.mktemp("engine"))
    try:
        prism.start(started, cache_folder(), PORT, POOL)
        yield started
    finally:
        started.stop()


def made(folder: Path, spec_folder: Path, overrides: dict[str, str], engine: Profile) -> Path:
    """What ingest, validate and transform make on an engine."""
    from components.ingest.worker import ingest
    from components.transform.worker import transform
    from components.validate.worker import validate

    loaded = load_spec(spec_folder / "spec.yaml", overrides)
    spec, schema = loaded.spec, schema_text(loaded.schema)
    ingest(spec.data, schema, folder / "examples", folder=spec_folder, seed=spec.seed, engine=engine)
    validate(spec.validation, schema, folder / "examples", folder / "statistics", stop=False, engine=engine)
    transform(spec.transform, schema, folder / "examples", folder / "transformed", engine=engine)
    return folder


@pytest.fixture(scope="module")
def on_laptop(taxi_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """By example, what the laptop's engine makes."""
    done: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in done:
            done[name] = made(tmp_path_factory.mktemp(name), *source(name, taxi_folder), LAPTOP)
        return done[name]

    return get


def source(name: str, taxi_folder: Path) -> tuple[Path, dict[str, str]]:
    """The folder of an example, and what of it is read: two months of the flights."""
    return (taxi_folder, {}) if name == "taxi" else (FLIGHTS, {"data.path": "data/*-0[12].parquet"})


def digest(artifact: Path, split: str) -> list[str]:
    """The rows of a split whatever their order, each as a digest."""
    rows = [row for part in split_parts(artifact, split) for row in pq.read_table(part, partitioning=None).to_pylist()]
    return sorted(hashlib.sha256(repr(sorted(row.items())).encode()).hexdigest() for row in rows)


def quantiles_agree(ours: Any, theirs: Any, numbers: np.ndarray) -> bool:
    """Whether each bound of a quantile histogram stands at the same rank within twice the sketch's error."""
    order = np.sort(numbers)
    for mine, other in zip(ours.buckets, theirs.buckets, strict=True):
        low = np.searchsorted(order, [mine.high_value, other.high_value], "left") / len(order)
        high = np.searchsorted(order, [mine.high_value, other.high_value], "right") / len(order)
        if max(low) - min(high) > 0.027:
            return False
    return True


@pytest.mark.parametrize("name", ["taxi", "flights"])
@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_makes_what_the_laptop_makes(engine, name, on_laptop, processes, taxi_folder, tmp_path):
    here, there = on_laptop(name), made(tmp_path, *source(name, taxi_folder), ENGINES[engine])
    for split in (*SPLITS, "quarantine"):
        assert digest(here / "examples", split) == digest(there / "examples", split), split
    manifests = [json.loads((folder / "examples/manifest.json").read_text()) for folder in (here, there)]
    assert manifests[0] == manifests[1]

    vocabularies = sorted((here / "transformed/transform_fn/transform_fn/assets").glob("*"))
    assert vocabularies or name == "taxi"
    for path in vocabularies:
        assert path.read_bytes() == (there / path.relative_to(here)).read_bytes(), path.name
    for split in SPLITS:
        pairs = zip(*(split_parts(folder / "transformed", split) for folder in (here, there)), strict=True)
        for ours, theirs in pairs:
            assert Path(ours).name == Path(theirs).name
            mine, other = (pq.read_table(path, partitioning=None) for path in (ours, theirs))
            assert mine.column_names == other.column_names
            for column in mine.column_names:
                values = [np.array(table[column].to_pylist(), np.float64) for table in (mine, other)]
                np.testing.assert_allclose(*values, rtol=1e-6, atol=1e-6, err_msg=column)

    found = [
        statistics_pb2.DatasetFeatureStatisticsList.FromString((folder / "statistics/statistics.pb").read_bytes())
        for folder in (here, there)
    ]
    for ours, theirs in zip(*(list_.datasets for list_ in found), strict=True):
        assert (ours.name, ours.num_examples) == (theirs.name, theirs.num_examples)
        rows = [pq.read_table(part, partitioning=None) for part in split_parts(here / "examples", ours.name)]
        for mine, other in zip(ours.features, theirs.features, strict=True):
            assert mine.path == other.path
            if mine.HasField("num_stats"):
                a, b = mine.num_stats, other.num_stats
                assert a.common_stats.num_missing == b.common_stats.num_missing
                assert (a.min, a.max, a.num_zeros) == (b.min, b.max, b.num_zeros)
                assert (a.mean, a.std_dev) == pytest.approx((b.mean, b.std_dev), rel=1e-9)
                numbers = np.concatenate([t[mine.path.step[0]].drop_null().to_numpy() for t in rows])
                for left, right in zip(a.histograms, b.histograms, strict=True):
                    assert left.type != left.QUANTILES or quantiles_agree(left, right, numbers), mine.path
            else:
                assert mine.string_stats.unique == pytest.approx(other.string_stats.unique, rel=0.033)
                assert mine.string_stats.common_stats == other.string_stats.common_stats


@pytest.mark.parametrize("engine", ENGINES)
def test_metrics_and_predictions_are_the_same(engine, artifacts, taxi_schema, processes, tmp_path):
    from components.evaluate.worker import evaluate
    from components.predict.worker import predict
    from schemas.spec import Evaluation
    from schemas.spec.prediction import Prediction

    found = {}
    data = artifacts["examples"].parent / "rows.parquet"
    pq.write_table(pq.read_table(split_parts(artifacts["examples"], "test")[0], partitioning=None), data)
    for name, where in (("laptop", LAPTOP), ("engine", ENGINES[engine])):
        evaluate(
            Evaluation(), taxi_schema, artifacts["examples"], artifacts["statistics"], artifacts["transformed"],
            artifacts["model"], tmp_path / name, engine=where,
        )  # fmt: skip
        asked = Prediction(path=[str(data)], format="parquet", keys=["key"])
        predict(asked, artifacts["model"] / "saved_model", tmp_path / f"{name}-rows", schema=taxi_schema, engine=where)
        parts = sorted((tmp_path / f"{name}-rows/predictions").glob("*.parquet"))
        rows = [pq.read_table(part).to_pydict() for part in parts]
        found[name] = (json.loads((tmp_path / name / "metrics.json").read_text())["overall"], rows)
    (metrics, rows), (others, other_rows) = found["laptop"], found["engine"]
    assert metrics.keys() == others.keys()
    for output, values in metrics.items():
        assert values == pytest.approx(others[output], rel=1e-9, abs=1e-9)
    assert [part["key"] for part in rows] == [part["key"] for part in other_rows]
    for ours, theirs in zip(rows, other_rows, strict=True):
        for column in ours.keys() - {"key"}:
            np.testing.assert_allclose(ours[column], theirs[column], rtol=1e-5)


def ingested(taxi_folder: Path, output: Path, engine: Profile, **overrides: str) -> dict[str, Any]:
    from components.ingest.worker import ingest

    loaded = load_spec(taxi_folder / "spec.yaml", overrides)
    return ingest(loaded.spec.data, schema_text(loaded.schema), output, folder=taxi_folder, engine=engine)


@pytest.mark.parametrize(
    ("python", "told"),
    [
        ("/usr/bin/false", "the worker cannot start; it says: nothing"),
        ("/no/python", "/no/python: No such file or directory"),
        ("without beam", "No module named"),
    ],
)
def test_a_worker_that_cannot_start_is_told_within_a_minute(python, told, processes, taxi_folder, tmp_path):
    if python == "without beam":
        # An interpreter that has none of our libraries: a wrong image.
        python = str(tmp_path / "python")
        Path(python).write_text(f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n', encoding="utf-8")
        Path(python).chmod(0o755)
    port = POOL + 1
    own = Processes(tmp_path / "pool")
    own.worker_pool(port, python)
    try:
        began = time.monotonic()
        engine = Prism(job_endpoint=f"localhost:{PORT}", worker_pool=f"localhost:{port}")
        with pytest.raises(DataError) as raised:
            ingested(taxi_folder, tmp_path / "examples", engine)
        assert told in str(raised.value)
        assert time.monotonic() - began < 60
    finally:
        own.stop()
    assert not list(tmp_path.glob("*examples*")), "nothing half-written is left"


@pytest.mark.parametrize("python", ["/usr/bin/false", "/no/python"])
def test_an_engine_that_asks_for_a_worker_that_cannot_start_gets_the_reason(python):
    from apache_beam.portability.api import beam_fn_api_pb2

    from schemas.engines.worker_pool import WorkerPool

    response = WorkerPool(python).StartWorker(beam_fn_api_pb2.StartWorkerRequest(worker_id="w"), None)
    assert response.error.startswith("latticework worker pool: ")
    assert pipeline_words(f"java.lang.RuntimeException: {response.error}\n  at …") == response.error.replace(
        "latticework worker pool: ", "prism: "
    )


def pipeline_words(text: str) -> str:
    from schemas.engines.pipeline import _in_words

    return _in_words(text, ENGINES["prism"])


def test_a_worker_of_another_version_refuses_the_job(processes, taxi_folder, tmp_path, monkeypatch):
    from schemas.engines import pipeline

    monkeypatch.setattr(pipeline, "versions", lambda: "Python 3.9, Beam 2.1.0, Latticework 0.0.1")
    with pytest.raises(
        DataError, match=r"prism: the job was built with Python 3\.9, Beam 2\.1\.0.*images of one build"
    ):
        ingested(taxi_folder, tmp_path / "examples", ENGINES["prism"])


def test_a_pool_that_is_not_there_is_told(processes, taxi_folder, tmp_path):
    engine = Prism(job_endpoint=f"localhost:{PORT}", worker_pool="localhost:1")
    with pytest.raises(DataError, match="worker_pool localhost:1: nothing answers there"):
        ingested(taxi_folder, tmp_path / "examples", engine)


def test_a_users_mistake_that_a_worker_meets_is_told_in_its_own_words(processes, artifacts, tmp_path):
    import pyarrow as pa

    from components.predict.worker import predict
    from schemas.spec.prediction import Prediction

    pq.write_table(pa.table({"fare_amoun": [1.0]}), tmp_path / "rows.parquet")
    asked = Prediction(path=[str(tmp_path / "rows.parquet")], format="parquet")
    with pytest.raises(DataError, match=r"^\S*rows.parquet: no column '\w+'.*$"):
        predict(asked, artifacts["model"] / "saved_model", tmp_path / "out", engine=ENGINES["prism"])
    assert not (tmp_path / "out").exists()


def test_a_worker_that_is_killed_leaves_an_error_and_no_artifact(processes, taxi_folder, tmp_path):
    """Prism starts no second worker: the job fails, and says so."""
    for copy in range(20):
        shutil.copy(taxi_folder / "data/taxi-train.csv", tmp_path / f"rows-{copy}.csv")
    pool = processes.number(f"pool-{POOL}")

    def kill() -> None:
        for _ in range(600):
            found = subprocess.run(["pgrep", "-P", str(pool)], capture_output=True, text=True).stdout.split()
            if found and list(tmp_path.glob(".examples.*/split=train/part-*")):
                os.kill(int(found[0]), signal.SIGKILL)
                return
            time.sleep(0.005)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises((DataError, RuntimeError)):
        ingested(
            taxi_folder,
            tmp_path / "examples",
            ENGINES["prism"],
            **{"data.path": f"{tmp_path}/rows-*.csv", "data.split": "{by: hash, columns: [key]}"},
        )
    killer.join()
    assert not list(tmp_path.glob("*examples*"))


def test_flink_has_two_task_managers(tmp_path):
    """The session cluster itself; Beam's job server comes from Maven Central where that has it."""
    need("java")
    started = Processes(tmp_path / "flink")
    try:
        flink.start_cluster(started, cache_folder())
        assert flink.task_managers() == flink.TASK_MANAGERS
    finally:
        started.stop()


def test_a_job_server_that_was_changed_is_refused(tmp_path):
    jar = tmp_path / f"{flink.JOB_SERVER.replace(':', '-')}.jar"
    jar.write_bytes(b"the jar")
    assert flink.job_server(tmp_path) == jar
    assert flink.job_server(tmp_path) == jar
    jar.write_bytes(b"another jar")
    with pytest.raises(NotStarted, match="sha256"):
        flink.job_server(tmp_path)


class _Built(Exception):
    """The job that Dataflow would be sent."""


@pytest.mark.parametrize("step", ["ingest", "validate", "transform"])
def test_dataflows_job_is_built_and_checked_without_being_sent(step, taxi_folder, artifacts, monkeypatch, tmp_path):
    from apache_beam.options.pipeline_options import GoogleCloudOptions, WorkerOptions
    from apache_beam.runners.dataflow import dataflow_runner

    from components.ingest.worker import ingest
    from components.transform.worker import transform
    from components.validate.worker import validate
    from schemas.engines import Dataflow

    build = dataflow_runner.DataflowRunner.run_pipeline

    def run_pipeline(runner, pipeline, options, *more):
        build(runner, pipeline, options, *more)
        raise _Built(runner.job, options)

    monkeypatch.setattr(dataflow_runner.DataflowRunner, "run_pipeline", run_pipeline)
    profile = Dataflow(
        project="acme", region="europe-west1", temp_location="gs://acme/temp", image="registry/acme/transform:1",
        scratch=str(tmp_path), max_workers=7, subnetwork="https://subnet", options={"dry_run": "true"},
    )  # fmt: skip
    loaded = load_spec(taxi_folder / "spec.yaml")
    spec, schema, examples = loaded.spec, schema_text(loaded.schema), artifacts["examples"]
    calls = {
        "ingest": lambda: ingest(spec.data, schema, tmp_path / "out", folder=taxi_folder, engine=profile),
        "validate": lambda: validate(spec.validation, schema, examples, tmp_path / "out", engine=profile),
        "transform": lambda: transform(spec.transform, schema, examples, tmp_path / "out", engine=profile),
    }
    with pytest.raises(_Built) as raised:
        calls[step]()
    job, options = raised.value.args
    images = [e.payload for e in job.proto_pipeline.components.environments.values()]
    assert images
    assert all(b"registry/acme/transform:1" in payload for payload in images)
    cloud, workers = options.view_as(GoogleCloudOptions), options.view_as(WorkerOptions)
    assert (cloud.project, cloud.region) == ("acme", "europe-west1")
    assert cloud.staging_location.startswith("gs://acme/temp/staging")
    assert (workers.max_num_workers, workers.machine_type, workers.use_public_ips) == (7, "n2-standard-4", False)
    assert len(job.proto_pipeline.components.transforms) > 5
    assert not list(tmp_path.glob("*out*")), "nothing half-written is left"


def test_a_whole_run_on_an_engine_is_one_word_more(processes, taxi_folder, tmp_path):
    (tmp_path / "here.yaml").write_text(
        f"engine: prism\njob_endpoint: localhost:{PORT}\nworker_pool: localhost:{POOL}\n", encoding="utf-8"
    )
    log = processes.folder / f"pool-{POOL}.log"
    before = log.stat().st_size
    command = [
        sys.executable, "-m", "pipeline.commandline", "run", str(taxi_folder / "spec.yaml"), "--json",
        "--profile", str(tmp_path / "here.yaml"), "--set", "model.training.epochs=1", "--set", "evaluate.thresholds=[]",
        "--runs", str(tmp_path / "runs"), "--serving", str(tmp_path / "serving"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-1000:]
    assert (tmp_path / "serving/taxi/1").is_dir()
    worked = log.read_text(encoding="utf-8", errors="replace")[before:]
    assert [name for name in ("ingest", "validate", "transform", "evaluate") if f"{name}: " not in worked] == []
    assert json.loads(done.stdout)["published"]
