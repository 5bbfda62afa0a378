"""Targets against real HTTP: each server says no to what its API would not take."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from components.push.targets import Published, Target
from pipeline.commandline import main
from schemas.errors import DataError, UserError
from schemas.registry import Registry

PUBLISHED = Published(
    "taxi", 3, "gs://b/serving/taxi/3", "gs://b/serving", {"metrics": {"fare": {"rmse": 4.5, "mae": 1.9}}}
)  # fmt: skip


@pytest.fixture
def service():
    """A server whose `answers` are functions of (method, path, body), and that keeps what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            size = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            server.asked.append((self.command, self.path, body, self.headers.get("authorization")))
            status, content = server.answers(self.command, self.path, body)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        do_GET = do_POST = do_PATCH = answer  # noqa: N815

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.url = [], f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def within(ours, theirs):
    """Whether all that is ours is theirs too, which may have defaults besides."""
    if isinstance(ours, dict):
        return all(key in theirs and within(value, theirs[key]) for key, value in ours.items())
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(map(within, ours, theirs))
    return ours == theirs


def test_the_inference_service_is_kserves(monkeypatch):
    import kserve.models
    import kubernetes.client.models
    from kserve import ApiClient

    for name, model in vars(kubernetes.client.models).items():
        if not hasattr(kserve.models, name):
            monkeypatch.setattr(kserve.models, name, model, raising=False)

    for runtime in ("latticework", "tensorflow"):
        (service,) = Target.known["kserve"](PUBLISHED, {"namespace": "prod", "runtime": runtime}).plan()

        class Answer:
            data = json.dumps(service)

        typed = ApiClient().deserialize(Answer, "V1beta1InferenceService")
        assert within(service, ApiClient().sanitize_for_serialization(typed)), (
            "a field that KServe does not know is lost"
        )
    with pytest.raises(DataError, match="cannot reach a local folder"):
        Target.known["kserve"](Published("taxi", 1, "/x/taxi/1", "/x", {}), {})


def test_an_inference_service_is_applied_twice(service, tmp_path, monkeypatch):
    there = {}

    def answers(method, path, body):
        assert path.startswith("/apis/serving.kserve.io/v1beta1/namespaces/prod/inferenceservices")
        if method == "POST" and body["metadata"]["name"] in there:
            return 409, {"reason": "AlreadyExists"}
        there[body["metadata"]["name"]] = body
        return 200, body

    service.answers = answers
    kubeconfig = {
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": service.url}}], "users": [{"name": "u", "user": {"token": "secret"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }  # fmt: skip
    (tmp_path / "config").write_text(yaml.safe_dump(kubeconfig))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    import kubernetes.config
    from kubernetes.config import kube_config

    monkeypatch.setattr(kubernetes.config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "config"))
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "config"))
    target = Target.known["kserve"](PUBLISHED, {"namespace": "prod"})
    assert "created" in next(target.apply())
    assert "updated" in next(target.apply())
    assert [method for method, *_ in service.asked] == ["POST", "POST", "PATCH"]
    assert there["taxi"]["metadata"]["annotations"] == {"latticework/version": "3"}


def test_mlflow(service, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t")
    busy = iter([True])

    def answers(method, path, body):
        if path.endswith("registered-models/create"):
            return 400, {"error_code": "RESOURCE_ALREADY_EXISTS"}
        if path.endswith("model-versions/create"):
            if next(busy, False):
                return 503, {}
            assert set(body) == {"name", "source", "tags"}
            return 200, {"model_version": {"name": body["name"], "version": "7"}}
        assert path.endswith("registered-models/alias")
        return 200, {}

    service.answers = answers
    told = list(Target.known["mlflow"](PUBLISHED, {"url": service.url}).apply())
    assert told == ["MLflow: taxi version 7", "MLflow: champion is version 7"]
    assert service.asked[-1][2:] == ({"name": "taxi", "alias": "champion", "version": "7"}, "Bearer t")
    assert {"key": "fare_rmse", "value": "4.5"} in service.asked[1][2]["tags"]
    service.answers = lambda *_: (403, {"error_code": "PERMISSION_DENIED"})
    with pytest.raises(DataError, match="403"):
        list(Target.known["mlflow"](PUBLISHED, {"url": service.url}).apply())
    with pytest.raises(DataError, match="cannot be reached"):
        list(Target.known["mlflow"](PUBLISHED, {"url": "http://127.0.0.1:9"}).apply())


def test_the_model_registry(service):
    def answers(method, path, body):
        if method == "GET":
            assert path.endswith("/registered_model?name=taxi")
            return 200, {"id": "5"}
        if path.endswith("/registered_models"):
            return 409, {}
        if path.endswith("/model_versions"):
            assert (body["registeredModelId"], body["name"]) == ("5", "3")
            return 201, {"id": "9"}
        assert path.endswith("/model_versions/9/artifacts")
        assert (body["artifactType"], body["uri"]) == ("model-artifact", PUBLISHED.location)
        return 201, {"id": "1"}

    service.answers = answers
    assert list(Target.known["model-registry"](PUBLISHED, {"url": service.url}).apply()) == [
        "Model Registry: taxi version 3"
    ]


def test_vertex(service, monkeypatch):
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "t")
    parent = "/v1/projects/p/locations/r"

    def answers(method, path, body):
        if path == f"{parent}/models:upload":
            assert body["model"]["artifactUri"] == PUBLISHED.location
            return 200, {"name": "operations/1"}
        if path == "/v1/operations/1":
            return 200, {"name": "operations/1", "done": True, "response": {"model": "projects/p/models/8"}}
        if method == "GET":
            return 200, {}
        if path == f"{parent}/endpoints":
            return 200, {"name": "o", "done": True, "response": {"name": "projects/p/endpoints/4"}}
        assert path == "/v1/projects/p/endpoints/4:deployModel"
        assert body["deployedModel"]["model"] == "projects/p/models/8"
        return 200, {"name": "o", "done": True, "response": {}}

    service.answers = answers
    settings = {"project": "p", "region": "r", "url": service.url}
    told = list(Target.known["vertex"](PUBLISHED, settings).apply())
    assert told == ["Vertex AI: model projects/p/models/8", "Vertex AI: endpoint projects/p/endpoints/4 answers by it"]
    service.answers = lambda *_: (200, {"name": "o", "done": True, "error": {"message": "no quota"}})
    with pytest.raises(DataError, match="no quota"):
        list(Target.known["vertex"](PUBLISHED, settings).apply())
    with pytest.raises(DataError, match="gs://"):
        Target.known["vertex"](Published("taxi", 1, "s3://x/1", "s3://x", {}), settings)


def test_the_command_shows_what_would_be_sent(tmp_path, capsys):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "saved_model.pb").write_text("x")
    Registry("memory://deploys/serving", "taxi").publish(tmp_path / "model", {}, "first")
    deploy = ["models", "deploy", "taxi", "--serving", "memory://deploys/serving", "--to"]
    assert main([*deploy, "kserve", "--set", "namespace=prod"]) == 0
    (shown,) = yaml.safe_load_all(capsys.readouterr().out)
    assert shown["metadata"]["namespace"] == "prod"
    assert main([*deploy, "kserv"]) == 2
    assert "did you mean 'kserve'?" in capsys.readouterr().err
    assert main([*deploy, "mlflow"]) == 2
    assert "target mlflow: url" in capsys.readouterr().err
    with pytest.raises(UserError, match="namespac"):
        Target.known["kserve"](PUBLISHED, {"namespac": "x"})
