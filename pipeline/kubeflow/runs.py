"""Runs on a KFP server: starting one, watching its tasks, reading the log of the one that failed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from urllib3.exceptions import HTTPError

from pipeline.kubeflow.connection import Kubeflow, Refused
from pipeline.kubeflow.upload import Version

ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")
_INNER = re.compile(r"(driver|executor)(\(\d+\))?$")
"""KFP's own steps around each task."""
_LAST_LINES = 60


@dataclass(frozen=True)
class Task:
    """A task of a run.

    Attributes:
        name: as the pipeline has it; a group (condition, exit handler) has one too.
        state: PENDING, RUNNING, SUCCEEDED, SKIPPED, FAILED, CANCELED or CACHED.
        seconds: from its start to its end or to now; None where it has not begun.
        pod: its pod's name, where it has one.
        error: the server's words, where it failed.
    """

    name: str
    state: str
    seconds: float | None
    pod: str
    error: str


def start(
    kubeflow: Kubeflow, version: Version, name: str, experiment: str, parameters: Mapping[str, Any], *,
    cache: bool | None = None, root: str | None = None, service_account: str | None = None,
) -> str:  # fmt: skip
    """Starts a run of an uploaded version and returns its id.

    Args:
        kubeflow: a connection.
        version: of the pipeline.
        name: the run's.
        experiment: its name; it is made where it is not there.
        parameters: in place of the pipeline's defaults.
        cache: True or False for all tasks, None for what the pipeline says of each.
        root: where artifacts are kept, in place of the pipeline's.
        service_account: that the run's pods have, KFP's own where it is None.

    Raises:
        Refused: the server does not take it.
    """
    run = kubeflow.ask(
        f"run '{name}'", kubeflow.client.run_pipeline, kubeflow.experiment(experiment), name,
        pipeline_id=version.pipeline_id, version_id=version.version_id, params=dict(parameters), enable_caching=cache,
        pipeline_root=root, service_account=service_account,
    )  # fmt: skip
    return str(run.run_id)


def watch(kubeflow: Kubeflow, run_id: str, listen: Callable[[Task], None], *, every: float = 5.0) -> str:
    """Follows a run to its end and returns its state; each task is told when its state changes.

    Args:
        kubeflow: a connection.
        run_id: the run's.
        listen: called with each task whose state is new.
        every: seconds between questions.
    """
    told: dict[str, str] = {}
    while True:
        run = kubeflow.ask(f"run {run_id}", kubeflow.client.get_run, run_id)
        for task in tasks(run):
            if told.get(task.name) != task.state:
                told[task.name] = task.state
                listen(task)
        if run.state in ENDED:
            return str(run.state)
        time.sleep(every)


def tasks(run: Any) -> Iterator[Task]:
    """The tasks of a run, those that began first before the others; KFP's own drivers are left out."""
    details = (run.run_details.task_details if run.run_details else None) or []
    below: dict[str, list[Any]] = {}
    for detail in details:
        below.setdefault(detail.parent_task_id or "", []).append(detail)
    for detail in sorted(details, key=lambda one: (one.start_time is None, str(one.start_time))):
        name = detail.display_name or ""
        if not name or _INNER.search(name) or name in ("root", run.display_name):
            continue
        yield Task(
            name, str(detail.state or "PENDING"), _seconds(detail.start_time, detail.end_time), _pod(detail, below),
            (detail.error.message or "") if detail.error else "",
        )  # fmt: skip


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    if start is None:
        return None
    # A task at work has the beginning of time as its end.
    done = end if end is not None and end >= start else datetime.now(start.tzinfo)
    return (done - start).total_seconds()


def _pod(detail: Any, below: Mapping[str, list[Any]]) -> str:
    """The pod of a task: that of its last try, which is a task of its own below it."""
    pods = [child.pod_name for child in detail.child_tasks or [] if child.pod_name]
    waiting = list(below.get(detail.task_id or "-", []))
    while waiting:
        inner = waiting.pop(0)
        waiting += below.get(inner.task_id or "-", [])
        if "executor" in (inner.display_name or "") and inner.pod_name:
            pods.append(inner.pod_name)
    return str(pods[-1] if pods else detail.pod_name or "")


def failing_log(kubeflow: Kubeflow, run_id: str, task: Task) -> str:
    """The last lines of a task's log, or why there are none.

    The API has no call for logs: the user interface's server has, under the address that serves both, and the
    Kubernetes API, where that is the way to KFP.
    """
    if not task.pod:
        return "it had no pod"
    try:
        if kubeflow.kube_context is not None:
            text = _log_of_kubernetes(kubeflow, task.pod)
        else:
            text = _log_of_user_interface(kubeflow, run_id, task.pod)
    except Refused as error:
        return f"no log: {error}; try: kubectl logs -n {kubeflow.namespace} {task.pod} -c main"
    return "\n".join(text.rstrip().splitlines()[-_LAST_LINES:])


def _log_of_kubernetes(kubeflow: Kubeflow, pod: str) -> str:
    from kubernetes import client, config

    try:
        try:
            config.load_incluster_config()
        except config.ConfigException:
            config.load_kube_config(context=kubeflow.kube_context or None)
        said = client.CoreV1Api().read_namespaced_pod_log(
            pod, kubeflow.namespace, container="main", tail_lines=_LAST_LINES
        )
    except (client.ApiException, config.ConfigException, HTTPError) as error:
        raise Refused(str(error).splitlines()[0], 0) from None
    return str(said)


def _log_of_user_interface(kubeflow: Kubeflow, run_id: str, pod: str) -> str:
    query = urlencode({"podname": pod, "runid": run_id, "podnamespace": kubeflow.namespace})
    api = kubeflow.client._run_api.api_client
    headers = dict(api.default_headers)
    if api.cookie:
        headers["Cookie"] = api.cookie
    api.update_params_for_auth(headers, [], ["Bearer"])
    answer = kubeflow.ask(
        f"log of {pod}", api.rest_client.GET, f"{kubeflow.host}/k8s/pod/logs?{query}", headers=headers,
        _preload_content=False, _request_timeout=30,
    )  # fmt: skip
    if answer.status >= 400:
        raise Refused(f"it answered {answer.status}", answer.status)
    return str(answer.data.decode("utf-8", "replace"))
