"""Vertex AI: a model upload, and its deployment to an endpoint (REST v1)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import requests

from components.push.targets.base import Published, Target, bearer, send
from schemas.errors import DataError
from schemas.section import Section

# Google's newest TF Serving container for prediction without a GPU.
IMAGE = "us-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest"
POLL_SECONDS, WAIT_SECONDS = 5.0, 3_600.0


class VertexSettings(Section):
    """Where and on what the model runs."""

    project: str
    """The Google Cloud project."""
    region: str = "us-central1"
    """Its region."""
    image: str = IMAGE
    """The container that serves it."""
    machine_type: str = "n1-standard-2"
    """Of each replica."""
    url: str | None = None
    """Another service than the region's own."""


class Vertex(Target):
    """Uploads the version and deploys it to an endpoint of the model's name, by the application default credentials."""

    name = "vertex"
    settings = VertexSettings

    def __init__(self, published: Published, given: Any) -> None:
        super().__init__(published, given)
        if not published.location.startswith("gs://"):
            raise DataError(f"{published.location}: Vertex AI reads models from gs://… only; publish there")

    def plan(self) -> list[dict[str, Any]]:
        """See Target."""
        published, given = self.published, self.given
        labels = {"latticework-version": str(published.version)}
        return [
            {
                "path": "models:upload",
                "body": {
                    "model": {
                        "displayName": published.name, "artifactUri": published.location, "labels": labels,
                        "versionAliases": [f"v{published.version}"], "containerSpec": {"imageUri": given.image},
                    },
                },
            },
            {"path": "endpoints", "body": {"displayName": published.name}},
            {
                "path": "endpoints/…:deployModel",
                "body": {
                    "deployedModel": {
                        "displayName": f"{published.name}-{published.version}",
                        "dedicatedResources": {
                            "machineSpec": {"machineType": given.machine_type},
                            "minReplicaCount": 1,
                            "maxReplicaCount": 1,
                        },
                    },
                    "trafficSplit": {"0": 100},
                },
            },
        ]  # fmt: skip

    def apply(self) -> Iterator[str]:
        """See Target."""
        given, name = self.given, self.published.name
        service = given.url or f"https://{given.region}-aiplatform.googleapis.com"
        self._url = f"{service.rstrip('/')}/v1"
        parent = f"{self._url}/projects/{given.project}/locations/{given.region}"
        session = _session()
        upload, endpoint, deploy = self.plan()
        model = self._done(session, send(session, "POST", f"{parent}/models:upload", upload["body"])[1])["model"]
        yield f"Vertex AI: model {model}"
        _, listed = send(session, "GET", f"{parent}/endpoints", params={"filter": f'display_name="{name}"'})
        if listed.get("endpoints"):
            place = listed["endpoints"][0]["name"]
        else:
            place = self._done(session, send(session, "POST", f"{parent}/endpoints", endpoint["body"])[1])["name"]
        body = {**deploy["body"], "deployedModel": {**deploy["body"]["deployedModel"], "model": model}}
        self._done(session, send(session, "POST", f"{self._url}/{place}:deployModel", body)[1])
        yield f"Vertex AI: endpoint {place} answers by it"

    def _done(self, session: requests.Session, operation: dict[str, Any]) -> dict[str, Any]:
        """The response of a long-running operation, when it is done."""
        began = time.monotonic()
        while not operation.get("done"):
            if time.monotonic() - began > WAIT_SECONDS:
                raise DataError(f"Vertex AI: {operation['name']} is not done after an hour; look at it there")
            time.sleep(POLL_SECONDS if self.given.url is None else 0.05)
            _, operation = send(session, "GET", f"{self._url}/{operation['name']}")
        if "error" in operation:
            raise DataError(f"Vertex AI: {operation['error'].get('message', operation['error'])}")
        found: dict[str, Any] = operation.get("response", {})
        return found


def _session() -> requests.Session:
    if token := os.environ.get("GOOGLE_OAUTH_ACCESS_TOKEN"):
        return bearer(token)
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    try:
        credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    except google.auth.exceptions.DefaultCredentialsError:
        raise DataError("no Google credentials: gcloud auth application-default login") from None
    session: requests.Session = AuthorizedSession(credentials)
    return session
