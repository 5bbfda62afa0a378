from __future__ import annotations

import pytest

from schemas.artifacts import read_manifest, whole_artifact
from schemas.errors import DataError
from schemas.progress import Progress, parse


def test_an_artifact_is_whole_or_not_there(tmp_path):
    with pytest.raises(RuntimeError), whole_artifact(tmp_path / "a", {"n": 1}) as place:
        (place / "half").write_text("x")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with whole_artifact(tmp_path / "a", {"n": 1}) as place:
        (place / "file").write_text("x")
    assert read_manifest(tmp_path / "a", "x") == {"n": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_folder_without_a_manifest_does_not_exist(tmp_path):
    with pytest.raises(DataError, match=r"expected a folder written by components\.ingest"):
        read_manifest(tmp_path, "ingest")


def test_progress_is_read_back(monkeypatch, capsys):
    monkeypatch.setenv("LATTICEWORK_PROGRESS", "json")
    Progress("train").step("epoch 1", epoch=1, loss=0.5)
    event = parse("    " + capsys.readouterr().out)
    assert event is not None
    assert (event.component, event.kind, event.fields) == ("train", "step", {"epoch": 1, "loss": 0.5})
    assert parse("some other line") is None
    assert parse("::latticework {broken") is None
