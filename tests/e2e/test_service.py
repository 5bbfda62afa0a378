"""From judgement to service: what the server answers with is what was blessed, and nothing else."""

from __future__ import annotations

import threading
import time

import pytest

from components.evaluate.worker import evaluate
from components.push.worker import push
from components.serve.canary import canary
from schemas.errors import CheckFailed
from schemas.registry import Registry
from schemas.spec import Evaluation
from tests.components.serve.conftest import serving

pytestmark = pytest.mark.e2e
NOT_WORSE = {"thresholds": [{"output": "fare", "metric": "mae", "change_at_most": 0.0, "confidence": 0.95}]}


@pytest.fixture(scope="module")
def row():
    return {"pickup_datetime": "2013-03-27 03:35:00 UTC", "pickup_longitude": -73.95, "pickup_latitude": 40.77,
            "dropoff_longitude": -73.98, "dropoff_latitude": 40.75, "passenger_count": 1}  # fmt: skip


def judged(artifacts, schema, model, champion, place):
    parts = (artifacts[name] for name in ("examples", "statistics", "transformed"))
    return evaluate(Evaluation.model_validate(NOT_WORSE), schema, *parts, model, place, champion=champion)


def test_only_the_better_model_reaches_the_server(artifacts, shuffled, taxi_schema, tmp_path, row):
    directory, good, bad = tmp_path / "serving", artifacts["model"], shuffled / "model"
    registry = Registry(directory, "taxi")

    def published(model, place):
        version = registry.champion()
        champion = None if version is None else (version, registry.fetch(version, tmp_path))
        judged(artifacts, taxi_schema, model, champion, place / "evaluation")
        canary("taxi", artifacts["examples"], model, place / "evaluation", place / "proof")
        return push("taxi", model, place / "evaluation", place / "proof", directory)

    # The model of shuffled labels is the first one, so that there is a better one to come.
    published(bad, tmp_path / "first")
    with serving(directory, "taxi", log=tmp_path / "log") as server:
        asked = {**dict.fromkeys(server.get("/page/models")[0]["columns"]), **row}
        fares, stop, failed = {}, threading.Event(), []

        def client():
            while not stop.is_set():
                status, answer = server.post("/v1/models/taxi:predict", {"instances": [asked]})
                if status != 200:
                    failed.append(answer)
                    return
                fares[answer["model_version"]] = answer["predictions"][0]["fare"]

        def wait_for(version):
            for _ in range(200):
                if version in fares or failed:
                    return
                time.sleep(0.1)

        clients = [threading.Thread(target=client) for _ in range(50)]
        for one in clients:
            one.start()
        try:
            wait_for("1")
            assert published(good, tmp_path / "better").endswith("/taxi/2")
            wait_for("2")
            with pytest.raises(CheckFailed, match="not blessed"):
                published(bad, tmp_path / "worse")
            time.sleep(1)
        finally:
            stop.set()
            for one in clients:
                one.join()
        assert failed == []
        assert set(fares) == {"1", "2"}
        assert registry.champion() == 2
        assert server.get("/page/models")[0]["version"] == 2
