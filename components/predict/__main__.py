"""`python -m components.predict`: batch prediction from a shell."""

from __future__ import annotations

import argparse
import sys

from components.predict.command import DESCRIPTION, EXAMPLES, add_options, task_arguments
from schemas.errors import UserError
from schemas.running import quiet_libraries, run_here
from schemas.shell import without_noise


def main() -> int:
    """Predicts; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m components.predict", description=f"{DESCRIPTION[0].upper()}{DESCRIPTION[1:]}.",
        epilog="\n  ".join(["examples:", *EXAMPLES]), formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add_options(parser)
    options = parser.parse_args()
    quiet_libraries()
    try:
        arguments = task_arguments(options)
    except UserError as error:
        print(f"latticework: {error}", file=sys.stderr)
        return error.exit_status
    with without_noise():
        run_here("predict", "task", arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
