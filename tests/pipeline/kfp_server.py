"""A server of the KFP v2beta1 REST contract, for tests: every request is held against the published swagger.

It keeps experiments, pipelines, versions, runs and recurring runs in memory, refuses what the contract refuses, and
can be told to answer some requests with an error.
"""

from __future__ import annotations

import email.message
import email.parser
import itertools
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

SWAGGER = json.loads((Path(__file__).parent.parent / "fixtures/kfp/swagger.json").read_text())
PROXY = "/api/v1/namespaces/kubeflow/services/ml-pipeline:http/proxy"
"""Where the Kubernetes API passes on to KFP."""
NOW = "2026-11-24T06:00:00Z"


def _closed(node: Any) -> Any:
    """A schema whose objects have no properties but those that it names; an int64 may be a number too, as the JSON
    mapping of protocol buffers has it."""
    if isinstance(node, dict):
        if node.get("format") == "int64" and node.get("type") == "string":
            return {**node, "type": ["string", "integer"]}
        node = {key: _closed(value) for key, value in node.items()}
        if node.get("properties") and "additionalProperties" not in node:
            node["additionalProperties"] = False
    elif isinstance(node, list):
        node = [_closed(item) for item in node]
    return node


DEFINITIONS = _closed(SWAGGER["definitions"])
OPERATIONS = [
    (
        re.compile(
            "^" + re.sub(r"\{[^}]+\}", "([^/:]+)", re.escape(path).replace(r"\{", "{").replace(r"\}", "}")) + "$"
        ),
        path,
        methods,
    )
    for path, methods in SWAGGER["paths"].items()
]


