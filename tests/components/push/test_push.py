from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.push import worker
from schemas.artifacts import whole_artifact
from schemas.errors import CheckFailed
from schemas.registry import Registry, digests


def model(folder, content):
    with whole_artifact(folder, {"parameters": 1}) as place:
        (place / "saved_model" / "variables").mkdir(parents=True)
        (place / "saved_model" / "saved_model.pb").write_text(content)
        (place / "saved_model" / "variables" / "v").write_text("v")
    return folder


def verdict(folder, blessed):
    with whole_artifact(
        folder,
        {
            "verdict": {"blessed": blessed},
            "metrics": {},
            "split": "test",
            "spec": "",
            "data": {"fingerprint": "f", "rows": {}},
            "versions": {},
            "compared_with": "none",
        },
    ):
        pass
    return folder


def push(name, model, evaluation, serving):
    """Publishes with the proof of a canary that was asked this very model."""
    about = {"files": digests(model / "saved_model"), "rows": 1, "difference": 0.0, "load_seconds": 0.1, "example": {}}
    with whole_artifact(model.with_name(f"{model.name}-proof"), about) as place:
        (place / "assets.extra").mkdir()
        (place / "assets.extra" / "tf_serving_warmup_requests").write_text("w")
    return Path(worker.push(name, model, evaluation, model.with_name(f"{model.name}-proof"), serving))


def test_versions_rise_and_a_model_is_published_once(tmp_path):
    good = verdict(tmp_path / "e", True)
    first = push("m", model(tmp_path / "a", "1"), good, tmp_path / "serving")
    assert push("m", tmp_path / "a", good, tmp_path / "serving") == first
    second = push("m", model(tmp_path / "b", "2"), good, tmp_path / "serving")
    assert (first.name, second.name) == ("1", "2")
    about = json.loads((second / "latticework.json").read_text())
    assert about["files"]["saved_model.pb"] == hashlib.sha256(b"2").hexdigest()


def test_a_model_that_is_not_blessed_is_refused(tmp_path):
    with pytest.raises(CheckFailed, match="not blessed"):
        push("m", model(tmp_path / "a", "1"), verdict(tmp_path / "e", False), tmp_path / "serving")
    assert not (tmp_path / "serving").exists()


def test_pushes_at_once_end_with_whole_versions(tmp_path):
    good = verdict(tmp_path / "e", True)
    models = [model(tmp_path / f"m{i}", str(i)) for i in range(8)]
    (tmp_path / "serving" / "m" / ".3.partial").mkdir(parents=True)
    with ThreadPoolExecutor(8) as pool:
        targets = list(pool.map(lambda m: push("m", m, good, tmp_path / "serving"), models))
    assert sorted(int(t.name) for t in targets) == list(range(1, 9)) == Registry(tmp_path / "serving", "m").versions()
    assert sorted((t / "saved_model.pb").read_text() for t in targets) == [str(i) for i in range(8)]
    assert not list((tmp_path / "serving" / "m").glob(".*.partial"))


def test_what_was_rolled_back_stays_so_when_the_same_model_is_pushed_again(tmp_path):
    good, registry = verdict(tmp_path / "e", True), Registry(tmp_path / "serving", "m")
    for index in (1, 2):
        push("m", model(tmp_path / str(index), str(index)), good, tmp_path / "serving")
    assert registry.champion() == 2
    assert registry.rollback("complaints") == 1
    assert push("m", tmp_path / "2", good, tmp_path / "serving").name == "2"
    assert registry.champion() == 1


def test_the_canary_must_have_been_asked_this_model(tmp_path):
    good = verdict(tmp_path / "e", True)
    published = push("m", model(tmp_path / "a", "1"), good, tmp_path / "serving")
    assert (published / "assets.extra" / "tf_serving_warmup_requests").read_text() == "w"
    assert json.loads((published / "latticework.json").read_text())["canary"]["rows"] == 1
    with pytest.raises(CheckFailed, match="proof of another model"):
        worker.push("m", model(tmp_path / "b", "2"), good, tmp_path / "a-proof", tmp_path / "serving")
    assert Registry(tmp_path / "serving", "m").versions() == [1]
