"""One scheduled run: the pipeline in a process of its own, its output in a log, its outcome in the history."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.machine.history import INTERRUPTED, History
from pipeline.schedules import filled_for
from schemas.errors import UserError, nearest
from schemas.registry import Registry
from schemas.spec.cluster import WEBHOOK

_PARAMETERS = {"span": None, "source": "data.path", "seed": "seed", "thresholds": "evaluate.thresholds"}
"""What a run can have of its own, and the key of the spec that it stands for."""
_OUTCOMES = {0: "published", 3: "refused", 4: "not blessed", 130: INTERRUPTED}
_running: set[subprocess.Popen[bytes]] = set()
_guard = threading.Lock()


def options_of(parameters: Mapping[str, Any]) -> list[str]:
    """The options of `latticework run` for a run's parameters.

    Raises:
        UserError: a name is none of them.
    """
    options = []
    for name, value in parameters.items():
        if name not in _PARAMETERS:
            raise UserError(f"schedule.parameters: '{name}' is no parameter of a run here{nearest(name, _PARAMETERS)}")
        key = _PARAMETERS[name]
        options += ["--span", str(value)] if key is None else ["--set", f"{key}={json.dumps(value)}"]
    return options


def run_slot(
    name: str, spec: str, folder: str, runs: str, file: str, directory: str, parameters: dict[str, Any], slot: datetime
) -> str | None:
    """Runs the pipeline for a slot, unless that is done already.

    Args:
        name: the model's.
        spec: the spec's file, read as it is now.
        folder: the working directory, from which relative paths start.
        runs: the folder of runs.
        file: of the schedules and their history.
        directory: of published models, or its URL.
        parameters: of the schedule.
        slot: the moment that it is scheduled for.

    Returns:
        The outcome, None where the slot was taken.
    """
    history = History(Path(file))
    log = Path(runs) / name / "scheduled" / f"{slot:%Y%m%d-%H%M%S}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(log.parent / ".lock"):
        if not history.claim(name, slot, log):
            return None
        command = [sys.executable, "-m", "pipeline.commandline", "run", spec, "--runs", runs, "--json"]
        command += ["--require-blessing", *options_of(filled_for(parameters, slot))]
        try:
            status, said = _run(command, folder, log)
        except BaseException:
            history.finish(name, slot, INTERRUPTED, {})
            raise
        summary = _summary(said)
        outcome = _OUTCOMES.get(status, "failed") if status >= 0 else INTERRUPTED
        if outcome == "published" and not summary.get("published"):
            outcome = "failed"
        history.finish(name, slot, outcome, summary)
    _tell(name, directory, f"{slot:%Y%m%d-%H%M%S}", outcome, summary, log)
    return outcome


def stop_all() -> None:
    """Ends the runs of this process as Ctrl-C does: nothing half-written is left, and nothing goes on by itself."""
    with _guard:
        for process in _running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)


def _run(command: list[str], folder: str, log: Path) -> tuple[int, str]:
    """The exit status and stdout of a command whose stderr goes to a log."""
    with log.open("ab") as stream:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=stream, start_new_session=True)
        with _guard:
            _running.add(process)
        try:
            said = process.communicate()[0].decode("utf-8", "replace")
        except BaseException:
            os.killpg(process.pid, signal.SIGINT)
            process.communicate()
            raise
        finally:
            with _guard:
                _running.discard(process)
        stream.write(said.encode())
    return process.returncode, said


def _summary(said: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(said)
    except ValueError:
        return {}
    return found


def _tell(name: str, directory: str, run: str, outcome: str, summary: Mapping[str, Any], log: Path) -> None:
    """Keeps the outcome with the published models, and posts it where LATTICEWORK_WEBHOOK says."""
    facts = {key: summary.get(key) for key in ("metrics", "split", "published") if summary.get(key)}
    if summary:
        facts["verdict"] = {"blessed": summary["blessed"], "rules": summary["rules"]}
    Registry(directory, name).keep_run(run, facts)
    if not os.environ.get(WEBHOOK):
        return
    state = "FAILED" if outcome in ("failed", INTERRUPTED) else "SUCCEEDED"
    error = f"{outcome}; its log: {log}" if state == "FAILED" else ""
    with log.open("ab") as stream:
        subprocess.run(
            [sys.executable, "-m", "components.notify", "--name", name, "--directory", directory, "--run", run,
             "--state", state, "--error", error, "--output", str(log.with_suffix(".summary"))],
            stdout=stream, stderr=stream, check=False,
        )  # fmt: skip


@contextlib.contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    """Holds a model's lock: its runs are one after the other, whoever starts them."""
    with lock.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
