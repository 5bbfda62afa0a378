"""What a run came to: as plain data, and as a table for a person."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline.local import COMPONENTS, Run
from schemas.artifacts import read_manifest
from schemas.metrics import main_metrics
from schemas.spec import SPLITS


def summarize(run: Run) -> dict[str, Any]:
    """The summary of a run, JSON-able."""
    examples = read_manifest(run.outputs["examples"], "ingest")
    validation = read_manifest(run.outputs["statistics"], "validate")
    judged = read_manifest(run.outputs["evaluation"], "evaluate")
    training = read_manifest(run.outputs["model"], "train")
    return {
        "rows": {split: examples["rows"][split] for split in SPLITS},
        "left_out": examples["left_out"],
        "bad": sum(examples["bad"].values()),
        "anomalies": len(validation["anomalies"]),
        "epochs": training["epochs"],
        "parameters": training["parameters"],
        "history": training["history"],
        "champion": judged.get("champion"),
        "metrics": judged["metrics"],
        "split": judged["split"],
        "blessed": judged["verdict"]["blessed"],
        "rules": judged["verdict"]["rules"],
        "published": run.published,
        "seconds": {name: run.seconds.get(name) for name in COMPONENTS},
        "total_seconds": run.total_seconds,
        "report": str(run.outputs["evaluation"] / "report.html"),
        "folder": str(run.folder),
    }


def all_outputs(metrics: Mapping[str, Mapping[str, float]]) -> str:
    """The main metrics of every output, in a line."""
    return "; ".join(f"{output} {main_metrics(values)}" for output, values in metrics.items())


def from_here(text: str) -> str:
    """A text in which the paths below the working directory are relative to it."""
    return text.replace(f"{Path.cwd()}/", "")


def print_summary(summary: dict[str, Any], console: Console) -> None:
    """Prints the summary as a table."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    table.add_row("rows", ", ".join(f"{split} {count:,}" for split, count in summary["rows"].items()))
    for reason, count in summary["left_out"].items():
        table.add_row("", f"{count:,} left out: {reason}")
    if summary["bad"]:
        table.add_row("", f"[red]{summary['bad']:,} unreadable, in quarantine[/red]")
    table.add_row("anomalies", str(summary["anomalies"]) if summary["anomalies"] else "none")
    epochs = summary["epochs"]
    table.add_row("model", f"{summary['parameters']:,} parameters, {epochs} epoch{'s' if epochs > 1 else ''}")
    for output, values in summary["metrics"].items():
        table.add_row(output, f"{main_metrics(values)}  [dim]({summary['split']} split)[/dim]")
    if (champion := summary["champion"]) and champion["metrics"]:
        table.add_row("", f"[dim]version {champion['version']} in service: {all_outputs(champion['metrics'])}[/dim]")
    table.add_row(
        "verdict", "[bold green]blessed[/bold green]" if summary["blessed"] else "[bold red]not blessed[/bold red]"
    )
    for rule in summary["rules"]:
        if not rule["held"]:
            value = "–" if rule["value"] is None else f"{rule['value']:.4g}"
            change = f", {rule['change']:+.3g} against the champion" if rule["change"] is not None else ""
            where = "" if rule["slice"] == "overall" else f" where {rule['slice']}"
            broken = f"{rule['output']} {rule['metric']}{where} is {value}{change}; the rule is {rule['bound']}"
            table.add_row("", f"[red]{broken}[/red]")
    table.add_row("published", from_here(summary["published"]) if summary["published"] else "no")
    spent = [f"{name} {'cached' if s is None else f'{s:.1f}'}" for name, s in summary["seconds"].items()
             if s is not None or name not in ("canary", "push")]  # fmt: skip
    table.add_row("seconds", f"{summary['total_seconds']:.1f} [dim]({', '.join(spent)})[/dim]")
    console.print()
    console.print(table)
    report = summary["report"]
    console.print(f"\nReport: [link=file://{report}]{from_here(report)}[/link]", soft_wrap=True)
