from __future__ import annotations

import re

import pytest

from pipeline import images
from pipeline.docker import source_folders
from pipeline.images import image, image_tag
from schemas import __version__
from tests.conftest import HOUSE

ROOMS = sorted(path.parent.name for path in (HOUSE / "components").glob("*/component.py"))
WITHOUT_TENSORFLOW = ("ingest", "validate", "push", "resolve", "notify", "choose")


def test_the_tag_is_of_what_goes_in(tmp_path, monkeypatch):
    assert re.fullmatch(re.escape(__version__) + "-[0-9a-f]{12}", image_tag())
    for folder in ("components/train", "requirements", "schemas"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "requirements/install.sh").write_text("pip install")
    (tmp_path / "schemas/spec.py").write_text("1")
    monkeypatch.setattr(images, "HOUSE", tmp_path)
    before = image_tag()
    assert image_tag() == before
    (tmp_path / "schemas/__pycache__").mkdir()
    (tmp_path / "schemas/__pycache__/spec.pyc").write_text("made while running")
    assert image_tag() == before
    (tmp_path / "components/train/Dockerfile").write_text("FROM scratch")
    assert image_tag() != before
    (tmp_path / "requirements/install.sh").unlink()
    assert image_tag() == __version__, "an installed package, without what images are built from"


def test_names_with_and_without_a_registry():
    assert image("train", "1-a") == "latticework/train:1-a"
    assert image("train", "1-a", "ghcr.io/acme/") == "ghcr.io/acme/latticework/train:1-a"


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_an_image_of_its_own_lock(room):
    text = (HOUSE / "components" / room / "Dockerfile").read_text()
    assert f"COPY components/{room} /opt/latticework/components/{room}" in text
    assert "USER 1001:0" in text
    assert f'org.opencontainers.image.title="latticework/{room}"' in text
    assert ("HEALTHCHECK" in text) == (room == "serve")
    lock = (HOUSE / f"requirements/{room}.txt").read_text()
    assert bool(re.search(r"(?m)^tensorflow-cpu==", lock)) == (room not in WITHOUT_TENSORFLOW)
    assert not re.search(r"(?m)^(tensorflow|libclang|google-cloud-aiplatform|kfp-server-api)==", lock)
    assert "--hash=sha256:" in lock


def test_the_folders_that_containers_are_shown(tmp_path):
    found = source_folders(
        ["data/*.parquet", "data/old/a.csv", "/srv/trips/2013-0[12]/*.csv", "s3://x/y.csv"], tmp_path
    )
    assert found == sorted([f"{tmp_path}/data", "/srv/trips"])
