"""MLflow: a version of a registered model that points to the registry (REST API 2.0)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from components.push.targets.base import Target, bearer, send
from schemas.section import Section


class MLflowSettings(Section):
    """Where MLflow is."""

    url: str
    """Its tracking server; a token is read from MLFLOW_TRACKING_TOKEN."""
    alias: str | None = "champion"
    """The alias that moves to the version."""


class MLflow(Target):
    """Registers the version with its metrics as tags."""

    name = "mlflow"
    settings = MLflowSettings

    def plan(self) -> list[dict[str, Any]]:
        """See Target."""
        published = self.published
        tags = {"latticework.version": str(published.version), "latticework.location": published.location}
        tags |= {name: f"{value:.6g}" for name, value in published.metrics.items()}
        listed = [{"key": key, "value": value} for key, value in tags.items()]
        plan = [
            {"path": "registered-models/create", "body": {"name": published.name}},
            {
                "path": "model-versions/create",
                "body": {"name": published.name, "source": published.location, "tags": listed},
            },
        ]
        if self.given.alias:
            plan.append(
                {"path": "registered-models/alias", "body": {"name": published.name, "alias": self.given.alias}}
            )
        return plan

    def apply(self) -> Iterator[str]:
        """See Target."""
        session, url = bearer(os.environ.get("MLFLOW_TRACKING_TOKEN")), f"{self.given.url.rstrip('/')}/api/2.0/mlflow"
        model, version, *alias = self.plan()
        # A model that is registered already is told so by 400, RESOURCE_ALREADY_EXISTS.
        status, answer = send(session, "POST", f"{url}/{model['path']}", model["body"], allowed=(400, 409))
        if status >= 400 and answer.get("error_code") != "RESOURCE_ALREADY_EXISTS":
            send(session, "POST", f"{url}/{model['path']}", model["body"])
        _, made = send(session, "POST", f"{url}/{version['path']}", version["body"])
        number = str(made["model_version"]["version"])
        yield f"MLflow: {self.published.name} version {number}"
        for one in alias:
            send(session, "POST", f"{url}/{one['path']}", {**one["body"], "version": number})
            yield f"MLflow: {one['body']['alias']} is version {number}"
