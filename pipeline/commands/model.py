"""`latticework model`: a model's layers, its picture, its preset written out, the Python of it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands.base import Commands, add_runs_folder, load, spec_command
from schemas.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.artifacts import Feature
    from schemas.spec import Spec


def add(commands: Commands) -> None:
    """Adds the command."""
    command = spec_command(
        commands, "model", "show the model: its layers, its picture, the Python of it",
        "latticework model spec.yaml --plot model.png", call,
    )  # fmt: skip
    what = command.add_mutually_exclusive_group()
    what.add_argument("--expand", action="store_true", help="print the model section with its preset written out")
    what.add_argument("--code", action="store_true", help="print the same model as Functional-API Python")
    what.add_argument("--json", action="store_true", help="print layers, shapes and parameters as JSON")
    command.add_argument("--plot", type=Path, metavar="FILE", help="draw the graph to a .svg or .png file")
    command.add_argument(
        "--features", type=Path, metavar="FOLDER",
        help="what transform wrote, for the sizes of vocabularies (default: the newest of the runs)",
    )  # fmt: skip
    add_runs_folder(command)


def call(options: argparse.Namespace) -> int:
    """Describes the model, or prints what was asked for."""
    if options.plot is not None and options.plot.suffix not in (".svg", ".png"):
        raise UserError(f"{options.plot}: expected a file that ends in .svg or .png")
    loaded = load(options)
    from pipeline.graph_check import describe_graph, known_features

    features, found = known_features(loaded, options.features, options.runs)
    if options.expand:
        print(_expanded(loaded.spec, features), end="")
        return 0
    about = describe_graph(loaded, features, options.plot)
    if options.code:
        if not about["code"]:
            raise UserError(f"{options.spec}: the graph is built by {loaded.spec.model.module_file} already")
        print(about["code"], end="")
    elif options.json:
        print(json.dumps({key: about[key] for key in ("layers", "parameters")}, indent=2))
    else:
        _show(about, found)
    return 0


def _expanded(spec: Spec, features: Mapping[str, Feature]) -> str:
    import yaml

    from schemas.spec.expand import expanded
    from schemas.spec.transform import planned

    model = spec.model
    written = expanded(model, features, planned(spec.transform.labels))
    section = written.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude_none=True)
    paper = "" if model.preset is None else f"# {model.preset.name}: {model.preset.paper}\n"
    return paper + yaml.safe_dump({"model": section}, sort_keys=False, width=110, default_flow_style=None)


def _show(about: dict[str, Any], found: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading, side in (("node", "left"), ("layer", "left"), ("shape", "left"), ("parameters", "right")):
        table.add_column(heading, justify=side, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("reads", ratio=1)
    for row in about["layers"]:
        calls = f" (called {row['calls']} times)" if row["calls"] > 1 else ""
        parameters = f"{row['parameters']:,}" if row["parameters"] else ""
        table.add_row(row["name"], row["layer"], row["shape"], parameters, ", ".join(row["reads"]) + calls)
    console = Console()
    console.print(table)
    sizes = (
        f"sizes of vocabularies from {found}" if found else "sizes of vocabularies are not known before a run: 10 each"
    )
    console.print(f"\n{about['parameters']:,} parameters  [dim]({sizes})[/dim]", soft_wrap=True)
