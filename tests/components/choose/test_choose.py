from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.choose.worker import TRIALS, as_markdown, choose
from schemas.artifacts import read_manifest
from schemas.errors import DataError


@pytest.fixture
def models(tmp_path: Path) -> list[Path]:
    made = []
    for number, losses in enumerate([[0.5, 0.4, 0.45], [0.6, 0.3], [0.35]]):
        folder = tmp_path / f"model-{number}"
        (folder / "saved_model").mkdir(parents=True)
        (folder / "saved_model" / "saved_model.pb").write_text(str(number))
        manifest = {
            "history": {"val_loss": losses, "val_auc": [1 - loss for loss in losses]},
            "epochs": len(losses),
            "parameters": 10,
        }
        (folder / "manifest.json").write_text(json.dumps(manifest))
        made.append(folder)
    return made


@pytest.mark.parametrize(("monitor", "mode"), [("val_loss", "min"), ("val_auc", "max")])
def test_the_best_epoch_of_each_counts(models, tmp_path, monitor, mode):
    tried = [{"model.training.batch_size": size} for size in (64, 128, 256)]
    ranked = choose(models, tmp_path / "best", monitor=monitor, mode=mode, trials=tried)
    assert [trial["number"] for trial in ranked] == [1, 2, 0]
    assert ranked[0]["tried"] == {"model.training.batch_size": 128}
    assert (tmp_path / "best/saved_model/saved_model.pb").read_text() == "1"
    assert read_manifest(tmp_path / "best", "train") == read_manifest(models[1], "train")
    assert json.loads((tmp_path / "best" / TRIALS).read_text()) == ranked
    assert as_markdown(monitor, ranked).splitlines()[2].split(" | ")[2] == "128"


def test_what_cannot_be_chosen_is_told(models, tmp_path):
    with pytest.raises(DataError, match="did you mean 'val_loss'"):
        choose(models, tmp_path / "best", monitor="val_los", mode="min")
    with pytest.raises(DataError, match="no model"):
        choose([], tmp_path / "best", monitor="val_loss", mode="min")
    assert not (tmp_path / "best").exists()
