"""Recurring runs of a KFP server: one for each model, known by its name in the model's experiment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipeline.compiled import Compiled
from pipeline.kubeflow.connection import Kubeflow
from pipeline.kubeflow.upload import Version, upload
from pipeline.schedules import Applied, Scheduled, digest, filled, filled_for, utc_text
from schemas.errors import UserError, nearest
from schemas.spec.schedule import Schedule

_MARK = re.compile(r"latticework ([0-9a-f]{12})")
# What KFP's controller fills in when a run is due, in Go's layouts of a time (UTC).
_DATE, _TIME = "[[ScheduledTime.2006-01-02]]", "[[ScheduledTime.2006-01-02T15:04:05Z]]"


class RecurringRuns:
    """The schedules of a KFP server; see `pipeline.schedules.Schedules`.

    Args:
        kubeflow: a connection.
        experiment: of the runs; the model's name where it is not given.
        time_zone: in which the server reads crons: its CRON_SCHEDULE_TIMEZONE.
        service_account: that the runs' pods have.
    """

    def __init__(
        self,
        kubeflow: Kubeflow,
        experiment: str | None = None,
        time_zone: str = "UTC",
        service_account: str | None = None,
    ) -> None:
        self.kubeflow, self.experiment, self.time_zone = kubeflow, experiment, time_zone
        self.service_account = service_account

    def apply(self, name: str, pipeline: Compiled, schedule: Schedule, parameters: Mapping[str, Any]) -> Applied:
        """See Schedules.

        The server cannot change a recurring run: the new one is made paused, then the old one goes and the new one
        begins, so that no failure on the way leaves two of them at work, or none.
        """
        if schedule.cron and schedule.time_zone != self.time_zone:
            raise UserError(
                f"schedule.time_zone: {self.kubeflow.host} reads crons in {self.time_zone}, not {schedule.time_zone}; "
                "write the cron in that zone, or say --server-time-zone if its CRON_SCHEDULE_TIMEZONE is another"
            )
        version = upload(self.kubeflow, pipeline.path, pipeline.name, pipeline.description)
        mark = digest(version.name, schedule.model_dump(mode="json"), dict(parameters), self.service_account)
        found = self._of(name)
        same = [run for run in found if _mark(run) == mark]
        others = [run for run in found if _mark(run) != mark]
        if same and not others:
            return "unchanged"
        paused = bool(others) and all(run.status == "DISABLED" for run in others)
        made = same[0] if same else self._create(name, version, schedule, parameters, mark)
        for run in others:
            self._ask(name, "delete", run)
        if not paused:
            self._ask(name, "enable", made)
        return "updated" if others else "created"

    def list(self) -> list[Scheduled]:
        """See Schedules."""
        return [
            Scheduled(run.display_name, _told(run.trigger), run.status != "DISABLED", "", run.recurring_run_id)
            for run in self._all()
            if _mark(run)
        ]

    def pause(self, name: str) -> None:
        """See Schedules."""
        for run in self._known(name):
            self._ask(name, "disable", run)

    def resume(self, name: str) -> None:
        """See Schedules."""
        for run in self._known(name):
            self._ask(name, "enable", run)

    def delete(self, name: str) -> None:
        """See Schedules."""
        for run in self._known(name):
            self._ask(name, "delete", run)

    def run_now(self, name: str) -> str:
        """See Schedules."""
        run, now = self._known(name)[0], datetime.now(UTC)
        reference, config = run.pipeline_version_reference, run.runtime_config
        given = filled_for(_with_placeholders(config.parameters or {}), now)
        made = self.kubeflow.ask(
            f"run of '{name}'", self.kubeflow.client.run_pipeline, run.experiment_id, f"{name}-{now:%Y%m%d-%H%M%S}",
            pipeline_id=reference.pipeline_id, version_id=reference.pipeline_version_id, params=given,
            service_account=run.service_account,
        )  # fmt: skip
        return self.kubeflow.run_link(made.run_id)

    def _ask(self, name: str, action: str, run: Any) -> None:
        call = getattr(self.kubeflow.client, f"{action}_recurring_run")
        self.kubeflow.ask(f"{action} schedule '{name}'", call, run.recurring_run_id)

    def _create(self, name: str, version: Version, schedule: Schedule, parameters: Mapping[str, Any], mark: str) -> Any:
        ends = [utc_text(schedule.moment(t)) if t else None
                for t in (schedule.start, schedule.end)]  # fmt: skip
        return self.kubeflow.ask(
            f"schedule '{name}'", self.kubeflow.client.create_recurring_run,
            self.kubeflow.experiment(self.experiment or name), name,
            description=f"{schedule.told()}; latticework {mark}", start_time=ends[0], end_time=ends[1],
            interval_second=schedule.seconds, cron_expression=f"0 {schedule.cron}" if schedule.cron else None,
            max_concurrency=schedule.max_concurrency, no_catchup=not schedule.catch_up,
            params=filled(parameters, _DATE, _TIME), pipeline_id=version.pipeline_id, version_id=version.version_id,
            enabled=False, service_account=self.service_account,
        )  # fmt: skip

    def _known(self, name: str) -> Any:
        found = self._of(name)
        if not found:
            known = [scheduled.name for scheduled in self.list()]
            raise UserError(f"no schedule of '{name}' at {self.kubeflow.host}{nearest(name, known)}")
        return found

    def _of(self, name: str) -> Any:
        return [run for run in self._all() if run.display_name == name and _mark(run)]

    def _all(self) -> Any:
        return self.kubeflow.all_pages(
            "schedules", "recurring_runs", self.kubeflow.client.list_recurring_runs, namespace=self.kubeflow.namespace
        )


def _with_placeholders(parameters: Mapping[str, Any]) -> dict[str, Any]:
    def back(value: Any) -> Any:
        return (
            value.replace(_DATE, "{scheduled_date}").replace(_TIME, "{scheduled_time}")
            if isinstance(value, str)
            else value
        )

    return {name: back(value) for name, value in parameters.items()}


def _mark(run: Any) -> str:
    match = _MARK.search(run.description or "")
    return match[1] if match else ""


def _told(trigger: Any) -> str:
    if trigger is None:
        return ""
    if trigger.cron_schedule:
        return str(trigger.cron_schedule.cron).removeprefix("0 ")
    return f"every {trigger.periodic_schedule.interval_second} s"
