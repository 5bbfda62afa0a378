"""Vertex AI Pipelines: the same compiled file as a PipelineJob, and its schedules."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pipeline.compiled import Compiled
from pipeline.schedules import Applied, Scheduled, digest, filled
from schemas.errors import UserError, nearest
from schemas.spec.schedule import Schedule

_DATE, _TIME = "{{$.scheduledTime.strftime('%Y-%m-%d')}}", "{{$.scheduledTime.strftime('%Y-%m-%dT%H:%M:%SZ')}}"
_LABEL = "latticework"
_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")


class Vertex:
    """A region of a Google Cloud project; see `pipeline.schedules.Schedules` for its schedules.

    Args:
        aiplatform: the module, told where it is.
        root: where artifacts are kept, `gs://…`, in place of the pipeline's own.
    """

    def __init__(self, aiplatform: Any, root: str | None = None) -> None:
        self.aiplatform, self.root = aiplatform, root

    @classmethod
    def connect(cls, project: str | None, location: str, root: str | None = None) -> Vertex:
        """Takes the credentials of the environment.

        Raises:
            UserError: the library or the credentials are not there.
        """
        try:
            from google.cloud import aiplatform
        except ImportError:
            raise UserError("Vertex AI needs its client: pip install google-cloud-aiplatform") from None
        from google.auth.exceptions import GoogleAuthError

        try:
            aiplatform.init(project=project, location=location)
            _ = aiplatform.initializer.global_config.project
        except GoogleAuthError as error:
            raise UserError(f"Vertex AI: {error}; gcloud auth application-default login, or --project") from None
        return cls(aiplatform, root)

    def job(
        self, pipeline: Compiled, name: str, parameters: Mapping[str, Any], *, cache: bool | None = None,
        root: str | None = None,
    ) -> Any:  # fmt: skip
        """A PipelineJob that is not submitted."""
        return self.aiplatform.PipelineJob(
            display_name=name, template_path=str(pipeline.path), parameter_values=dict(parameters),
            enable_caching=cache, pipeline_root=root or self.root,
        )  # fmt: skip

    def submit(
        self, pipeline: Compiled, name: str, parameters: Mapping[str, Any], *, cache: bool | None = None,
        root: str | None = None, service_account: str | None = None,
    ) -> Any:  # fmt: skip
        """Starts a run."""
        job = self.job(pipeline, name, parameters, cache=cache, root=root)
        job.submit(service_account=service_account)
        return job

    def watch(self, job: Any, every: float = 10.0) -> str:
        """Waits for a run's end and returns its state (SUCCEEDED, FAILED, CANCELLED)."""
        while True:
            state = job.state.name.removeprefix("PIPELINE_STATE_")
            if state in _ENDED:
                return str(state)
            time.sleep(every)

    def apply(self, name: str, pipeline: Compiled, schedule: Schedule, parameters: Mapping[str, Any]) -> Applied:
        """See Schedules."""
        mark = digest(pipeline.path.read_text(encoding="utf-8"), schedule.model_dump(mode="json"), dict(parameters))
        before = self._of(name)
        if before is not None and _mark(before) == mark:
            return "unchanged"
        ends = [f"{schedule.moment(t).isoformat()}" if t else None for t in (schedule.start, schedule.end)]
        job = self.job(pipeline, name, filled(parameters, _DATE, _TIME))
        made = self.aiplatform.PipelineJobSchedule(pipeline_job=job, display_name=f"{name} {_LABEL} {mark}")
        made.create(
            cron=_cron(schedule), start_time=ends[0], end_time=ends[1],
            max_concurrent_run_count=schedule.max_concurrency, allow_queueing=schedule.catch_up,
        )  # fmt: skip
        if before is not None:
            if before.state.name == "PAUSED":
                made.pause()
            before.delete()
        return "updated" if before is not None else "created"

    def list(self) -> list[Scheduled]:
        """See Schedules."""
        return [
            Scheduled(
                _model(one), one.cron or "", one.state.name == "ACTIVE",
                str(one._gca_resource.next_run_time or ""), one.resource_name,
            )
            for one in self._all()
        ]  # fmt: skip

    def pause(self, name: str) -> None:
        """See Schedules."""
        self._known(name).pause()

    def resume(self, name: str) -> None:
        """See Schedules."""
        self._known(name).resume(catch_up=False)

    def delete(self, name: str) -> None:
        """See Schedules."""
        self._known(name).delete()

    def run_now(self, name: str) -> str:
        """See Schedules."""
        raise UserError(
            f"Vertex AI cannot run a schedule at once; submit it: latticework submit SPEC --vertex ({name})"
        )

    def _all(self) -> Any:
        found = self.aiplatform.PipelineJobSchedule.list()
        return [one for one in found if f" {_LABEL} " in one.display_name]

    def _of(self, name: str) -> Any:
        return next((one for one in self._all() if _model(one) == name), None)

    def _known(self, name: str) -> Any:
        found = self._of(name)
        if found is None:
            known = [_model(one) for one in self._all()]
            raise UserError(f"no schedule of '{name}' on Vertex AI{nearest(name, known)}")
        return found


def _model(schedule: Any) -> str:
    """The model of a schedule: the first word of its name."""
    return str(schedule.display_name.split()[0])


def _mark(schedule: Any) -> str:
    """What says whether two schedules are the same: the last word of its name."""
    return str(schedule.display_name.split()[-1])


def _cron(schedule: Schedule) -> str:
    """A cron as Vertex AI reads it, which knows no intervals."""
    if schedule.cron:
        return f"TZ={schedule.time_zone} {schedule.cron}"
    seconds = schedule.seconds or 0
    for unit, cron in ((86400, "0 0 */{} * *"), (3600, "0 */{} * * *"), (60, "*/{} * * * *")):
        count = seconds // unit
        whole = {86400: 1, 3600: 24, 60: 60}[unit]
        if seconds % unit == 0 and count and whole % count == 0:
            return f"TZ=UTC {cron.format(count)}"
    raise UserError(f"schedule.every: Vertex AI has crons only, and none means every {schedule.every}; write `cron`")
