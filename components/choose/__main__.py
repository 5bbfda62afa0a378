"""`python -m components.choose`: choose from a shell."""

from __future__ import annotations

import argparse
from pathlib import Path

from components.choose.worker import as_markdown, choose
from schemas.running import reported


def main() -> None:
    """Parses the command line and chooses."""
    parser = argparse.ArgumentParser(
        prog="python -m components.choose",
        description="Takes the best of several trained models.",
        epilog="example:\n  python -m components.choose /tmp/model-1 /tmp/model-2 --output /tmp/model",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("models", type=Path, nargs="+", help="what train wrote")
    parser.add_argument("--monitor", default="val_loss", help="a value that train logged (default: val_loss)")
    parser.add_argument("--mode", choices=["min", "max"], default="min", help="what is better (default: min)")
    parser.add_argument("--output", type=Path, required=True, help="where the best goes")
    options = parser.parse_args()
    with reported("choose") as progress:
        ranked = choose(options.models, options.output, monitor=options.monitor, mode=options.mode, progress=progress)
        print(as_markdown(options.monitor, ranked), end="")


if __name__ == "__main__":
    main()
