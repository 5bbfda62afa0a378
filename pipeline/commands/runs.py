"""`latticework runs` and `latticework compare`: what was run, and two runs side by side."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pipeline.commands.base import Commands, add_runs_folder, plain_command


def add(commands: Commands) -> None:
    """Adds both commands."""
    listed = plain_command(commands, "runs", "list the runs there were, the newest last", "latticework runs flights")
    listed.add_argument("name", nargs="?", help="only those of this model")
    compared = plain_command(
        commands, "compare", "show two runs side by side", "latticework compare last~1 last",
        "latticework compare 20261124-0847 20261124-0912 --html comparison.html",
    )  # fmt: skip
    for name in ("first", "second"):
        compared.add_argument(name, help="a run's name, the beginning of it, or last, last~1 …")
    compared.add_argument("--html", type=Path, help="write a page with the learning curves too")
    for command, call in ((listed, _runs), (compared, _compare)):
        command.add_argument("--json", action="store_true", help="print JSON, and nothing else")
        add_runs_folder(command)
        command.set_defaults(call=call)


def _runs(options: argparse.Namespace) -> int:
    from pipeline.runs import past_runs
    from pipeline.summary import all_outputs

    found = past_runs(options.runs, options.name)
    if options.json:
        print(json.dumps([{"model": run.model, "name": run.name, **run.summary} for run in found], indent=2))
        return 0
    if not found:
        print(f"{options.runs}: no runs{f' of {options.name}' if options.name else ''}")
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("run", "model", "metrics", "", "seconds"):
        table.add_column(heading)
    for run in found:
        verdict = "[green]blessed[/green]" if run.summary["blessed"] else "[red]not blessed[/red]"
        table.add_row(
            run.name, run.model, all_outputs(run.summary["metrics"]), verdict, f"{run.summary['total_seconds']:.0f}"
        )
    Console().print(table)
    return 0


def _compare(options: argparse.Namespace) -> int:
    from pipeline.runs import find_run, metric_changes, spec_difference

    one, other = find_run(options.runs, options.first), find_run(options.runs, options.second)
    if options.html:
        from pipeline.comparison import comparison_page

        options.html.write_text(comparison_page(one, other), encoding="utf-8")
    changes, difference = metric_changes(one, other), spec_difference(one, other)
    if options.json:
        print(json.dumps({"first": one.name, "second": other.name, "metrics": changes, "spec": difference}, indent=2))
        return 0
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("", "", one.name, other.name, "change"):
        table.add_column(heading, justify="left" if not heading else "right")
    for row in changes:
        first, second = ("" if row[key] is None else f"{row[key]:.5g}" for key in ("first", "second"))
        table.add_row(
            row["output"], row["metric"], first, second, "" if row["change"] is None else f"{row['change']:+.3g}"
        )
    for key in ("parameters", "epochs", "total_seconds"):
        table.add_row("", key, f"{one.summary[key]:,}", f"{other.summary[key]:,}", "")
    console.print(table)
    console.print("\nThe specs are the same." if not difference else "")
    colours = {"+": "green", "-": "red", "@": "cyan"}
    for line in difference:
        console.print(Text(line, style=colours.get(line[:1], "dim")), soft_wrap=True)
    return 0
