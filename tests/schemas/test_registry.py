"""Versions, the pointer to the champion, and what happens to both when a push is killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
    (Path(registry.place) / "champion.json").unlink()
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
    (Path(registry.location(2)) / "saved_model.pb").write_text("other")
    (Path(registry.location(2)) / "more").write_text("")
    (Path(registry.location(2)) / "variables" / "v0").unlink()
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
    (Path(registry.place) / ".champion.json.partial").write_text("half")
    assert registry.publish(saved_model(tmp_path / "last", "last"), {}, "last")[1]
    assert not list(Path(registry.place).glob(".*.partial"))


def test_the_command(registry, tmp_path, capsys):
    from pipeline.commandline import main

    where = ["--serving", str(tmp_path / "serving")]
    assert main(["models", "list", "m", *where]) == 0
    assert "in service" in capsys.readouterr().out
    assert main(["models", "rollback", "m", *where]) == 0
    assert capsys.readouterr().out == "m: version 3 is in service\n"
    assert main(["models", "show", "m", "--verify", *where]) == 0
    assert "rolled back by hand" in capsys.readouterr().out
    (Path(registry.location(3)) / "saved_model.pb").write_text("other")
    assert main(["models", "show", "m", "--verify", *where]) == 3
    assert "damaged     saved_model.pb" in capsys.readouterr().out
    assert main(["models", "promote", "m", "9", *where]) == 2
    assert "no version 9" in capsys.readouterr().err
    assert main(["models", "prune", "m", "--keep", "1", "--json", *where]) == 0
    assert '"removed": [1, 2]' in capsys.readouterr().out


@pytest.fixture
def remote(tmp_path):
    """On a filesystem that has no renames and no locks of its own."""
    found = Registry(f"memory://{uuid.uuid4().hex}/serving", "m")
    for content in "abc":
        found.publish(saved_model(tmp_path / content, content), {"metrics": {}}, f"model {content}")
    return found


def test_an_object_store_keeps_the_same_promises(remote, tmp_path):
    directory = remote.place.removesuffix("/m")
    assert (remote.versions(), remote.champion(), names(directory)) == ([1, 2, 3], 3, ["m"])
    assert remote.rollback("worse") == 2
    assert remote.damaged(2) == []
    fetched = remote.fetch(2, tmp_path / "fetched")
    assert (fetched / "saved_model.pb").read_text() == "b"
    assert remote.publish(tmp_path / "a", {}, "again") == (1, False)
    assert remote.champion() == 2
    assert remote.prune(1) == [1]
    assert remote.location(3).endswith("/serving/m/3")
    with pytest.raises(DataError, match="no version 1; there are: 2, 3"):
        remote.fetch(1, tmp_path / "gone")


def test_a_version_without_its_manifest_is_none(remote, tmp_path):
    filesystem = remote._store.filesystem
    filesystem.pipe_file(f"{remote._store.path}/4/saved_model.pb", b"half of a killed push")
    filesystem.pipe_file(f"{remote._store.path}/4/left.over", b"half of a killed push")
    assert remote.versions() == [1, 2, 3]
    assert remote.publish(saved_model(tmp_path / "d", "d"), {}, "next") == (4, True)
    assert remote.damaged(4) == []


def test_pushes_at_once_to_an_object_store(remote, tmp_path):
    sources = [saved_model(tmp_path / f"at-once-{index}", f"at-once-{index}") for index in range(6)]
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda source: remote.publish(source, {}, "at once"), sources))
    assert sorted(made) == [(version, True) for version in range(4, 10)]
    assert remote.champion() == max(remote.versions()) == 9
    assert [remote.manifest(v)["parent"] for v in range(4, 10)] == [3, 4, 5, 6, 7, 8]


def test_a_lock_whose_holder_was_killed_is_taken_over(remote, tmp_path):
    lock = f"{remote._store.path}/.lock"
    remote._store.filesystem.pipe_file(lock, b'{"owner": "gone", "until": 0}')
    assert remote.publish(saved_model(tmp_path / "d", "d"), {}, "next") == (4, True)
    assert not remote._store.filesystem.exists(lock)


def test_an_unknown_filesystem_is_named():
    with pytest.raises(DataError, match="no-such://x"):
        Registry("no-such://x", "m")
