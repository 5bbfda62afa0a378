"""`latticework schedule`: train anew time and again, on a cluster or on this machine."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands.base import Commands, add_runs_folder, assigned, load, plain_command
from pipeline.commands.remote import add_endpoint, add_sent, add_vertex, arguments, compiled, endpoint
from schemas.errors import UserError

if TYPE_CHECKING:
    from pipeline.machine.history import Slot
    from schemas.spec.schedule import Schedule

_NAMED = {
    "pause": "no further runs until it is resumed", "resume": "run again", "delete": "no further runs",
    "run-now": "run once, beside the schedule",
}  # fmt: skip


def add(commands: Commands) -> None:
    """Adds the command and its actions."""
    command = plain_command(
        commands, "schedule", "train anew by the spec's schedule, on Kubeflow Pipelines, Vertex AI or this machine",
        "latticework schedule create spec.yaml --host https://kubeflow.example.com",
        "latticework schedule list --host https://kubeflow.example.com",
        "latticework schedule create spec.yaml --local    keep it on this machine",
        "latticework schedule --local                     run what is due on this machine, until it is ended",
        "latticework schedule status                      what ran on this machine, and what came of it",
    )  # fmt: skip
    command.add_argument("--local", action="store_true", help="on this machine; without an action: run what is due")
    add_runs_folder(command)
    command.set_defaults(call=call, action=None)
    actions = command.add_subparsers(metavar="ACTION")
    create = _action(
        actions, "create", "make the schedule what the spec's section `schedule` says, unless it is that",
        "latticework schedule create spec.yaml --param span={scheduled_date}",
    )  # fmt: skip
    create.add_argument("spec", type=Path, help="the YAML spec")
    create.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="replace a value of the spec; can be repeated"
    )
    create.add_argument("--experiment", help="the runs' experiment (default: the model's name)")
    create.add_argument(
        "--server-time-zone",
        default="UTC",
        help="the zone of KFP's CRON_SCHEDULE_TIMEZONE (default: UTC, as KFP's own)",
    )
    add_sent(create)
    _action(actions, "list", "all schedules", "latticework schedule list --json")
    for name, text in _NAMED.items():
        action = _action(actions, name, text, f"latticework schedule {name} flights")
        action.add_argument("name", help="the model's name")
    status = plain_command(
        actions, "status", "what ran on this machine, and what came of it", "latticework schedule status"
    )
    status.add_argument("name", nargs="?", help="the model's name (default: all)")
    status.add_argument("--count", type=int, default=20, help="how many runs (default: 20)")
    status.add_argument("--json", action="store_true", help="print JSON")
    add_runs_folder(status)
    status.set_defaults(action="status")


def _action(actions: Any, name: str, text: str, example: str) -> argparse.ArgumentParser:
    action = plain_command(actions, name, text, example)
    action.add_argument("--local", action="store_true", default=argparse.SUPPRESS, help="on this machine")
    action.add_argument("--json", action="store_true", help="print JSON")
    add_runs_folder(action)
    add_endpoint(action)
    add_vertex(action)
    action.set_defaults(action=name)
    return action


def call(options: argparse.Namespace) -> int:
    """Does the action."""
    if options.action is None:
        return _run_forever(options)
    if options.action == "status":
        return _status(options)
    if options.action == "create":
        return _create(options)
    schedules = _place(options)
    if options.action == "list":
        return _list(options, schedules)
    told = getattr(schedules, options.action.replace("-", "_"))(options.name)
    done = {"pause": "paused", "resume": "resumed", "delete": "deleted", "run-now": "started"}[options.action]
    print(
        json.dumps({"name": options.name, "done": done, "told": told})
        if options.json
        else _line(options.name, done, told)
    )
    return 0


def _line(name: str, done: str, told: str | None) -> str:
    return f"{name}: {done}" + (f"  {told}" if told else "")


def _run_forever(options: argparse.Namespace) -> int:
    if not options.local:
        raise UserError(
            "give an action (create, list, status …), or --local to run what is due on this machine: --help"
        )
    from pipeline.machine.scheduler import MachineSchedules

    MachineSchedules(options.runs).run_forever(lambda text: print(text, flush=True))
    return 0


def _create(options: argparse.Namespace) -> int:
    if options.local:
        from pipeline.arguments import serving_directory
        from pipeline.machine.scheduler import MachineSchedules

        loaded = load(options)
        if options.sweep:
            raise UserError("--sweep: a schedule of this machine trains one model; search with latticework sweep")
        if options.set:
            raise UserError("--set: a schedule of this machine reads the spec anew for each run; change the spec")
        schedule = _section(loaded.spec.schedule, options.spec)
        own = assigned("--param", options.param, "NAME=VALUE", "span={scheduled_date}")
        given: dict[str, Any] = {**schedule.parameters, **own}
        here = MachineSchedules(options.runs, options.spec, Path.cwd(), serving_directory(loaded))
        name, applied = loaded.spec.name, here.apply(loaded.spec.name, schedule, given)
    else:
        with compiled(options) as (pipeline, spec):
            if spec is None:
                raise UserError(f"{options.spec} is compiled; a schedule comes with a spec")
            schedule = _section(spec.spec.schedule, options.spec)
            given = arguments(options, pipeline, schedule.parameters)
            name, applied = pipeline.name, _place(options).apply(pipeline.name, pipeline, schedule, given)
    if options.json:
        print(json.dumps({"name": name, "done": applied, "trigger": schedule.told()}))
    else:
        print(f"{name}: {applied}  {schedule.told()}")
    return 0


def _section(schedule: Schedule | None, spec: Path) -> Schedule:
    if schedule is None:
        raise UserError(f"{spec}: no `schedule`; write when, such as `schedule: {{cron: '0 6 * * *'}}`")
    return schedule


def _place(options: argparse.Namespace) -> Any:
    """Where schedules are kept."""
    if options.local:
        from pipeline.machine.scheduler import MachineSchedules

        return MachineSchedules(options.runs)
    if options.vertex:
        from pipeline.vertex import Vertex

        return Vertex.connect(options.project, options.location, getattr(options, "root", None))
    from pipeline.kubeflow.schedules import RecurringRuns

    return RecurringRuns(
        endpoint(options).connect(), getattr(options, "experiment", None), getattr(options, "server_time_zone", "UTC"),
        getattr(options, "service_account", None),
    )  # fmt: skip


def _list(options: argparse.Namespace, schedules: Any) -> int:
    found = schedules.list()
    if options.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("name", "when", "state", "next run"):
        table.add_column(title, header_style="dim")
    for one in found:
        table.add_row(one.name, one.trigger, "on" if one.enabled else "paused", one.next_run)
    Console().print(table if found else "no schedules")
    return 0


def _status(options: argparse.Namespace) -> int:
    from pipeline.machine.scheduler import MachineSchedules
    from pipeline.summary import from_here

    schedules = MachineSchedules(options.runs)
    kept, ran = schedules.list(), schedules.history.last(options.name, options.count)
    if options.json:
        told = {"schedules": [asdict(one) for one in kept], "runs": [slot.as_json() for slot in ran]}
        print(json.dumps(told, indent=2))
        return 0
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for one in kept:
        console.print(
            f"{one.name}: {one.trigger}; {'next ' + one.next_run if one.enabled else 'paused'}", highlight=False
        )
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("name", "scheduled for", "seconds", "outcome", "metrics", "log"):
        table.add_column(title, header_style="dim", overflow="fold")
    for slot in ran:
        took = "" if slot.seconds is None else f"{slot.seconds:.0f}"
        table.add_row(slot.name, slot.slot, took, slot.outcome, _metrics(slot), from_here(slot.log))
    console.print(table if ran else "nothing ran yet; latticework schedule --local runs what is due")
    return 0


def _metrics(slot: Slot) -> str:
    from pipeline.summary import all_outputs

    return all_outputs(slot.summary.get("metrics", {}))
