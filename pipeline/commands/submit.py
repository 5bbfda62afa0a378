"""`latticework submit`: run the pipeline on a cluster."""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline.commands.base import Commands, add_runs_folder, spec_command
from pipeline.commands.remote import add_endpoint, add_sent, add_vertex, arguments, compiled, endpoint

if TYPE_CHECKING:
    from pipeline.compiled import Compiled
    from pipeline.kubeflow.runs import Task


def add(commands: Commands) -> None:
    """Adds the command."""
    command = spec_command(
        commands, "submit", "upload the pipeline and run it on Kubeflow Pipelines or Vertex AI",
        "latticework submit spec.yaml --host https://kubeflow.example.com --param span=2026-11-24 --watch", call,
    )  # fmt: skip
    add_sent(command)
    command.add_argument("--experiment", help="the run's experiment (default: the model's name)")
    command.add_argument("--run-name", help="the run's name (default: the model's name and the time)")
    cache = command.add_mutually_exclusive_group()
    cache.add_argument("--cache", action="store_true", default=None, help="take earlier results in every step")
    cache.add_argument("--no-cache", dest="cache", action="store_false", help="take earlier results in no step")
    command.add_argument(
        "--watch", action="store_true", help="follow the run to its end; its outcome is the exit status"
    )
    command.add_argument(
        "--require-blessing", action="store_true", help="with --watch: exit with 4 when the model is not blessed"
    )
    command.add_argument("--json", action="store_true", help="print what came of it as JSON, and nothing else")
    add_runs_folder(command)
    add_endpoint(command)
    add_vertex(command)


def call(options: argparse.Namespace) -> int:
    """Submits, and watches where that is asked for."""
    with compiled(options) as (pipeline, _):
        name = options.run_name or f"{pipeline.name}-{datetime.now():%Y%m%d-%H%M%S}"
        if options.vertex:
            return _on_vertex(options, pipeline, name)
        return _on_kubeflow(options, pipeline, name)


def _on_kubeflow(options: argparse.Namespace, pipeline: Compiled, name: str) -> int:
    from pipeline.kubeflow.runs import failing_log, start, watch
    from pipeline.kubeflow.upload import upload

    given = arguments(options, pipeline)
    kubeflow = endpoint(options).connect()
    version = upload(kubeflow, pipeline.path, pipeline.name, options.description or pipeline.description)
    _tell(options, f"pipeline  {version.name}{'' if version.new else ', uploaded before'}")
    run_id = start(
        kubeflow, version, name, options.experiment or pipeline.name, given, cache=options.cache, root=options.root,
        service_account=options.service_account,
    )  # fmt: skip
    _tell(options, f"run       {name}\n          {kubeflow.run_link(run_id)}")
    told: dict[str, Any] = {"run": run_id, "name": name, "version": version.name, "link": kubeflow.run_link(run_id)}
    status = 0
    if options.watch:
        seen: dict[str, Task] = {}

        def listen(task: Task) -> None:
            seen[task.name] = task
            took = f"  {task.seconds:.0f} s" if task.seconds is not None and task.state != "RUNNING" else ""
            _tell(options, f"{_MARKS.get(task.state, ' ')} {task.name:<12} {task.state.lower()}{took}")

        state = watch(kubeflow, run_id, listen)
        outcome, status = _outcome(state, {name: task.state for name, task in seen.items()}, options.require_blessing)
        failed = _failed(seen)
        told |= {"state": state, "outcome": outcome, "tasks": {name: task.state for name, task in seen.items()}}
        if failed is not None:
            log = failing_log(kubeflow, run_id, failed)
            told |= {"failed": failed.name, "error": failed.error, "log": log}
            _tell(options, f"\n{failed.name} failed{': ' + failed.error if failed.error else ''}\n{log}")
        _tell(options, f"\n{outcome}")
    if options.json:
        print(json.dumps(told, indent=2))
    return status


_MARKS = {"SUCCEEDED": "✓", "FAILED": "✗", "SKIPPED": "-", "CACHED": "=", "RUNNING": "…", "CANCELED": "✗"}


def _failed(seen: dict[str, Task]) -> Task | None:
    """The task that failed: not the group around it."""
    failed = [task for task in seen.values() if task.state == "FAILED"]
    return next((task for task in failed if task.pod), failed[0] if failed else None)


def _outcome(state: str, tasks: dict[str, str], require_blessing: bool) -> tuple[str, int]:
    """What a run came to, by the states of its tasks, and the exit status."""
    if state != "SUCCEEDED":
        return state.lower(), 1
    if tasks.get("push") == "SUCCEEDED":
        return "published", 0
    if tasks.get("sound") == "SKIPPED":
        return "refused: the data has anomalies; nothing was trained", 3
    if tasks.get("blessed") == "SKIPPED" or "push" not in tasks:
        return "not blessed; what was in service stays", 4 if require_blessing else 0
    return "succeeded", 0


def _on_vertex(options: argparse.Namespace, pipeline: Compiled, name: str) -> int:
    from pipeline.vertex import Vertex

    vertex = Vertex.connect(options.project, options.location)
    job = vertex.submit(
        pipeline, name, arguments(options, pipeline), cache=options.cache, root=options.root,
        service_account=options.service_account,
    )  # fmt: skip
    told = {"run": job.resource_name, "name": name, "link": job._dashboard_uri()}
    _tell(options, f"run       {name}\n          {told['link']}")
    status = 0
    if options.watch:
        state = vertex.watch(job)
        told["state"] = state
        _tell(options, state.lower())
        status = 0 if state == "SUCCEEDED" else 1
    if options.json:
        print(json.dumps(told, indent=2))
    return status


def _tell(options: argparse.Namespace, text: str) -> None:
    if not options.json:
        print(text, flush=True)
