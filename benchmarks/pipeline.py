"""Whole runs, imports and all: `python -m benchmarks.pipeline`.

200,000 taxi-like rows with five epochs, and the flights example (`make run` prepares its data). Peak memory is
the sum over all processes of the run, shared pages counted once (PSS), looked at twice a second.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.components import HOUSE, machine, spec_text
from benchmarks.rows import write_rides

RESULTS = HOUSE / "benchmarks" / "results" / "pipeline.md"
STEPS = ("ingest", "validate", "transform", "train", "evaluate", "canary", "push")


def taxi(place: Path) -> None:
    """Writes 200,000 rows and a spec of five epochs."""
    write_rides(place / "rides.csv", 200_000)
    text = spec_text(place / "rides.csv").replace("epochs: 3", "epochs: 5")
    (place / "spec.yaml").write_text(text, encoding="utf-8")
    shutil.copy(HOUSE / "examples" / "taxi" / "schema.pbtxt", place)


def flights(place: Path) -> None:
    """Copies the example, its data and all."""
    shutil.copytree(HOUSE / "examples" / "flights", place, dirs_exist_ok=True)


def measure(place: Path) -> dict[str, float]:
    """Runs the spec in `place` once, from nothing."""
    began = time.monotonic()
    command = [sys.executable, "-m", "pipeline.commandline", "run", "spec.yaml", "--json"]
    with (place / "out.json").open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.DEVNULL, cwd=place)
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum(_pss(pid) for pid in _family(process.pid)))
            time.sleep(0.5)
    seconds = time.monotonic() - began
    if process.returncode:
        sys.exit(f"the run failed: {(place / 'out.json').read_text()}")
    found = json.loads((place / "out.json").read_text())["seconds"]
    return {"wall": seconds, "peak_mib": peak / 1024, **{step: found.get(step) or 0.0 for step in STEPS}}


def _family(root: int) -> set[int]:
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    family = {root}
    while grown := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= grown
    return family


def _pss(pid: int) -> int:
    """KiB of memory, shared pages divided among those who share them; 0 for a process that is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def main() -> None:
    """Measures and writes the table."""
    lines = [
        "# Whole runs",
        "",
        f"`python -m benchmarks.pipeline` on {machine()}; seconds, imports and all, nothing cached.",
        "",
        f"| run | wall | {' | '.join(STEPS)} | peak MiB |",
        f"| --- |{' ---: |' * (len(STEPS) + 2)}",
    ]
    for name, prepare in (("200,000 taxi-like rows, 5 epochs", taxi), ("flights, 336,776 rows", flights)):
        with tempfile.TemporaryDirectory() as scratch:
            prepare(Path(scratch))
            found = measure(Path(scratch))
        steps = " | ".join(f"{found[step]:.1f}" for step in STEPS)
        lines.append(f"| {name} | {found['wall']:.1f} | {steps} | {found['peak_mib']:,.0f} |")
        print(lines[-1], flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(RESULTS.relative_to(HOUSE))


if __name__ == "__main__":
    main()
