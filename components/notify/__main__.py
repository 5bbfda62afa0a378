"""`python -m components.notify`: tell of a run from a shell."""

from __future__ import annotations

import argparse
from pathlib import Path

from components.notify.worker import notify
from schemas.running import reported
from schemas.spec.cluster import WEBHOOK


def main() -> None:
    """Parses the command line and tells."""
    parser = argparse.ArgumentParser(
        prog="python -m components.notify",
        description=f"Tells how a run ended: a summary, and a post to the webhook of the environment's {WEBHOOK}.",
        epilog="example:\n  python -m components.notify --name flights --directory s3://models --run 3f2a… "
        "--state SUCCEEDED --output /tmp/summary",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--name", required=True, help="the model's name")
    parser.add_argument("--directory", required=True, help="the folder of published models, or its URL")
    parser.add_argument("--run", required=True, help="the run's id")
    parser.add_argument("--state", default="SUCCEEDED", help="how the pipeline ended (default: SUCCEEDED)")
    parser.add_argument("--error", default="", help="why it failed")
    parser.add_argument("--output", type=Path, required=True, help="where the summary goes")
    options = parser.parse_args()
    with reported("notify") as progress:
        notify(
            options.name, options.directory, options.run, options.output, state=options.state, error=options.error,
            progress=progress,
        )  # fmt: skip


if __name__ == "__main__":
    main()
