"""The server's options: the same for `latticework serve` and `python -m components.serve`."""

from __future__ import annotations

import argparse
import os

DESCRIPTION = (
    "serve the champions of published models: V1 and V2 of the open inference protocol, REST and gRPC, "
    "Prometheus metrics at /metrics, a page at /"
)
EXAMPLES = (
    "latticework serve flights                      the champion of flights in serving/",
    "latticework serve flights taxi --port 9000     two models",
    "latticework serve flights --serving s3://bucket/serving --host 0.0.0.0",
    """curl -d '{"instances": [{"passenger_count": 1, …}]}' http://127.0.0.1:8080/v1/models/taxi:predict""",
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("names", nargs="+", metavar="NAME", help="a published model")
    parser.add_argument("--serving", default="serving", help="folder of published models, or its URL")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind to (default: this machine alone)")
    parser.add_argument("--port", type=int, default=8080, help="of REST, the page and the metrics (default: 8080)")
    parser.add_argument("--grpc-port", type=int, default=8081, help="of gRPC; 0 for none (default: 8081)")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes, each with the models (default: one a core)"
    )
    parser.add_argument("--max-megabytes", type=float, default=16, help="the largest body that is read (default: 16)")
    parser.add_argument(
        "--look-seconds", type=float, default=2.0, help="how often the registry is looked at (default: 2)"
    )


def as_arguments(options: argparse.Namespace) -> list[str]:
    """The options as a command line gives them."""
    given = ("serving", "host", "port", "grpc_port", "workers", "max_megabytes", "look_seconds")
    return [*options.names, *(f"--{name.replace('_', '-')}={getattr(options, name)}" for name in given)]
