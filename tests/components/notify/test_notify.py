from __future__ import annotations

import pytest

from components.notify.worker import notify
from schemas.errors import DataError
from schemas.registry import Registry
from tests.webhook import listening

FARE = {"split": "test", "metrics": {"fare": {"rows": 10, "mae": 1.91, "rmse": 4.6}}}
BROKEN = {"output": "fare", "metric": "mae", "slice": "overall", "bound": "at most 1.8", "held": False}


@pytest.fixture
def webhook(monkeypatch):
    """A webhook: what it was told, and the statuses that it answers with."""
    with listening() as hook:
        monkeypatch.setenv("LATTICEWORK_WEBHOOK", f"{hook.url}/s3cr3t\n")
        yield hook.told, hook.statuses


def tell(folder, state="SUCCEEDED", kept=None, **more):
    if kept:
        Registry(folder / "serving", "rides").keep_run("run-1", kept)
    return notify("rides", str(folder / "serving"), "run-1", folder / "summary", state=state, **more)


@pytest.mark.parametrize(
    ("state", "kept", "outcome", "words"),
    [
        ("SUCCEEDED", {**FARE, "verdict": {"rules": []}, "published": "serving/rides/3"}, "published", "published as serving/rides/3"),
        ("SUCCEEDED", {**FARE, "verdict": {"rules": [BROKEN]}}, "not blessed", "broken: fare mae where overall: the rule is at most 1.8"),
        ("SUCCEEDED", None, "refused", "the data has anomalies"),
        ("FAILED", FARE, "failed", "failed: out of memory"),
    ],
)  # fmt: skip
def test_each_outcome_is_told(tmp_path, webhook, state, kept, outcome, words):
    found = tell(tmp_path, state, kept, error="out of memory" if state == "FAILED" else "")
    assert found["outcome"] == outcome
    assert found["told"] == "told"
    (said,) = webhook[0]
    assert words in said["text"]
    assert said["model"] == "rides"
    page = (tmp_path / "summary/summary.md").read_text()
    assert words in page
    if kept:
        assert "rmse 4.6, mae 1.91 (test split)" in page
    assert "s3cr3t" not in page


def test_only_what_is_asked_for_is_posted(tmp_path, webhook):
    assert tell(tmp_path, "SUCCEEDED", FARE | {"published": "x"}, outcomes=["failed"])["told"] == "not asked for"
    assert webhook[0] == []


def test_what_passes_is_tried_again_and_what_does_not_fails_nothing(tmp_path, webhook, capsys):
    told, statuses = webhook
    statuses += [503, 429]
    assert tell(tmp_path)["told"] == "told"
    statuses += [404]
    assert tell(tmp_path)["told"] == "not told: the webhook answered 404"
    assert len(told) == 1
    assert "s3cr3t" not in "".join(capsys.readouterr())


def test_without_a_webhook_there_is_a_summary(tmp_path, monkeypatch):
    monkeypatch.delenv("LATTICEWORK_WEBHOOK", raising=False)
    assert tell(tmp_path)["told"] == "not asked for"
    monkeypatch.setenv("LATTICEWORK_WEBHOOK", "ftp://s3cr3t")
    with pytest.raises(DataError, match="expected the URL of a webhook") as told:
        tell(tmp_path)
    assert "s3cr3t" not in str(told.value)
