"""`latticework models`: the published versions of a model, and which of them is in service."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from pipeline.commands.base import Commands, plain_command
from schemas.errors import UserError, nearest
from schemas.registry import Registry, names


def add(commands: Commands) -> None:
    """Adds the command and its actions."""
    models = plain_command(
        commands, "models", "show published models, put a version in service, remove old ones",
        "latticework models list", "latticework models show flights --verify",
        "latticework models rollback flights --reason 'complaints since Monday'",
        "latticework models deploy flights --serving s3://bucket/serving --to kserve --set namespace=prod --apply",
    )  # fmt: skip
    actions = models.add_subparsers(metavar="ACTION", required=True)
    _action(actions, "list", "the models, or all versions of one", _list).add_argument("name", nargs="?")
    show = _action(actions, "show", "what is known of a version (default: the one in service)", _show)
    show.add_argument("name")
    show.add_argument("version", nargs="?", type=int)
    show.add_argument("--verify", action="store_true", help="compare every file with its SHA-256")
    promote = _action(actions, "promote", "put a version in service", _promote)
    promote.add_argument("name")
    promote.add_argument("version", type=int)
    promote.add_argument("--reason", default="promoted by hand", help="kept with the version's term")
    rollback = _action(actions, "rollback", "put back in service what was there before", _rollback)
    rollback.add_argument("name")
    rollback.add_argument("--reason", default="rolled back by hand", help="kept with the version's term")
    deploy = _action(actions, "deploy", "hand a version on: show what is sent, and send it with --apply", _deploy)
    deploy.add_argument("name")
    deploy.add_argument("version", nargs="?", type=int, help="default: the one in service")
    deploy.add_argument("--to", required=True, help="kserve, vertex, mlflow, model-registry")
    deploy.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the target; can be repeated"
    )
    deploy.add_argument("--apply", action="store_true", help="send it")
    prune = _action(actions, "prune", "remove old versions; the champion and the one before it stay", _prune)
    prune.add_argument("name")
    prune.add_argument("--keep", type=int, default=5, help="how many of the newest stay (default: 5)")


def _action(
    actions: Commands, name: str, text: str, call: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:  # fmt: skip
    action = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    action.add_argument("--serving", default="serving", help="folder of published models, or its URL")
    action.add_argument("--json", action="store_true", help="print JSON, and nothing else")
    action.set_defaults(call=call)
    return action


def _list(options: argparse.Namespace) -> int:
    from pipeline.summary import all_outputs

    chosen = [options.name] if options.name else names(options.serving)
    rows = [row for name in chosen for row in _rows(Registry(options.serving, name), whole=bool(options.name))]
    if options.json:
        print(json.dumps(rows, indent=2))
        return 0
    if not rows:
        print(f"{options.serving}: no published model{f' {options.name}' if options.name else ''}")
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("model", "version", "published", "metrics", ""):
        table.add_column(heading)
    for row in rows:
        mark = "[bold green]in service[/bold green]" if row["in_service"] else ""
        when = row["published"][:16].replace("T", " ")
        table.add_row(row["name"], str(row["version"]), when, all_outputs(row["metrics"]), mark)
    Console().print(table)
    return 0


def _rows(registry: Registry, *, whole: bool) -> list[dict[str, Any]]:
    champion = registry.champion()
    chosen = registry.versions() if whole else [champion or (registry.versions() or [0])[-1]]
    found = [(version, registry.manifest(version)) for version in chosen if version]
    return [
        {
            "name": registry.name, "version": version, "published": about.get("published", ""),
            "metrics": about.get("metrics", {}), "in_service": version == champion,
        }
        for version, about in found
    ]  # fmt: skip


def _show(options: argparse.Namespace) -> int:
    from pipeline.summary import all_outputs

    registry = Registry(options.serving, options.name)
    version = options.version or registry.champion() or (registry.versions() or [0])[-1]
    about = registry.manifest(version)
    damaged = registry.damaged(version) if options.verify else None
    terms = [term for term in registry.terms() if term.version == version]
    if options.json:
        print(json.dumps({**about, "terms": [vars(term) for term in terms], "damaged": damaged}, indent=2))
    else:
        print(f"{registry.place}/{version}{'  (in service)' if version == registry.champion() else ''}")
        print(f"published   {about.get('published', '?')}, parent {about.get('parent') or 'none'}")
        data = about.get("data", {})
        print(f"metrics     {all_outputs(about.get('metrics', {}))}  ({about.get('split', '?')} split)")
        print(f"data        {data.get('fingerprint', '?')[:16]}…, rows {data.get('rows')}")
        print(f"files       {len(about.get('files', {}))}")
        for term in terms:
            print(f"in service  since {term.since}: {term.reason}")
        if damaged is not None:
            print(f"damaged     {', '.join(damaged)}" if damaged else "verified    every file is as it was published")
    return 3 if damaged else 0


def _promote(options: argparse.Namespace) -> int:
    Registry(options.serving, options.name).promote(options.version, options.reason)
    return _told(options, {"name": options.name, "in_service": options.version})


def _rollback(options: argparse.Namespace) -> int:
    version = Registry(options.serving, options.name).rollback(options.reason)
    return _told(options, {"name": options.name, "in_service": version})


def _prune(options: argparse.Namespace) -> int:
    if options.keep < 1:
        print("latticework: --keep: expected 1 or more", file=sys.stderr)
        return 2
    removed = Registry(options.serving, options.name).prune(options.keep)
    return _told(options, {"name": options.name, "removed": removed})


def _deploy(options: argparse.Namespace) -> int:
    import yaml

    from components.push.targets import Published, Target
    from pipeline.commands.base import given_overrides

    if options.to not in Target.known:
        raise UserError(f"--to {options.to}: no such target{nearest(options.to, Target.known)}")
    registry = Registry(options.serving, options.name)
    version = options.version or registry.champion() or 0
    place = registry.location(version)
    published = Published(options.name, version, place, str(options.serving), registry.manifest(version))
    given = {key: yaml.safe_load(value) for key, value in given_overrides(options).items()}
    target = Target.known[options.to](published, given)
    if options.apply:
        done = []
        for line in target.apply():
            done.append(line)
            if not options.json:
                print(line, flush=True)
        if options.json:
            print(json.dumps({"done": done}))
    elif options.json:
        print(json.dumps(target.plan(), indent=2))
    else:
        print(yaml.safe_dump_all(target.plan(), sort_keys=False).rstrip())
    return 0


def _told(options: argparse.Namespace, about: dict[str, Any]) -> int:
    if options.json:
        print(json.dumps(about))
    elif "removed" in about:
        removed = ", ".join(map(str, about["removed"])) or "none"
        print(f"{about['name']}: removed {removed}")
    else:
        print(f"{about['name']}: version {about['in_service']} is in service")
    return 0
