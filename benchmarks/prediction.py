"""Batch prediction: `python -m benchmarks.prediction` predicts 1,000,000 generated rides by the taxi champion.

`latticework run examples/taxi/spec.yaml` publishes it. Writes benchmarks/results/prediction.md; imports and the start
of the process are in the seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.components import HOUSE
from benchmarks.rows import write_rides

RESULTS = HOUSE / "benchmarks" / "results" / "prediction.md"
ROWS = 1_000_000


def main() -> None:
    """Measures and writes the table."""
    lines = ["| source | rows | seconds, process and all | rows/s of the pipeline |", "| --- | ---: | ---: | ---: |"]
    with tempfile.TemporaryDirectory() as scratch:
        rides = Path(scratch) / "rides.csv"
        write_rides(rides, ROWS)
        began = time.monotonic()
        source = ["--spec", "examples/taxi/spec.yaml", "--input", str(rides), "--key", "passenger_count"]
        command = [sys.executable, "-m", "pipeline.commandline", "predict", "taxi", *source, "--json"]
        done = subprocess.run(
            [*command, "--output", f"{scratch}/out"], capture_output=True, text=True, cwd=HOUSE, check=True
        )
        seconds, found = time.monotonic() - began, json.loads(done.stdout)
        lines.append(f"| CSV | {found['rows']:,} | {seconds:.1f} | {found['rows_per_second']:,} |")
    print("\n".join(lines))
    head = f"# Batch prediction\n\n`python -m benchmarks.prediction`, the taxi model, {os.cpu_count()} cores.\n\n"
    RESULTS.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
