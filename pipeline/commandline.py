"""The `latticework` command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pipeline.commands import (
    check,
    compile,
    infer_schema,
    json_schema,
    model,
    models,
    predict,
    run,
    runs,
    schedule,
    serve,
    submit,
    sweep,
)
from schemas import __version__
from schemas.errors import UserError

_EXAMPLES = """\
examples:
  latticework run examples/flights/spec.yaml        train, judge and publish
  latticework compare last~1 last                   two runs side by side
  latticework check examples/flights/spec.yaml      find every mistake in a spec
  latticework model spec.yaml --plot model.svg      its layers, its picture, its Python
  latticework sweep spec.yaml                       search values for a better model
  latticework models list                           what is published, what is in service
  latticework compile spec.yaml -o pipeline.yaml    for a Kubeflow cluster
  latticework submit spec.yaml --watch              run it on Kubeflow Pipelines
  latticework schedule create spec.yaml             train anew by the spec's schedule
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
    for command in (
        run,
        runs,
        check,
        model,
        sweep,
        models,
        serve,
        predict,
        compile,
        submit,
        schedule,
        infer_schema,
        json_schema,
    ):
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
