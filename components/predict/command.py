"""The options of a batch prediction: the same for `latticework predict` and `python -m components.predict`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pydantic

from schemas.errors import UserError
from schemas.spec.data import Csv, Data
from schemas.spec.prediction import Prediction
from schemas.spec.sections import SpecFile

DESCRIPTION = "predict every row of a source by a published model; keys are carried through, bad rows set aside"
EXAMPLES = (
    "latticework predict taxi --spec taxi/spec.yaml --input 'new/*.csv' --key key --output predictions",
    "latticework predict flights --input more.parquet --format parquet --key flight --key scheduled --output out",
)
_SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".json": "jsonl", ".parquet": "parquet", ".tfrecord": "tfrecord"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("name", metavar="NAME", help="a published model")
    parser.add_argument(
        "--input", action="append", required=True, help="a file or glob, on any filesystem of Beam; can be repeated"
    )
    parser.add_argument("--output", type=Path, required=True, help="the folder that is written")
    parser.add_argument("--key", action="append", default=[], help="a column to carry through; can be repeated")
    parser.add_argument(
        "--format", choices=sorted(set(_SUFFIXES.values())), help="how the files are written (default: by their name)"
    )
    parser.add_argument("--spec", type=Path, help="a spec, whose data section says how the files are written")
    parser.add_argument(
        "--max-bad-fraction", type=float, default=0.01, help="of rows that cannot be read (default: 0.01)"
    )
    parser.add_argument("--serving", default="serving", help="folder of published models, or its URL")
    parser.add_argument("--version", type=int, default=0, help="of the model (default: the one in service)")


def task_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """The task's arguments.

    Raises:
        UserError: an option is wrong.
    """
    spec = SpecFile(options.spec) if options.spec else None
    data = spec.section("data", Data) if spec else None
    first = options.input[0].removesuffix(".gz").removesuffix(".zst")
    written = options.format or (data.format if data else _SUFFIXES.get(Path(first).suffix))
    if written is None:
        raise UserError(f"--input {options.input[0]}: cannot tell how it is written; add --format")
    try:
        section = Prediction(
            path=options.input, format=written, keys=options.key, max_bad_fraction=options.max_bad_fraction,
            csv=data.csv if data else Csv(),
        )  # fmt: skip
    except pydantic.ValidationError as error:
        first_error = error.errors()[0]
        raise UserError(f"--{'-'.join(map(str, first_error['loc']))}: {first_error['msg']}") from None
    return {
        "source": section.model_dump_json(), "folder": str(Path.cwd()), "name": options.name,
        "directory": options.serving, "output": str(options.output.resolve()), "version": options.version,
        "schema": spec.schema if spec else "",
    }  # fmt: skip


def result(options: argparse.Namespace) -> dict[str, Any]:
    """What was written, for people and programs."""
    found: dict[str, Any] = json.loads((options.output / "manifest.json").read_text(encoding="utf-8"))
    return {"output": str(options.output), **found}
