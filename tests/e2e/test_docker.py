"""The pipeline in the images of its components, in real containers."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import docker
import pyarrow.parquet as pq
import pytest

from pipeline.docker import COMPONENTS, run_to_its_end
from pipeline.images import image, image_tag
from schemas.artifacts import split_parts
from tests.conftest import FLIGHTS, HOUSE

REDUCED = [
    "--set", "data.path=data/2013-01.parquet", "--set", "model.training.epochs=1",
    "--set", "evaluate.thresholds=[{output: late, metric: auc, at_least: 0.5}]", "--set", "validate.stop_at=never",
]  # fmt: skip
ROOMS = sorted(path.parent.name for path in (HOUSE / "components").glob("*/Dockerfile"))


def engine() -> Any:
    try:
        return docker.from_env()
    except docker.errors.DockerException:
        return None


REQUIRED = os.environ.get("LATTICEWORK_DOCKER") == "required"
"""CI: no engine is a failure, not a reason to skip."""
pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(engine() is None and not REQUIRED, reason="no Docker engine answers"),
]


@pytest.fixture(scope="module")
def client() -> Any:
    """The engine, with the images of the code as it is: make images, unless they are built."""
    client = engine()
    there = {name for found in client.images.list() for name in found.tags}
    if missing := [room for room in ROOMS if image(room, image_tag()) not in there]:
        subprocess.run(["make", "images", f"COMPONENTS={' '.join(missing)}"], cwd=HOUSE, check=True)
    return client


def run(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    if not (FLIGHTS / "data").exists():
        subprocess.run([sys.executable, str(FLIGHTS / "prepare.py")], check=True)
    command = [sys.executable, "-m", "pipeline.commandline", "run", str(FLIGHTS / "spec.yaml")]
    places = ["--runs", str(folder / "runs"), "--serving", str(folder / "serving"), "--json"]
    return subprocess.run([*command, *places, *REDUCED, *more], capture_output=True, text=True, cwd=HOUSE)


def artifacts(summary: dict[str, Any]) -> Path:
    return Path(summary["report"]).parent.parent.parent


def test_what_containers_make_is_what_processes_make(client, tmp_path):
    summaries = {}
    for runner in ("subprocess", "docker"):
        done = run(tmp_path / runner, "--runner", runner)
        assert done.returncode == 0, done.stdout + done.stderr
        summaries[runner] = json.loads(done.stdout)
    here, there = summaries["subprocess"], summaries["docker"]
    assert there["rows"] == here["rows"]
    assert there["left_out"] == here["left_out"]
    assert there["blessed"]
    for split in ("train", "eval", "test"):
        tables = [
            pq.read_table(split_parts(artifacts(s) / "ingest/examples", split), partitioning=None)
            for s in (here, there)
        ]
        assert tables[0].equals(tables[1]), split
    vocabularies = [
        {path.name: path.read_bytes() for path in (artifacts(s) / "transform/transformed").rglob("assets/*")}
        for s in (here, there)
    ]
    assert vocabularies[0]
    assert vocabularies[0] == vocabularies[1]
    for output, values in here["metrics"].items():
        assert there["metrics"][output] == pytest.approx(values, rel=1e-6, abs=1e-6)
    published = Path(there["published"])
    assert (published / "saved_model.pb").exists()
    assert published.owner() == Path.home().owner() or os.getuid() == published.stat().st_uid
    assert not client.containers.list(all=True, filters={"ancestor": image("train", image_tag())})


def test_a_component_that_refuses_is_told_in_its_own_words(client, tmp_path):
    done = run(tmp_path, "--runner", "docker", "--set", "data.format=csv")
    assert done.returncode == 2
    assert "ingest failed: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("status", [1, 3])
def test_a_container_that_fails_at_once_is_never_a_success(client, status, capsys):
    for _ in range(20):
        found = run_to_its_end(
            client, image("push", image_tag()), [], {}, entrypoint=["sh", "-c", f"echo no; exit {status}"]
        )
        assert found == status
    assert capsys.readouterr().out == "no\n" * 20


@pytest.mark.parametrize("room", ROOMS)
def test_an_image_works_as_any_user_on_a_root_that_cannot_change(client, room):
    name = image(room, image_tag())
    said = client.containers.run(
        name, ["--help"], user="1000710000:0", read_only=True, tmpfs={"/tmp": ""}, remove=True, cap_drop=["ALL"]
    ).decode()
    assert "--help" in said
    inside = "import importlib.util as u, shutil; print([m for m in ('tensorflow', 'pip', 'pytest') if u.find_spec(m)], [t for t in ('gcc', 'cc', 'make', 'git') if shutil.which(t)])"
    found = client.containers.run(name, entrypoint=["python", "-c", inside], command=[], remove=True).decode()
    without = room in ("ingest", "validate", "push", "resolve", "notify", "choose")
    assert found.strip() == ("[] []" if without else "['tensorflow'] []")
    about = client.images.get(name)
    assert about.labels["org.opencontainers.image.version"] == image_tag()
    assert about.attrs["Config"]["User"] == "1001:0"
    assert bool(about.attrs["Config"].get("Healthcheck")) == (room == "serve")
    if room in ("ingest", "validate"):
        assert about.attrs["Size"] < 900e6


@pytest.mark.parametrize("room", ["ingest", "predict", "resolve"])
def test_what_reads_sources_knows_object_stores(client, room):
    code = "from apache_beam.io.filesystems import FileSystems as F; from apache_beam.options.pipeline_options import PipelineOptions as P; F.set_options(P([])); print(*(type(F.get_filesystem(u)).__name__ for u in ('s3://b/k', 'gs://b/k')))"
    said = client.containers.run(image(room, image_tag()), entrypoint=["python", "-c", code], command=[], remove=True)
    assert said.decode().split()[-2:] == ["S3FileSystem", "GCSFileSystem"]


@pytest.mark.engines
@pytest.mark.skipif(
    shutil.which("go") is None and os.environ.get("LATTICEWORK_ENGINES") != "required", reason="no go at hand"
)
def test_the_second_entry_point_of_an_image_is_a_worker_pool(client, taxi_folder, tmp_path):
    from components.ingest.worker import ingest
    from deploy.engines.__main__ import cache_folder
    from deploy.engines.prism import built
    from deploy.engines.processes import Processes, answers
    from schemas.artifacts import read_manifest
    from schemas.dataset import schema_text
    from schemas.engines import Prism
    from schemas.spec import load_spec

    jobs, pool = 28173, 25101
    started = Processes(tmp_path / "engine")
    container = client.containers.run(
        image("ingest", image_tag()), entrypoint=["python", "-m", "schemas.engines.worker_pool", "--port", str(pool)],
        command=[], detach=True, network_mode="host", read_only=True, tmpfs={"/tmp/own": ""},
        user=f"{os.getuid()}:{os.getgid()}",
        volumes={
            str(tmp_path): {"bind": str(tmp_path), "mode": "rw"},
            str((taxi_folder / "data").resolve()): {"bind": str(taxi_folder / "data"), "mode": "ro"},
        },
    )  # fmt: skip
    try:
        command = [str(built(cache_folder())), "-job_port", str(jobs), "-serve_http=false"]
        started.start("prism", command)
        started.wait("prism", lambda: answers(jobs) and answers(pool))
        loaded = load_spec(taxi_folder / "spec.yaml")
        engine = Prism(job_endpoint=f"localhost:{jobs}", worker_pool=f"localhost:{pool}")
        for name, where in (("there", {"engine": engine}), ("here", {})):
            ingest(loaded.spec.data, schema_text(loaded.schema), tmp_path / name, folder=taxi_folder, **where)
        assert read_manifest(tmp_path / "there", "ingest") == read_manifest(tmp_path / "here", "ingest")
        for split in ("train", "eval", "test"):
            parts = [split_parts(tmp_path / name, split) for name in ("here", "there")]
            for ours, theirs in zip(*parts, strict=True):
                assert pq.read_table(ours).equals(pq.read_table(theirs))
        assert "worker pool on port" in container.logs().decode()
    finally:
        container.remove(force=True)
        started.stop()


@pytest.mark.skipif(shutil.which("docker-registry") is None, reason="no registry at hand")
def test_images_are_pushed_to_a_registry(client, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"localhost:{free.getsockname()[1]}"
    (tmp_path / "registry.yml").write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/kept}}}}\nhttp: {{addr: '{address}'}}\n"
    )
    registry = subprocess.Popen(
        ["docker-registry", "serve", str(tmp_path / "registry.yml")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        command = ["make", "push", f"REGISTRY={address}", "COMPONENTS=notify"]
        done = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        with urllib.request.urlopen(f"http://{address}/v2/latticework/notify/tags/list") as answer:
            assert json.load(answer)["tags"] == [image_tag()]
    finally:
        registry.terminate()
        registry.wait()


def test_no_engine_and_no_image_are_told(client, tmp_path, monkeypatch):
    assert set(COMPONENTS) <= set(ROOMS)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    done = run(tmp_path, "--runner", "docker")
    assert done.returncode == 2
    assert "no Docker engine answers" in done.stderr
