"""Vertex AI by its own client, over REST against a server of its calls; requests are parsed by its own protos."""

from __future__ import annotations

import json
import re
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

aiplatform = pytest.importorskip("google.cloud.aiplatform")
from google.auth.credentials import AnonymousCredentials  # noqa: E402
from google.cloud.aiplatform_v1 import types  # noqa: E402
from google.protobuf import json_format  # noqa: E402

from pipeline.arguments import retraining_arguments  # noqa: E402
from pipeline.compiled import read_compiled  # noqa: E402
from pipeline.definition import compile_pipeline  # noqa: E402
from pipeline.retraining import retraining  # noqa: E402
from pipeline.vertex import Vertex  # noqa: E402
from schemas.errors import UserError  # noqa: E402
from schemas.spec import load_spec  # noqa: E402
from schemas.spec.schedule import Schedule  # noqa: E402
from tests.conftest import RIDES, TAXI  # noqa: E402

PARENT = "projects/acme/locations/europe-west4"


@pytest.fixture
def server(monkeypatch):
    kept: dict[str, dict] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            path = re.sub(r"^/v1(beta1)?/", "", urlsplit(self.path).path)
            if action := re.search(r":(pause|resume)$", path):
                kept[path.rpartition(":")[0]]["state"] = {"pause": "PAUSED", "resume": "ACTIVE"}[action[1]]
                return self._say({})
            kind = types.PipelineJob if path.endswith("pipelineJobs") else types.Schedule
            json_format.ParseDict(body, kind.pb(kind()))
            name = f"{path}/{len(kept) + 1}"
            made = {
                **body,
                "name": name,
                "state": "PIPELINE_STATE_SUCCEEDED" if kind is types.PipelineJob else "ACTIVE",
            }
            kept[name] = made
            return self._say(made)

        def do_GET(self):
            if self.path.startswith("/storage/v1/b/"):
                # The client looks whether the bucket of the artifacts is there.
                return self._say({"kind": "storage#bucket", "name": "acme-pipelines", "projectNumber": "7"})
            path = re.sub(r"^/v1(beta1)?/", "", urlsplit(self.path).path)
            if path.endswith("/schedules"):
                return self._say({"schedules": [one for name, one in kept.items() if "/schedules/" in name]})
            return self._say(kept[path])

        def do_DELETE(self):
            path = re.sub(r"^/v1(beta1)?/", "", urlsplit(self.path).path)
            del kept[path]
            return self._say(
                {
                    "name": f"{PARENT}/operations/1",
                    "done": True,
                    "response": {"@type": "type.googleapis.com/google.protobuf.Empty"},
                }
            )

        def _say(self, what):
            body = json.dumps(what).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    # The client asks another service which project this is.
    monkeypatch.setattr("google.cloud.aiplatform.utils.resource_manager_utils.get_project_number", lambda _: 7)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{http.server_port}")
    aiplatform.init(
        project="acme", location="europe-west4", credentials=AnonymousCredentials(), api_transport="rest",
        api_endpoint=f"http://127.0.0.1:{http.server_port}",
    )  # fmt: skip
    yield kept
    http.shutdown()
    http.server_close()


@pytest.fixture
def pipeline(tmp_path: Path):
    shutil.copyfile(TAXI / "schema.pbtxt", tmp_path / "schema.pbtxt")
    (tmp_path / "spec.yaml").write_text(RIDES.read_text())
    loaded = load_spec(tmp_path / "spec.yaml", {"cluster.root": "gs://acme-pipelines"})
    compile_pipeline(retraining_arguments(loaded, "1"), tmp_path / "pipeline.yaml", retraining(loaded.spec))
    return read_compiled(tmp_path / "pipeline.yaml")


def test_the_same_file_is_a_pipeline_job(server, pipeline):
    vertex = Vertex(aiplatform)
    job = vertex.submit(pipeline, "tuesday", {"span": "2026-11-24", "seed": 7}, cache=False)
    (kept,) = server.values()
    assert kept["displayName"] == "tuesday"
    assert kept["runtimeConfig"]["gcsOutputDirectory"] == "gs://acme-pipelines"
    assert kept["runtimeConfig"]["parameterValues"]["span"] == "2026-11-24"
    assert kept["runtimeConfig"]["parameterValues"]["seed"] == 7
    assert kept["pipelineSpec"]["pipelineInfo"]["name"] == "taxi"
    assert vertex.watch(job, every=0.01) == "SUCCEEDED"


def test_schedules_are_made_once_changed_paused_and_deleted(server, pipeline):
    vertex, schedule = Vertex(aiplatform), Schedule(cron="0 6 * * 1-5", time_zone="Europe/Berlin")
    assert vertex.apply("taxi", pipeline, schedule, {"span": "{scheduled_date}"}) == "created"
    assert vertex.apply("taxi", pipeline, schedule, {"span": "{scheduled_date}"}) == "unchanged"
    (kept,) = server.values()
    assert kept["cron"] == "TZ=Europe/Berlin 0 6 * * mon,tue,wed,thu,fri"
    asked = kept["createPipelineJobRequest"]["pipelineJob"]["runtimeConfig"]["parameterValues"]
    assert asked["span"] == "{{$.scheduledTime.strftime('%Y-%m-%d')}}"
    vertex.pause("taxi")
    assert [(one.name, one.enabled) for one in vertex.list()] == [("taxi", False)]
    assert vertex.apply("taxi", pipeline, Schedule(every="6h"), {}) == "updated"
    (kept,) = server.values()
    assert kept["cron"] == "TZ=UTC 0 */6 * * *"
    assert kept["state"] == "PAUSED", "a changed schedule stays paused"
    vertex.resume("taxi")
    assert vertex.list()[0].enabled
    vertex.delete("taxi")
    assert server == {}
    with pytest.raises(UserError, match="no schedule of 'taxi'"):
        vertex.pause("taxi")
    with pytest.raises(UserError, match="none means every 7h"):
        vertex.apply("taxi", pipeline, Schedule(every="7h"), {})
