from __future__ import annotations

import json

import pytest

from pipeline.commandline import main
from pipeline.runs import find_run, past_runs
from schemas.errors import DataError
from tests.browser import LAPTOP, PHONE, is_too_wide, needs_chromium, opened


@pytest.fixture
def runs(tmp_path):
    for index, (name, rate, rmse) in enumerate([("20260101-000000-001", 0.1, 4.0), ("20260102-000000-001", 0.2, 3.5)]):
        folder = tmp_path / "runs" / "taxi" / name
        folder.mkdir(parents=True)
        summary = {
            "metrics": {"fare": {"rmse": rmse, **({"bias": 0.5} if index else {})}}, "blessed": bool(index),
            "parameters": 10, "epochs": 3, "total_seconds": 12.5,
            "history": {"loss": [3.0, 2.0, 1.5], "val_loss": [3.1, rmse / 2, float("nan")]},
        }  # fmt: skip
        (folder / "summary.json").write_text(json.dumps(summary))
        (folder / "spec.json").write_text(json.dumps({"name": "taxi", "model": {"rate": rate}}))
    (tmp_path / "runs" / "taxi" / "20260103-000000-001").mkdir()
    return tmp_path / "runs"


def test_runs_that_ended_are_listed(runs, capsys):
    assert main(["runs", "--runs", str(runs), "--json"]) == 0
    assert [run["blessed"] for run in json.loads(capsys.readouterr().out)] == [False, True]
    assert main(["runs", "other", "--runs", str(runs)]) == 0
    assert "no runs of other" in capsys.readouterr().out
    assert past_runs(runs / "nowhere") == []


def test_a_run_is_found_by_what_a_person_types(runs):
    assert find_run(runs, "last").name == "20260102-000000-001"
    assert find_run(runs, "last~1") == find_run(runs, "20260101")
    for wanted, told in (("2026", "several runs begin so"), ("2025", "no such run"), ("last~2", "there are 2 runs")):
        with pytest.raises(DataError, match=told):
            find_run(runs, wanted)


def test_two_runs_side_by_side(runs, capsys):
    assert main(["compare", "last~1", "last", "--runs", str(runs), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metrics"][0] == {"output": "fare", "metric": "rmse", "first": 4.0, "second": 3.5, "change": -0.5}
    assert found["metrics"][1]["change"] is None
    assert "-  rate: 0.1" in found["spec"]
    assert "+  rate: 0.2" in found["spec"]
    assert main(["compare", "last", "last", "--runs", str(runs)]) == 0
    assert "The specs are the same." in capsys.readouterr().out


@pytest.mark.browser
@needs_chromium
@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_two_runs_as_a_page(runs, tmp_path, size):
    page_path = tmp_path / "comparison.html"
    assert main(["compare", "last~1", "last", "--runs", str(runs), "--html", str(page_path)]) == 0
    with opened(f"file://{page_path}", size) as page:
        assert page.locator("polyline").count() == 2
        assert "+  rate: 0.2" in page.locator("pre").text_content()
        assert page.locator("tbody tr").first.locator("td").last.text_content().strip() == "-0.5"
        assert not is_too_wide(page)
