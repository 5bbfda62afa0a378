"""`python -m components.serve`: the server."""

from __future__ import annotations

import argparse
import os
import sys

from components.serve.command import DESCRIPTION, EXAMPLES, add_options, as_arguments
from components.serve.workers import SOCKET, THREADS, run_workers
from schemas.errors import UserError
from schemas.running import quiet_libraries
from schemas.shell import without_noise


def main() -> int:
    """Runs the server; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m components.serve", description=f"{DESCRIPTION[0].upper()}{DESCRIPTION[1:]}.",
        epilog="\n  ".join(["examples:", *EXAMPLES]), formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add_options(parser)
    try:
        return _start(parser.parse_args())
    except UserError as error:
        print(f"latticework: {error}", file=sys.stderr)
        return error.exit_status


def _start(options: argparse.Namespace) -> int:
    """Serves until the process is told to end."""
    if options.workers > 1 and SOCKET not in os.environ:
        return run_workers(as_arguments(options), options.host, options.port, options.workers)
    # KServe reads the command line when it is imported.
    del sys.argv[1:]
    quiet_libraries()
    with without_noise():
        import tensorflow as tf

        from components.serve.server import serve

        if threads := os.environ.get(THREADS):
            tf.config.threading.set_intra_op_parallelism_threads(int(threads))
            tf.config.threading.set_inter_op_parallelism_threads(int(threads))

        serve(
            options.serving, options.names, host=options.host, port=options.port, grpc_port=options.grpc_port,
            most_bytes=int(options.max_megabytes * 2**20), look_seconds=options.look_seconds,
        )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
