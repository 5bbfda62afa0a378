"""The page at `/`: what is in service, a form made of its columns, and how it does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from components.serve.model import REFUSED, ServedModel
from components.serve.workers import METRICS

PAGE = Path(__file__).with_name("page.html")


def add_page(app: FastAPI, models: Sequence[ServedModel]) -> None:
    """Adds `/` and the data it shows; before the server adds its own `/`, so that this one is taken."""

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def page() -> str:
        return PAGE.read_text(encoding="utf-8")

    @app.get("/page/models", include_in_schema=False)
    def shown() -> list[dict[str, Any]]:
        return [describe(model) for model in models]


def add_metrics(app: FastAPI) -> None:
    """Adds `/metrics` of all workers, before the server adds its own, which are those of one process."""

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        registry = REGISTRY
        if METRICS in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def describe(model: ServedModel) -> dict[str, Any]:
    """What the page shows of a model."""
    served = model.champion.now
    latencies = [seconds * 1_000 for _, _, seconds in model.recent]
    return {
        "name": model.name,
        "version": served.servable.version,
        "published": served.about.get("published"),
        "metrics": served.about.get("metrics", {}),
        "columns": served.servable.columns,
        "outputs": served.servable.outputs,
        "example": served.about.get("example", {}),
        "changes": [{"at": at, "version": version, "what": what} for at, version, what in model.champion.changes],
        "requests": len(model.recent),
        "rows": sum(rows for _, rows, _ in model.recent),
        "refused": REFUSED.labels(model.name)._value.get(),
        "milliseconds": {"p50": _quantile(latencies, 0.5), "p99": _quantile(latencies, 0.99)},
        "recent": [[at, seconds * 1_000] for at, _, seconds in list(model.recent)[-120:]],
    }


def _quantile(values: list[float], share: float) -> float | None:
    return float(np.quantile(values, share)) if values else None
