"""Kubeflow Model Registry: a registered model, a version of it, and the artifact it points to (REST v1alpha3)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from components.push.targets.base import Target, bearer, send
from schemas.section import Section

API = "api/model_registry/v1alpha3"


class ModelRegistrySettings(Section):
    """Where the Model Registry is."""

    url: str
    """Its REST service; a token is read from MODEL_REGISTRY_TOKEN."""
    owner: str = "latticework"
    """Who the model belongs to."""


class ModelRegistry(Target):
    """Registers the version; what is there already stays."""

    name = "model-registry"
    settings = ModelRegistrySettings

    def plan(self) -> list[dict[str, Any]]:
        """See Target."""
        published = self.published
        custom = {
            name: {"metadataType": "MetadataDoubleValue", "double_value": value}
            for name, value in published.metrics.items()
        }
        return [
            {"path": "registered_models", "body": {"name": published.name, "owner": self.given.owner}},
            {
                "path": "model_versions",
                "body": {"name": str(published.version), "author": self.given.owner, "customProperties": custom},
            },
            {
                "path": "artifacts",
                "body": {
                    "artifactType": "model-artifact", "name": f"{published.name}-{published.version}",
                    "uri": published.location, "modelFormatName": "tensorflow", "modelFormatVersion": "2",
                },
            },
        ]  # fmt: skip

    def apply(self) -> Iterator[str]:
        """See Target."""
        session, url = bearer(os.environ.get("MODEL_REGISTRY_TOKEN")), f"{self.given.url.rstrip('/')}/{API}"
        model, version, artifact = self.plan()
        name = self.published.name
        status, found = send(session, "POST", f"{url}/registered_models", model["body"], allowed=(409,))
        if status == 409:
            _, found = send(session, "GET", f"{url}/registered_model", params={"name": name})
        body = {**version["body"], "registeredModelId": found["id"]}
        status, made = send(session, "POST", f"{url}/model_versions", body, allowed=(409,))
        if status == 409:
            yield f"Model Registry: {name} version {self.published.version} is registered already"
            return
        send(session, "POST", f"{url}/model_versions/{made['id']}/artifacts", artifact["body"])
        yield f"Model Registry: {name} version {self.published.version}"
