from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.errors import DataError
from schemas.spans import resolve_spans, spans_of
from schemas.spec import Data


def data(path, **more) -> Data:
    split = {"by": "source"} if isinstance(path, dict) else {"by": "hash", "columns": ["key"]}
    return Data.model_validate({"path": path, "format": "csv", "split": split, **more})


@pytest.fixture
def days(tmp_path: Path) -> Path:
    for day in ("2026-11-20", "2026-11-22", "2026-11-23"):
        folder = tmp_path / day[:4] / day[5:7]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{day[8:]}.csv").write_text("1")
    (tmp_path / "2026" / "11" / "99.csv").write_text("no day")
    return tmp_path


PATTERN = "{YYYY}/{MM}/{DD}.csv"


def test_the_newest_span_is_read_unless_one_is_asked_for(days):
    assert resolve_spans(data(PATTERN), days).path == ["2026/11/23.csv"]
    assert resolve_spans(data(PATTERN), days, "2026-11-20").path == ["2026/11/20.csv"]
    assert resolve_spans(data(PATTERN), days, "2026-11-22T06:00:00Z").path == ["2026/11/22.csv"]


def test_a_window_of_spans_leaves_out_the_days_without_files(days):
    found = resolve_spans(data(PATTERN, spans=4), days)
    assert found.path == ["2026/11/20.csv", "2026/11/22.csv", "2026/11/23.csv"]
    assert not found.names_spans
    assert resolve_spans(found, days) is found, "resolved once, it stays what it is"


def test_a_span_without_files_is_told_with_the_newest_there_is(days):
    with pytest.raises(DataError, match=r"no file matches 2026/11/24.csv .*; the newest span there is 2026-11-23"):
        resolve_spans(data(PATTERN), days, "2026-11-24")
    with pytest.raises(DataError, match="no file matches"):
        resolve_spans(data("gone/" + PATTERN), days)
    with pytest.raises(DataError, match="expected a day such as 2026-11-24"):
        resolve_spans(data(PATTERN), days, "tuesday")
    with pytest.raises(DataError, match="path names no span"):
        resolve_spans(data("2026/11/*.csv"), days, "2026-11-24")


def test_spans_by_number_and_by_split(tmp_path):
    for span in (8, 9, 10):
        for split in ("train", "eval"):
            (tmp_path / f"{split}-{span:03d}-0.csv").write_text("1")
    pattern = {"train": "train-{SPAN:3}-*.csv", "eval": "eval-{SPAN:3}-*.csv"}
    assert resolve_spans(data(pattern, spans=2), tmp_path).path == {
        "train": ["train-009-*.csv", "train-010-*.csv"], "eval": ["eval-009-*.csv", "eval-010-*.csv"]
    }  # fmt: skip
    assert resolve_spans(data(pattern), tmp_path, "8").path["train"] == ["train-008-*.csv"]
    assert spans_of("train-{SPAN}-*.csv", tmp_path) == {8, 9, 10}


def test_files_that_name_no_span_are_read_with_each(days):
    (days / "always.csv").write_text("1")
    assert resolve_spans(data(["always.csv", PATTERN]), days).path == ["always.csv", "2026/11/23.csv"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("{YYYY}-{MM}.csv", "names a part of a span"),
        ("{date}.csv", "is no placeholder"),
        (["{SPAN}.csv", PATTERN], "by the day and by number"),
    ],
)
def test_placeholders_that_mean_nothing_are_told(path, words):
    with pytest.raises(ValidationError, match=words):
        data(path)
    with pytest.raises(ValidationError, match="path names no span"):
        data("a.csv", spans=3)


@given(st.sets(st.dates(date(2000, 1, 1), date(2099, 12, 31)), min_size=1, max_size=6), st.integers(1, 40))
def test_a_window_is_what_counting_days_gives(tmp_path_factory, days, spans):
    folder = tmp_path_factory.mktemp("days")
    for day in days:
        (folder / f"trips-{day:%Y%m%d}.csv").write_text("1")
    newest = max(days)
    wanted = [newest - timedelta(days=back) for back in range(spans)]
    found = resolve_spans(data("trips-{YYYY}{MM}{DD}.csv", spans=spans), folder)
    assert found.path == [f"trips-{day:%Y%m%d}.csv" for day in sorted(days & set(wanted))]
