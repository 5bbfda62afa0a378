"""`latticework sweep`: search values of the spec for a better model."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from pipeline.commands.base import Commands, add_runs_folder, given_overrides, load, spec_command


def add(commands: Commands) -> None:
    """Adds the command."""
    command = spec_command(
        commands, "sweep", "search the values that the spec's `sweep` section names",
        "latticework sweep spec.yaml -o best.yaml", call,
    )  # fmt: skip
    command.add_argument("-o", "--output", type=Path, help="the best spec (default: <spec>.best.yaml beside the spec)")
    command.add_argument("--json", action="store_true", help="print every trial as JSON, and nothing else")
    add_runs_folder(command)


def call(options: argparse.Namespace) -> int:
    """Tries what is left to try, then tells what was found."""
    loaded = load(options)
    from rich.console import Console

    from pipeline.graph_check import check_graph, remembered
    from pipeline.sweep.outcome import best_spec, print_table, short, summary, write_outcome
    from pipeline.sweep.study import open_study, run_study

    overrides = given_overrides(options)
    console = Console(file=sys.stderr if options.json else sys.stdout, quiet=options.json)
    study = open_study(loaded, overrides, options.runs)
    check_graph(loaded, remembered(options.runs, loaded))
    done = len(study.ended)
    if done:
        console.print(f"[dim]{min(done, study.sweep.trials)} of {study.sweep.trials} trials are there already[/dim]")

    def told(trial) -> None:  # type: ignore[no-untyped-def]
        value = "ended early" if trial.value is None or trial.state.name == "PRUNED" else f"{trial.value:.5g}"
        tried = ", ".join(f"{key.split('.')[-1]} {short(value)}" for key, value in study.values(trial).items())
        best = study.best
        so_far = f"[dim]best {best.value:.5g}[/dim]" if best is not None else ""
        count = f"{len(study.ended)}/{study.sweep.trials}"
        console.print(
            f"trial {count:>7}  {study.sweep.monitor} {value:<12} {tried}  {so_far}", highlight=False, soft_wrap=True
        )

    run_study(study, loaded, overrides, options.runs, told)
    page = write_outcome(study, loaded.spec.name)
    best, output = study.best, options.output or options.spec.with_suffix(".best.yaml")
    if best is not None:
        output.write_text(best_spec(options.spec, study.values(best)), encoding="utf-8")
    if options.json:
        print(json.dumps({**summary(study), "best_spec": str(output), "page": str(page)}, indent=2))
        return 0
    console.print()
    print_table(study, console)
    console.print(f"\nThe best spec: {output}\nPlots: {page}", soft_wrap=True)
    return 0
