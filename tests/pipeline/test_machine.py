"""Schedules of one machine: real schedules, real runs of small models, a scheduler that is killed on the way."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from apscheduler.triggers.cron import CronTrigger
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.commandline import main
from pipeline.machine.history import History
from pipeline.machine.run import options_of, run_slot
from pipeline.machine.scheduler import FILE, MachineSchedules, trigger_of
from pipeline.schedules import filled_for
from schemas.spec.schedule import DAYS, Schedule
from tests.conftest import HOUSE, RIDES, TAXI


@pytest.fixture
def spec(tmp_path) -> Path:
    """A spec that fails at once when it is run: there are no files of it."""
    folder = tmp_path / "spec"
    folder.mkdir()
    shutil.copyfile(TAXI / "schema.pbtxt", folder / "schema.pbtxt")
    (folder / "spec.yaml").write_text(RIDES.read_text() + 'schedule: {cron: "0 6 * * *"}\n')
    return folder / "spec.yaml"


def latticework(capsys, *arguments: str) -> tuple[int, str, str]:
    status = main(list(arguments))
    said = capsys.readouterr()
    return status, said.out, said.err


def test_creating_twice_changes_nothing_and_a_changed_schedule_is_updated(spec, tmp_path, capsys):
    runs = ["--runs", str(tmp_path / "runs")]
    create = ["schedule", "create", str(spec), "--local", *runs]
    assert "taxi: created  0 6 * * * UTC" in latticework(capsys, *create)[1]
    assert "unchanged" in latticework(capsys, *create)[1]
    assert latticework(capsys, "schedule", "pause", "taxi", "--local", *runs)[0] == 0
    spec.write_text(spec.read_text().replace("0 6 * * *", "30 7 * * 0"))
    assert "updated" in latticework(capsys, *create)[1]
    (one,) = json.loads(latticework(capsys, "schedule", "list", "--local", "--json", *runs)[1])
    assert one["trigger"] == "30 7 * * sun UTC"
    assert not one["enabled"]
    latticework(capsys, "schedule", "resume", "taxi", "--local", *runs)
    (one,) = json.loads(latticework(capsys, "schedule", "list", "--local", "--json", *runs)[1])
    assert datetime.fromisoformat(one["next_run"]).strftime("%a %H:%M") == "Sun 07:30"
    assert latticework(capsys, "schedule", "delete", "taxi", "--local", *runs)[0] == 0
    status, _, err = latticework(capsys, "schedule", "delete", "taxi", "--local", *runs)
    assert status == 2
    assert "no schedule of 'taxi'" in err


def test_what_a_run_can_have_of_its_own():
    moment = datetime(2026, 11, 24, 6, tzinfo=UTC)
    given = filled_for(
        {"span": "{scheduled_date}", "thresholds": [{"metric": "auc"}], "source": "a/{scheduled_time}"}, moment
    )
    assert options_of(given) == [
        "--span", "2026-11-24", "--set", 'evaluate.thresholds=[{"metric": "auc"}]',
        "--set", 'data.path="a/2026-11-24T06:00:00Z"',
    ]  # fmt: skip
    with pytest.raises(Exception, match="did you mean 'span'"):
        options_of({"spam": 1})


def test_a_slot_is_run_once_whoever_asks(spec, tmp_path):
    runs, slot = tmp_path / "runs", datetime(2026, 11, 24, 6, tzinfo=UTC)
    arguments = {
        "name": "taxi", "spec": str(spec), "folder": str(tmp_path), "runs": str(runs), "file": str(runs / FILE),
        "directory": str(tmp_path / "serving"), "parameters": {},
    }  # fmt: skip
    runs.mkdir()
    assert run_slot(**arguments, slot=slot) == "failed"
    assert run_slot(**arguments, slot=slot) is None
    (found,) = History(runs / FILE).last("taxi")
    assert found.outcome == "failed"
    assert "no file matches" in Path(found.log).read_text()
    kept = json.loads((tmp_path / "serving/taxi/runs/20261124-060000.json").read_text())
    assert kept == {}


def _scheduler(runs: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.commandline", "schedule", "--local", "--runs", str(runs)], cwd=HOUSE, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **environment},
    )  # fmt: skip


def _processes_of(folder: Path) -> list[str]:
    """The command lines that name a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(process.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
    return [command for command in found if str(folder) in command]


def _until(condition, seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.2)


def test_a_scheduler_runs_what_is_due_survives_a_restart_and_runs_no_slot_twice(spec, tmp_path):
    runs = tmp_path / "runs"
    # Due a moment ago and every day: once, when the scheduler begins.
    begin = datetime.now(UTC) - timedelta(seconds=30)
    text = f"schedule: {{every: 1d, start: {begin.isoformat()}}}"
    spec.write_text(spec.read_text().replace('schedule: {cron: "0 6 * * *"}', text))
    schedules = MachineSchedules(runs, spec, tmp_path, str(tmp_path / "serving"))
    schedule = Schedule(every="1d", start=begin)
    assert schedules.apply("taxi", schedule, {}) == "created"
    # APScheduler counts from now; the moment before is what a scheduler that was down has missed.
    with schedules._opened() as scheduler:
        scheduler.modify_job("taxi", next_run_time=begin)
    first = _scheduler(runs)
    try:
        _until(lambda: [slot.outcome for slot in schedules.history.last()] == ["failed"])
        second = _scheduler(runs)
        assert "another process runs these schedules already" in second.communicate(timeout=60)[0]
        assert second.returncode == 2
    finally:
        first.send_signal(signal.SIGTERM)
        said = first.communicate(timeout=60)[0]
    assert first.returncode == 0, said
    with schedules._opened() as scheduler:
        scheduler.modify_job("taxi", next_run_time=begin)
    again = _scheduler(runs)
    time.sleep(6)
    again.send_signal(signal.SIGTERM)
    again.communicate(timeout=60)
    assert len(schedules.history.last()) == 1


def test_a_killed_scheduler_leaves_an_interrupted_run_that_is_not_run_again(spec, tmp_path):
    runs, slot = tmp_path / "runs", datetime(2026, 11, 24, 6, tzinfo=UTC)
    runs.mkdir()
    history = History(runs / FILE)
    assert history.claim("taxi", slot, tmp_path / "log")
    scheduler = _scheduler(runs)
    _until(lambda: history.last()[0].outcome == "interrupted")
    scheduler.send_signal(signal.SIGTERM)
    assert "not run again" in scheduler.communicate(timeout=60)[0]
    assert not history.claim("taxi", slot, tmp_path / "log")


def test_ending_the_scheduler_ends_the_run_that_is_under_way(taxi_folder, tmp_path):
    spec = taxi_folder / "spec.yaml"
    runs, slot = tmp_path / "runs", datetime.now(UTC) - timedelta(seconds=30)
    schedules = MachineSchedules(runs, spec, tmp_path, str(tmp_path / "serving"))
    schedules.apply("taxi", Schedule(every="1d"), {})
    with schedules._opened() as scheduler:
        scheduler.modify_job("taxi", next_run_time=slot)
    process = _scheduler(runs)
    # Ingest and validate are done: TensorFlow is being loaded, or a step at work.
    _until(lambda: list(runs.glob("taxi/*/logs/transform.log")))
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 0, said
    assert [one.outcome for one in schedules.history.last()] == ["interrupted"]
    assert not list(tmp_path.glob("serving/taxi/*/saved_model.pb"))
    _until(lambda: not _processes_of(runs), 30)


def test_status_shows_what_is_next_and_what_was(spec, tmp_path, capsys):
    runs = tmp_path / "runs"
    latticework(capsys, "schedule", "create", str(spec), "--local", "--runs", str(runs))
    history = History(runs / FILE)
    slot = datetime(2026, 11, 24, 6, tzinfo=UTC)
    history.claim("taxi", slot, runs / "log")
    history.finish("taxi", slot, "published", {"metrics": {"fare": {"mae": 1.9}}, "published": "serving/taxi/3"})
    _, out, _ = latticework(capsys, "schedule", "status", "--runs", str(runs))
    assert "taxi: 0 6 * * * UTC; next" in out
    assert "published" in out
    assert "mae 1.9" in out
    told = json.loads(latticework(capsys, "schedule", "status", "--json", "--runs", str(runs))[1])
    assert told["runs"][0]["summary"]["published"] == "serving/taxi/3"


def test_without_an_action_a_schedule_says_what_to_give(capsys):
    status, _, err = latticework(capsys, "schedule")
    assert status == 2
    assert "--local" in err


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"cron": "0 6 * *"}, "has 4 fields"),
        ({"cron": "60 6 * * *"}, "'60' is no minute; expected 0 to 59"),
        ({"cron": "0 6 1 * mon"}, "name one of them"),
        ({"cron": "0 6 * * 5-1"}, "runs backwards"),
        ({"cron": "0 6 * * mon/0"}, "is no day of week"),
        ({"cron": "0 6 * * *", "every": "1d"}, "one of them"),
        ({}, "one of them"),
        ({"every": "1y"}, "pattern"),
        ({"every": "1d", "time_zone": "Europe/Berln"}, "did you mean 'Europe/Berlin'"),
        ({"every": "1d", "start": "2026-12-01", "end": "2026-11-01"}, "must come before"),
    ],
)
def test_a_schedule_that_means_nothing_is_told(section, words):
    with pytest.raises(ValidationError, match=words):
        Schedule.model_validate(section)


