"""APScheduler on a SQLite file: the schedules of this machine, and the process that runs them."""

from __future__ import annotations

import contextlib
import fcntl
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.job import Job
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from pipeline.machine.history import History
from pipeline.machine.run import options_of, run_slot, stop_all
from pipeline.schedules import Applied, Scheduled, digest, filled_for
from schemas.errors import DataError, UserError, nearest
from schemas.spec.schedule import Schedule

FILE = "schedules.sqlite"
_LOOK = 2.0
"""Seconds after which the process looks for what another one has changed in the file."""


class SlotExecutor(ThreadPoolExecutor):  # type: ignore[misc]
    """Runs a job once for each moment that it is due, and tells it which: APScheduler's own does not."""

    def _do_submit_job(self, job: Job, run_times: list[datetime]) -> None:
        def ended(future: Any) -> None:
            if error := future.exception():
                self._run_job_error(job.id, error, error.__traceback__)
            else:
                self._run_job_success(job.id, [])

        self._pool.submit(_each_slot, job.func, dict(job.kwargs), run_times).add_done_callback(ended)


def _each_slot(function: Callable[..., Any], arguments: dict[str, Any], run_times: list[datetime]) -> None:
    for slot in run_times:
        function(**{**arguments, "slot": slot})


class Editor(BaseScheduler):  # type: ignore[misc]
    """Reads and changes jobs and runs none. (A paused BackgroundScheduler looks for due jobs once more as it ends, and
    what is due then is lost.)"""

    def wakeup(self) -> None:
        """Nothing sleeps."""

    def shutdown(self, wait: bool = True) -> None:
        """Closes the file."""
        super().shutdown(wait)


class MachineSchedules:
    """The schedules of this machine; see `pipeline.schedules.Schedules`.

    Args:
        runs: the folder of runs, which has the file.
        spec: of the schedule that is applied.
        folder: the working directory of its runs.
        directory: of its published models, or its URL.
    """

    def __init__(self, runs: Path, spec: Path | None = None, folder: Path | None = None, directory: str = "") -> None:
        self.runs, self.spec, self.folder, self.directory = runs.resolve(), spec, folder or Path.cwd(), directory
        self.file = self.runs / FILE
        self.history = History(self.file)

    def apply(self, name: str, schedule: Schedule, parameters: Mapping[str, Any]) -> Applied:
        """See Schedules; the spec is read anew for each run."""
        assert self.spec is not None
        options_of(filled_for(parameters, datetime.now(UTC)))
        mark = digest(schedule.model_dump(mode="json"), dict(parameters), str(self.spec.resolve()), self.directory)
        with self._opened() as scheduler:
            before = scheduler.get_job(name)
            if before is not None and before.name == f"{schedule.told()} {mark}":
                return "unchanged"
            scheduler.add_job(
                run_slot, trigger_of(schedule), id=name, name=f"{schedule.told()} {mark}", replace_existing=True,
                coalesce=not schedule.catch_up, misfire_grace_time=None, max_instances=1,
                kwargs={
                    "name": name, "spec": str(self.spec.resolve()), "folder": str(self.folder), "runs": str(self.runs),
                    "file": str(self.file), "directory": self.directory, "parameters": dict(parameters),
                    "slot": None,
                },
            )  # fmt: skip
            if before is not None and before.next_run_time is None:
                scheduler.pause_job(name)
        return "created" if before is None else "updated"

    def list(self) -> list[Scheduled]:
        """See Schedules."""
        with self._opened() as scheduler:
            jobs = scheduler.get_jobs()
        return [
            Scheduled(
                job.id, job.name.rsplit(" ", 1)[0], job.next_run_time is not None,
                job.next_run_time.isoformat() if job.next_run_time else "", str(self.file),
            )
            for job in jobs
        ]  # fmt: skip

    def pause(self, name: str) -> None:
        """See Schedules."""
        with self._known(name) as scheduler:
            scheduler.pause_job(name)

    def resume(self, name: str) -> None:
        """See Schedules."""
        with self._known(name) as scheduler:
            scheduler.resume_job(name)

    def delete(self, name: str) -> None:
        """See Schedules; what was run stays in the history."""
        with self._known(name) as scheduler:
            scheduler.remove_job(name)

    def run_now(self, name: str) -> str:
        """See Schedules; waits for a run that is under way, and for its own."""
        with self._known(name) as scheduler:
            arguments = dict(scheduler.get_job(name).kwargs)
        outcome = run_slot(**{**arguments, "slot": datetime.now(UTC)})
        return f"{outcome}; its log: {self.history.last(name, 1)[0].log}"

    def run_forever(self, listen: Callable[[str], None]) -> None:
        """Runs what is due until the process is told to end (SIGTERM, SIGINT).

        Raises:
            DataError: another process does it already.
        """
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        with (self.runs / ".scheduler.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DataError(f"{self.file}: another process runs these schedules already") from None
            if broken := self.history.interrupt():
                listen(f"{broken} run{'s' if broken > 1 else ''} of an earlier process ended with it; not run again")
            scheduler = BackgroundScheduler(
                jobstores=self._store(), executors={"default": SlotExecutor(8)}, timezone=UTC
            )
            scheduler.add_listener(lambda event: _told(event, listen))
            scheduler.start()
            listen(
                f"{len(scheduler.get_jobs())} schedules of {self.file}; latticework schedule status shows what they ran"
            )
            try:
                while not stopping.wait(_LOOK):
                    # Another process may have changed the file.
                    scheduler.wakeup()
            finally:
                stop_all()
                scheduler.shutdown(wait=True)

    def _store(self) -> dict[str, Any]:
        return {"default": SQLAlchemyJobStore(url=f"sqlite:///{self.file}")}

    @contextlib.contextmanager
    def _opened(self) -> Iterator[BaseScheduler]:
        editor = Editor(jobstores=self._store(), timezone=UTC)
        editor.start(paused=True)
        try:
            yield editor
        finally:
            editor.shutdown()

    @contextlib.contextmanager
    def _known(self, name: str) -> Iterator[BaseScheduler]:
        with self._opened() as scheduler:
            known = [job.id for job in scheduler.get_jobs()]
            if name not in known:
                raise UserError(f"no schedule of '{name}' in {self.file}{nearest(name, known)}")
            with contextlib.suppress(JobLookupError):
                yield scheduler


def trigger_of(schedule: Schedule) -> BaseTrigger:
    """APScheduler's trigger of a schedule."""
    start, end = (schedule.moment(at) if at else None for at in (schedule.start, schedule.end))
    if schedule.seconds:
        return IntervalTrigger(seconds=schedule.seconds, start_date=start, end_date=end, timezone=schedule.time_zone)
    minute, hour, day, month, weekday = schedule.fields
    return CronTrigger(
        minute=minute, hour=hour, day=day, month=month, day_of_week=weekday, start_date=start, end_date=end,
        timezone=schedule.time_zone,
    )  # fmt: skip


def _told(event: Any, listen: Callable[[str], None]) -> None:
    if getattr(event, "exception", None):
        listen(f"{event.job_id}: {event.exception}")
