"""Versions, the pointer to the champion, and what happens to both when a push is killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time

import pytest

from schemas.errors import DataError
from schemas.registry import Registry, names


def saved_model(folder, content="x", files=1):
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_text(content)
    for index in range(files):
        (folder / "variables" / f"v{index}").write_bytes(content.encode() * 50_000)
    return folder


@pytest.fixture
def registry(tmp_path):
    found = Registry(tmp_path / "serving", "m")
    for content in "abcd":
        found.publish(saved_model(tmp_path / content, content), {"metrics": {}}, f"model {content}")
    return found


def test_every_new_version_goes_into_service(registry, tmp_path):
    assert registry.versions() == [1, 2, 3, 4]
    assert registry.champion() == 4
    assert [registry.manifest(v)["parent"] for v in registry.versions()] == [None, 1, 2, 3]
    assert names(tmp_path / "serving") == ["m"]
    assert names(tmp_path / "nothing") == []


def test_versions_of_before_there_was_a_pointer(registry, tmp_path):
    (registry.place / "champion.json").unlink()
    assert registry.champion() is None
    assert registry.publish(tmp_path / "b", {}, "again") == (2, False)
    assert registry.champion() == 2


def test_rollback_goes_back_one_and_promote_anywhere(registry):
    assert registry.rollback("worse") == 3
    registry.promote(1, "by hand")
    assert registry.champion() == 1
    assert [(t.version, t.reason) for t in registry.terms()][-2:] == [(3, "worse"), (1, "by hand")]
    assert registry.rollback("again") == 3
    with pytest.raises(DataError, match="no version 9; there are: 1, 2, 3, 4"):
        registry.promote(9, "x")


def test_nothing_to_roll_back_to(tmp_path):
    registry = Registry(tmp_path, "m")
    registry.publish(saved_model(tmp_path / "a"), {}, "first")
    with pytest.raises(DataError, match="no version was in service before 1"):
        registry.rollback("x")


def test_prune_leaves_the_champion_and_the_one_before(registry, tmp_path):
    registry.promote(1, "by hand")
    assert registry.prune(1) == [2, 3]
    assert registry.versions() == [1, 4]
    assert registry.publish(saved_model(tmp_path / "e", "e"), {}, "next") == (5, True)


def test_damage_is_found(registry):
    assert registry.damaged(2) == []
    (registry.folder(2) / "saved_model.pb").write_text("other")
    (registry.folder(2) / "more").write_text("")
    (registry.folder(2) / "variables" / "v0").unlink()
    assert registry.damaged(2) == ["more", "saved_model.pb", "variables/v0"]


PUSH = """
import sys
from pathlib import Path
from schemas.registry import Registry
for number in range(1000):
    (Path(sys.argv[2]) / "saved_model.pb").write_text(f"{sys.argv[3]} {number}")
    Registry(sys.argv[1], "m").publish(Path(sys.argv[2]), {}, "pushed")
    print("published", flush=True)
"""


def test_a_push_that_is_killed_leaves_whole_versions_and_a_champion(tmp_path):
    serving, source = tmp_path / "serving", saved_model(tmp_path / "source", files=12)
    registry, moments = Registry(serving, "m"), random.Random(7)
    registry.publish(source, {}, "first")
    for attempt in range(20):
        command = [sys.executable, "-c", PUSH, str(serving), str(source), str(attempt)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=".")
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(moments.uniform(0.0, 0.03))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert registry.champion() in registry.versions()
        for version in registry.versions():
            assert registry.damaged(version) == [], f"version {version} after attempt {attempt}"
    assert len(registry.versions()) > 20
    (registry.place / ".champion.json.partial").write_text("half")
    assert registry.publish(saved_model(tmp_path / "last", "last"), {}, "last")[1]
    assert not list(registry.place.glob(".*.partial"))


def test_the_command(registry, tmp_path, capsys):
    from pipeline.commandline import main

    where = ["--serving", str(tmp_path / "serving")]
    assert main(["models", "list", "m", *where]) == 0
    assert "in service" in capsys.readouterr().out
    assert main(["models", "rollback", "m", *where]) == 0
    assert capsys.readouterr().out == "m: version 3 is in service\n"
    assert main(["models", "show", "m", "--verify", *where]) == 0
    assert "rolled back by hand" in capsys.readouterr().out
    (registry.folder(3) / "saved_model.pb").write_text("other")
    assert main(["models", "show", "m", "--verify", *where]) == 3
    assert "damaged     saved_model.pb" in capsys.readouterr().out
    assert main(["models", "promote", "m", "9", *where]) == 2
    assert "no version 9" in capsys.readouterr().err
    assert main(["models", "prune", "m", "--keep", "1", "--json", *where]) == 0
    assert '"removed": [1, 2]' in capsys.readouterr().out