class Server:
    """Attributes: `url`; what it keeps; `errors`, a list of [method and path (regex), status, times]; `requests`, all
    that it was asked; `token`, which it asks for where it is set; `script`, the task states that each look at a run shows."""

    def __init__(self, token: str = "") -> None:
        self.token = token
        self.experiments: dict[str, dict[str, Any]] = {}
        self.pipelines: dict[str, dict[str, Any]] = {}
        self.versions: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.recurring: dict[str, dict[str, Any]] = {}
        self.errors: list[list[Any]] = []
        self.requests: list[str] = []
        self.faults: list[str] = []
        self.script: list[tuple[str, list[dict[str, Any]]]] = [("SUCCEEDED", [])]
        self.logs: dict[str, str] = {}
        self.ids = (f"00000000-0000-0000-0000-{number:012d}" for number in itertools.count(1))
        handler = type("Handler", (_Handler,), {"server_state": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


class Refusal(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class _Handler(BaseHTTPRequestHandler):
    server_state: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def _answer(self, method: str) -> None:
        state = self.server_state
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        state.requests.append(f"{method} {self.path}")
        try:
            self._authenticated()
            for error in state.errors:
                if error[2] > 0 and re.search(error[0], f"{method} {self.path}"):
                    error[2] -= 1
                    raise Refusal(error[1], f"told to answer {error[1]}")
            url = urlsplit(self.path.replace(PROXY, "", 1))
            if log := re.fullmatch(r"/api/v1/namespaces/kubeflow/pods/([^/]+)/log", url.path):
                self._send(200, state.logs[log[1]].encode(), "text/plain")
                return
            if url.path == "/k8s/pod/logs":
                pod = parse_qs(url.query)["podname"][0]
                if pod not in state.logs:
                    raise Refusal(404, f"no pod {pod}")
                self._send(200, state.logs[pod].encode(), "text/plain")
                return
            found = self._operation(method, url.path, parse_qs(url.query), body)
            status, said = 200, found
        except Refusal as refusal:
            status, said = (
                refusal.status,
                {"error": refusal.message, "message": refusal.message, "code": refusal.status},
            )
        self._send(status, json.dumps(said).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _authenticated(self) -> None:
        state = self.server_state
        if state.token and self.headers.get("Authorization") != f"Bearer {state.token}":
            raise Refusal(401, "Request header error: there is no user identity header.")

    def _operation(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> Any:
        for pattern, name, methods in OPERATIONS:
            match = pattern.match(path)
            if match and method.lower() in methods:
                told = methods[method.lower()]
                parsed = self._checked(told, query, body)
                return self._do(f"{method} {name}", match.groups(), query, parsed)
        self._fault(f"{method} {path} is not in the swagger")
        raise Refusal(404, "Not Found")

    def _checked(self, told: dict[str, Any], query: dict[str, list[str]], body: bytes) -> Any:
        parameters = {one["name"]: one for one in told.get("parameters", [])}
        for name in query:
            if name not in parameters or parameters[name]["in"] != "query":
                self._fault(f"query parameter '{name}' is not in the swagger")
        schema = next((one["schema"] for one in parameters.values() if one["in"] == "body"), None)
        if any(one["in"] == "formData" for one in parameters.values()):
            return body
        if schema is None:
            return None
        parsed = json.loads(body)
        try:
            jsonschema.validate(parsed, {**_closed(schema), "definitions": DEFINITIONS})
        except jsonschema.ValidationError as error:
            self._fault(f"{told['operationId']}: {error.message} at {list(error.absolute_path)}")
        return parsed

    def _fault(self, text: str) -> None:
        self.server_state.faults.append(text)
        raise Refusal(400, text)

    def _do(self, operation: str, ids: tuple[str, ...], query: dict[str, list[str]], body: Any) -> Any:
        name = _NAMES.get(operation)
        if name is None:
            raise Refusal(501, f"{operation} is not implemented here")
        return getattr(self, name)(ids, query, body)

    # Experiments

    def experiments_list(self, _: Any, query: Any, __: Any) -> Any:
        return _page("experiments", _filtered(self.server_state.experiments, query), query)

    def experiment_create(self, _: Any, __: Any, body: Any) -> Any:
        state = self.server_state
        if any(one["display_name"] == body["display_name"] for one in state.experiments.values()):
            raise Refusal(409, f"Already exist error: experiment {body['display_name']}")
        made = {**body, "experiment_id": next(state.ids), "created_at": NOW}
        state.experiments[made["experiment_id"]] = made
        return made

    # Pipelines

    def pipelines_list(self, _: Any, query: Any, __: Any) -> Any:
        return _page("pipelines", _filtered(self.server_state.pipelines, query), query)

    def pipeline_upload(self, _: Any, query: Any, body: bytes) -> Any:
        state, name = self.server_state, query["name"][0]
        self._package(body)
        if any(one["display_name"] == name for one in state.pipelines.values()):
            raise Refusal(409, f"Already exist error: pipeline {name}")
        made = {"pipeline_id": next(state.ids), "display_name": name, "created_at": NOW,
                "description": query.get("description", [""])[0]}  # fmt: skip
        state.pipelines[made["pipeline_id"]] = made
        self._version(made["pipeline_id"], name, "")
        return made

    def version_upload(self, _: Any, query: Any, body: bytes) -> Any:
        self._package(body)
        pipeline, name = query["pipelineid"][0], query["name"][0]
        if pipeline not in self.server_state.pipelines:
            raise Refusal(404, f"pipeline {pipeline} not found")
        known = self.server_state.versions.values()
        if any(one["pipeline_id"] == pipeline and one["display_name"] == name for one in known):
            raise Refusal(409, f"Already exist error: version {name}")
        return self._version(pipeline, name, query.get("description", [""])[0])

    def _version(self, pipeline: str, name: str, description: str) -> Any:
        state = self.server_state
        made = {"pipeline_id": pipeline, "pipeline_version_id": next(state.ids), "display_name": name, "created_at": NOW,
                "description": description}  # fmt: skip
        state.versions[made["pipeline_version_id"]] = made
        return made

    def _package(self, body: bytes) -> None:
        head = f"Content-Type: {self.headers['Content-Type']}\n\n".encode()
        message = email.parser.BytesParser().parsebytes(head + body)
        parts: list[email.message.Message] = message.get_payload()  # type: ignore[assignment]
        text = parts[0].get_payload(decode=True)
        spec, *platform = yaml.safe_load_all(text)  # type: ignore[arg-type]
        json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
        for document in platform:
            json_format.ParseDict(document, pipeline_spec_pb2.PlatformSpec())

    def versions_list(self, ids: Any, query: Any, _: Any) -> Any:
        known = {key: one for key, one in self.server_state.versions.items() if one["pipeline_id"] == ids[0]}
        return _page("pipeline_versions", known.values(), query)

    # Runs

    def run_create(self, _: Any, __: Any, body: Any) -> Any:
        self._refers(body)
        state = self.server_state
        made = {**body, "run_id": next(state.ids), "state": "PENDING", "created_at": NOW}
        state.runs[made["run_id"]] = {**made, "looks": 0}
        return made

    def run_get(self, ids: Any, _: Any, __: Any) -> Any:
        state = self.server_state
        if ids[0] not in state.runs:
            raise Refusal(404, f"run {ids[0]} not found")
        run = state.runs[ids[0]]
        seen, tasks = state.script[min(run["looks"], len(state.script) - 1)]
        run["looks"] += 1
        shown = {key: value for key, value in run.items() if key != "looks"}
        return {**shown, "state": seen, "run_details": {"task_details": tasks}}

    def _refers(self, body: Any) -> None:
        state, reference = self.server_state, body.get("pipeline_version_reference", {})
        if not body.get("display_name"):
            raise Refusal(400, "Invalid input error: display_name is empty")
        if body.get("experiment_id") not in state.experiments:
            raise Refusal(404, f"experiment {body.get('experiment_id')} not found")
        if reference.get("pipeline_version_id") not in state.versions:
            raise Refusal(404, f"version {reference} not found")

    # Recurring runs

    def recurring_create(self, _: Any, __: Any, body: Any) -> Any:
        self._refers(body)
        if not 1 <= int(body["max_concurrency"]) <= 10:
            raise Refusal(400, "Invalid input error: max_concurrency must be in 1 to 10")
        cron = body["trigger"].get("cron_schedule", {}).get("cron")
        if cron is not None and len(cron.split()) != 6:
            raise Refusal(400, f"Invalid input error: Schedule cron is not a supported format: {cron}")
        status = {"ENABLE": "ENABLED", "DISABLE": "DISABLED"}[body.get("mode", "ENABLE")]
        made = {**body, "recurring_run_id": next(self.server_state.ids), "status": status, "created_at": NOW}
        self.server_state.recurring[made["recurring_run_id"]] = made
        return made

    def recurring_list(self, _: Any, query: Any, __: Any) -> Any:
        return _page("recurringRuns", self.server_state.recurring.values(), query)

    def _recurring(self, ids: Any) -> Any:
        if ids[0] not in self.server_state.recurring:
            raise Refusal(404, f"recurring run {ids[0]} not found")
        return self.server_state.recurring[ids[0]]

    def recurring_enable(self, ids: Any, _: Any, __: Any) -> Any:
        self._recurring(ids)["status"] = "ENABLED"
        return {}

    def recurring_disable(self, ids: Any, _: Any, __: Any) -> Any:
        self._recurring(ids)["status"] = "DISABLED"
        return {}

    def recurring_delete(self, ids: Any, _: Any, __: Any) -> Any:
        self._recurring(ids)
        del self.server_state.recurring[ids[0]]
        return {}

    def healthz(self, *_: Any) -> Any:
        return {"multi_user": False}


_NAMES = {
    "GET /apis/v2beta1/experiments": "experiments_list",
    "POST /apis/v2beta1/experiments": "experiment_create",
    "GET /apis/v2beta1/pipelines": "pipelines_list",
    "POST /apis/v2beta1/pipelines/upload": "pipeline_upload",
    "POST /apis/v2beta1/pipelines/upload_version": "version_upload",
    "GET /apis/v2beta1/pipelines/{pipeline_id}/versions": "versions_list",
    "POST /apis/v2beta1/runs": "run_create",
    "GET /apis/v2beta1/runs/{run_id}": "run_get",
    "POST /apis/v2beta1/recurringruns": "recurring_create",
    "GET /apis/v2beta1/recurringruns": "recurring_list",
    "POST /apis/v2beta1/recurringruns/{recurring_run_id}:enable": "recurring_enable",
    "POST /apis/v2beta1/recurringruns/{recurring_run_id}:disable": "recurring_disable",
    "DELETE /apis/v2beta1/recurringruns/{recurring_run_id}": "recurring_delete",
    "GET /apis/v2beta1/healthz": "healthz",
}


def _filtered(known: dict[str, dict[str, Any]], query: dict[str, list[str]]) -> list[dict[str, Any]]:
    found = list(known.values())
    for predicate in json.loads(query.get("filter", ["{}"])[0]).get("predicates", []):
        value = predicate.get("stringValue") or predicate.get("string_value")
        found = [one for one in found if one.get(predicate["key"]) == value]
    return found


def _page(name: str, items: Any, query: dict[str, list[str]]) -> dict[str, Any]:
    """Two items a page, whatever is asked for: the contract lets a server give fewer."""
    items, begin = list(items), int(query.get("page_token", ["0"])[0] or 0)
    page = {name: items[begin : begin + 2]}
    return {**page, "next_page_token": str(begin + 2)} if begin + 2 < len(items) else page
