"""Where data work is fastest: this machine's process, two processes, and Prism with a worker pool (make prism first).

`python -m benchmarks.cluster` writes benchmarks/results/cluster.md: rows a second, CPU seconds a million rows and
memory of each step, as data grows. CPU and memory of Prism's worker are those of the pool, and not in it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.components import HOUSE, machine, spec_text
from schemas.engines import Direct, Profile, read_profile

RESULTS = HOUSE / "benchmarks" / "results" / "cluster.md"
STEPS = ("ingest", "validate", "transform")


def engine(name: str) -> Profile:
    """One process, two, or Prism."""
    modes = {"one process": Direct(mode="in_memory"), "two processes": Direct(mode="multi_processing", workers=2)}
    return modes[name] if name in modes else read_profile(name)


def measure(step: str, name: str, place: Path) -> dict[str, float]:
    """Runs a step in this process: seconds, CPU seconds, and the most memory of a process in MiB."""
    from schemas.running import quiet_libraries

    quiet_libraries()
    import components.train.presets
    import components.transform.ops  # noqa: F401  makes ops and presets known
    from components.ingest.worker import ingest
    from components.validate.worker import validate
    from schemas.dataset import schema_text
    from schemas.spec import load_spec

    loaded, chosen = load_spec(place / "spec.yaml"), engine(name)
    spec, schema, out = loaded.spec, schema_text(loaded.schema), place / name
    if step == "transform":
        from components.transform.worker import transform
    began, before = time.monotonic(), cpu()
    if step == "ingest":
        ingest(spec.data, schema, out / "examples", seed=spec.seed, engine=chosen)
    elif step == "validate":
        validate(spec.validation, schema, out / "examples", out / "statistics", stop=False, engine=chosen)
    else:
        transform(spec.transform, schema, out / "examples", out / "transformed", engine=chosen)
    peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {"seconds": time.monotonic() - began, "cpu": cpu() - before, "peak_mib": max(peaks)}


def cpu() -> float:
    """CPU seconds of this process and of those it has waited for."""
    found = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in found)


def main() -> None:
    """Measures each step on each engine in a process of its own, and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000_000, 5_000_000])
    parser.add_argument("--engines", nargs="*", default=["one process", "two processes", "prism"])
    parser.add_argument("--step", nargs=3, metavar=("STEP", "ENGINE", "PLACE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        step, name, place = options.step
        print(json.dumps(measure(step, name, Path(place))))
        return
    from benchmarks.rows import write_rides

    lines = [
        f"`python -m benchmarks.cluster` on {machine()}; taxi-like generated rows of 8 columns, 34 features.", "",
        "| rows | step | engine | seconds | rows/s | CPU s | peak MiB of a process |",
        "| ---: | --- | --- | ---: | ---: | ---: | ---: |",
    ]  # fmt: skip
    for count in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            write_rides(place / "rides.csv", count)
            (place / "spec.yaml").write_text(spec_text(place / "rides.csv"), encoding="utf-8")
            (place / "schema.pbtxt").write_bytes((HOUSE / "examples/taxi/schema.pbtxt").read_bytes())
            for step in STEPS:
                for name in options.engines:
                    command = [sys.executable, "-m", "benchmarks.cluster", "--step", step, name, folder]
                    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=HOUSE)
                    found = json.loads(done.stdout.splitlines()[-1])
                    used = ["–", "–"] if name == "prism" else [f"{found['cpu']:.1f}", f"{found['peak_mib']:.0f}"]
                    numbers = [f"{found['seconds']:.1f}", f"{count / found['seconds']:,.0f}", *used]
                    lines.append(f"| {' | '.join([f'{count:,}', step, name, *numbers])} |")
                    print(lines[-1], flush=True)
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
