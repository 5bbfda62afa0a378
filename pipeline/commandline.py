"""The `latticework` command."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from schemas import __version__
from schemas.errors import UserError

_EXAMPLES = """\
examples:
  latticework run examples/flights/spec.yaml        train, judge and publish
  latticework check examples/flights/spec.yaml      find every mistake in a spec
  latticework compile spec.yaml -o pipeline.yaml    for a Kubeflow cluster
  latticework infer-schema spec.yaml                write schema.pbtxt from the data
  latticework json-schema > spec.schema.json        for an editor's completion

exit status: 0 well; 1 a fault; 2 a mistake in spec, schema or data; 3 refused (anomalies, skew);
4 trained, but not blessed (run --require-blessing)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        status: int = options.call(options)
    except UserError as error:
        print(f"latticework: {error}" if "\n" not in str(error) else str(error), file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("latticework: stopped; nothing half-written is kept", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="latticework",
        description="Train, judge, publish and keep retraining Keras Functional models on tabular data.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"latticework {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    run = _command(
        commands,
        "run",
        "train, judge and publish on this machine",
        "latticework run spec.yaml --set model.training.epochs=3",
        _run,
    )
    run.add_argument(
        "--runs", type=Path, default=Path("runs"), help="folder of runs, artifacts and cache (default: runs)"
    )
    run.add_argument("--serving", type=Path, help="folder of published models (default: the spec's push.directory)")
    run.add_argument("--no-cache", action="store_true", help="run every component, whatever has not changed")
    run.add_argument("--require-blessing", action="store_true", help="exit with 4 when the model is not blessed")
    run.add_argument("--json", action="store_true", help="print the summary as JSON, and nothing else")

    check = _command(
        commands, "check", "find every mistake in a spec, read no data", "latticework check spec.yaml", _check
    )
    check.add_argument("--json", action="store_true", help="print the mistakes as JSON")

    compile_ = _command(
        commands,
        "compile",
        "write the pipeline as KFP v2 IR YAML",
        "latticework compile spec.yaml -o pipeline.yaml",
        _compile,
    )
    compile_.add_argument(
        "-o", "--output", type=Path, default=Path("pipeline.yaml"), help="the file (default: pipeline.yaml)"
    )

    infer = _command(
        commands,
        "infer-schema",
        "write a schema from the data, to be looked over",
        "latticework infer-schema spec.yaml",
        _infer_schema,
    )
    infer.add_argument("-o", "--output", type=Path, help="the file (default: the spec's data.schema)")
    infer.add_argument("--force", action="store_true", help="overwrite a schema that is there")

    json_schema = commands.add_parser("json-schema", help="print the JSON Schema of a spec")
    json_schema.set_defaults(call=_json_schema)
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    text: str,
    example: str,
    call: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + ".", epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    command.add_argument("spec", type=Path, help="the YAML spec")
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE",
        help="replace a value of the spec, by dotted key; VALUE is YAML; can be repeated",
    )  # fmt: skip
    command.set_defaults(call=call)
    return command


def _load(options: argparse.Namespace, *, with_schema: bool = True):  # type: ignore[no-untyped-def]
    import components.transform.ops  # noqa: F401  makes the ops known
    from schemas.spec import load_spec

    overrides = {}
    for assignment in options.set:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise UserError(f"--set {assignment}: expected KEY=VALUE, such as model.training.epochs=3")
        overrides[key] = value
    return load_spec(options.spec, overrides, with_schema=with_schema)


def _run(options: argparse.Namespace) -> int:
    loaded = _load(options)
    from rich.console import Console

    from pipeline.display import Display
    from pipeline.local import run_local, write_summary
    from pipeline.summary import print_summary, summarize

    # The process's own stdout and stderr are handed to the recorder while the pipeline runs.
    console = Console(file=sys.stderr if options.json else sys.stdout, quiet=options.json)
    with Display(console) as display:
        run = run_local(loaded, options.runs, options.serving, display, cache=not options.no_cache)
    summary = summarize(run)
    write_summary(run, summary)
    if options.json:
        print(json.dumps(summary, indent=2))
    else:
        print_summary(summary, console)
    return 4 if options.require_blessing and not summary["blessed"] else 0


def _check(options: argparse.Namespace) -> int:
    from pipeline.graph_check import check_graph
    from schemas.errors import SpecError

    try:
        loaded = _load(options)
        check_graph(loaded)
    except SpecError as error:
        if not options.json:
            raise
        print(json.dumps([vars(mistake) for mistake in error.mistakes], indent=2))
        return error.exit_status
    if options.json:
        print("[]")
    else:
        spec = loaded.spec
        print(
            f"{options.spec}: no mistakes ({len(spec.transform.features)} features, {len(spec.model.outputs)} outputs)"
        )
    return 0


def _compile(options: argparse.Namespace) -> int:
    loaded = _load(options)
    from pipeline.arguments import pipeline_arguments
    from pipeline.definition import compile_pipeline

    if options.output.suffix not in (".yaml", ".yml"):
        raise UserError(f"{options.output}: expected a file that ends in .yaml")
    compile_pipeline(pipeline_arguments(loaded), options.output)
    print(options.output)
    return 0


def _infer_schema(options: argparse.Namespace) -> int:
    loaded = _load(options, with_schema=False)
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


def _json_schema(options: argparse.Namespace) -> int:
    import components.transform.ops  # noqa: F401  makes the ops known
    from schemas.spec import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
