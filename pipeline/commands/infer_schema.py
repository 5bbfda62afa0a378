"""`latticework infer-schema`: a schema from the data, to be looked over."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from pipeline.commands.base import Commands, load, spec_command
from schemas.errors import UserError


def add(commands: Commands) -> None:
    """Adds the command."""
    infer = spec_command(
        commands, "infer-schema", "write a schema from the data, to be looked over",
        "latticework infer-schema spec.yaml", call,
    )  # fmt: skip
    infer.add_argument("-o", "--output", type=Path, help="the file (default: the spec's data.schema)")
    infer.add_argument("--force", action="store_true", help="overwrite a schema that is there")


def call(options: argparse.Namespace) -> int:
    """Infers and writes it."""
    loaded = load(options, with_schema=False)
    target = options.output or loaded.folder / loaded.spec.data.schema_path
    if target.exists() and not options.force:
        raise UserError(f"{target}: is there already; --force overwrites it, -o writes elsewhere")
    data = loaded.spec.data.model_dump_json(by_alias=True)
    with tempfile.TemporaryDirectory() as scratch:
        types, examples = Path(scratch) / "types.pbtxt", Path(scratch) / "examples"
        folder = str(loaded.folder.resolve())
        _module("components.ingest.infer", data, folder, str(types))
        arguments = {
            "data": data,
            "schema": types.read_text(encoding="utf-8"),
            "folder": folder,
            "seed": 1,
            "output": str(examples),
        }
        _module("schemas.running", "ingest", json.dumps(arguments))
        _module("components.validate.infer", str(types), str(examples), str(target))
    print(f"{target}: look it over, then keep it with the spec")
    return 0


def _module(name: str, *arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", name, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise UserError((done.stdout + done.stderr).strip().splitlines()[-1])