@given(
    st.sampled_from(["0", "7", "1-5", "*/2", "5,6", "mon", "fri-sat", "1-6/2", "sun-wed"]), st.integers(0, 23),
    st.integers(0, 59),
)  # fmt: skip
def test_days_of_the_week_are_those_of_crontab(weekday, hour, minute):
    numbers = {
        "0": {0}, "7": {0}, "1-5": {1, 2, 3, 4, 5}, "*/2": {0, 2, 4, 6}, "5,6": {5, 6}, "mon": {1}, "fri-sat": {5, 6},
        "1-6/2": {1, 3, 5}, "sun-wed": {0, 1, 2, 3},
    }[weekday]  # fmt: skip
    schedule = Schedule(cron=f"{minute} {hour} * * {weekday}")
    assert schedule.fields[4] == ",".join(DAYS[day] for day in sorted(numbers))
    trigger = trigger_of(schedule)
    assert isinstance(trigger, CronTrigger)
    moment = datetime(2026, 11, 1, tzinfo=UTC)
    seen = set()
    for _ in range(14):
        moment = trigger.get_next_fire_time(None, moment)
        assert (moment.hour, moment.minute) == (hour, minute)
        seen.add(moment.isoweekday() % 7)
        moment += timedelta(minutes=1)
    assert seen == numbers
