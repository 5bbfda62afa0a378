"""`python -m deploy.engines prism | flink [--stop]`: an engine on this machine, to try a cluster's way without one."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from deploy.engines import flink, prism
from deploy.engines.processes import HOUSE, NotStarted, Processes

ENGINES = {"prism": prism.start, "flink": flink.start}


def cache_folder() -> Path:
    """Where programs are kept that were built or fetched."""
    place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "latticework"
    place.mkdir(parents=True, exist_ok=True)
    return place


def main() -> int:
    """Starts or ends an engine."""
    parser = argparse.ArgumentParser(prog="python -m deploy.engines", description=__doc__.partition(": ")[2])
    parser.add_argument("engine", choices=sorted(ENGINES))
    parser.add_argument("--stop", action="store_true", help="end it")
    options = parser.parse_args()
    processes = Processes(HOUSE / ".engines" / options.engine)
    ended = processes.stop()
    if options.stop:
        print(f"{options.engine}: ended {', '.join(ended)}" if ended else f"{options.engine}: was not running")
        return 0
    try:
        ENGINES[options.engine](processes, cache_folder())
    except NotStarted as error:
        processes.stop()
        print(f"{options.engine}: {error}", file=sys.stderr)
        return 2
    print(f"{options.engine} runs; try it: latticework run SPEC --profile {options.engine}; logs: {processes.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
