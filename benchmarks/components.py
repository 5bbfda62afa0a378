"""Rows a second and peak memory of ingest, validate, transform and train: `python -m benchmarks.components`.

Each measurement is a process of its own; its time is that of the worker, imports apart (a row of their own).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent
RESULTS = HOUSE / "benchmarks" / "results" / "components.md"
STEPS = ("ingest", "validate", "transform", "train", "fit on arrays")
RECORD_STEPS = ("transform to TFRecord.gz", "train from TFRecord.gz")
MOST_RECORDS = 1_000_000


def machine() -> str:
    """The machine in words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = platform.python_version()
    return f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, Python {python}"


def spec_text(data: Path) -> str:
    """`rides.yaml` on generated rows, split by hash, trained for three epochs of 1,024 rows a batch."""
    text = (HOUSE / "benchmarks" / "rides.yaml").read_text(encoding="utf-8")
    start, end = text.index("  path:"), text.index("  format:")
    text = text[:start] + f"  path: {data}\n" + text[end:]
    text = text.replace("split: {by: source}", "split: {by: hash, columns: [key]}")
    text = text.replace("batch_size: 128", "batch_size: 1024").replace(
        "steps_per_execution: 16", "steps_per_execution: 32"
    )
    return text.replace("epochs: 60", "epochs: 3")


def measure(step: str, place: Path) -> dict[str, float]:
    """Runs one step in this process: seconds of imports and of the work, rows a second, peak memory in MiB."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    began = time.monotonic()
    import components.train.presets
    import components.transform.ops  # noqa: F401  makes ops and presets known
    from schemas.dataset import schema_text
    from schemas.spec import load_spec

    loaded = load_spec(place / "spec.yaml")
    spec, schema = loaded.spec, schema_text(loaded.schema)
    more: dict[str, float] = {}
    if step == "ingest":
        from components.ingest.worker import ingest

        def work() -> None:
            ingest(spec.data, schema, place / "examples", seed=spec.seed)
    elif step == "validate":
        from components.validate.worker import validate

        def work() -> None:
            validate(spec.validation, schema, place / "examples", place / "statistics")
    elif step == "transform":
        from components.transform.worker import transform

        def work() -> None:
            transform(spec.transform, schema, place / "examples", place / "transformed")
    elif step == "train":
        from components.train.worker import train

        def work() -> None:
            result = train(spec.model, schema, place / "transformed", place / "model", name="bench")
            more["rows_per_second"] = result["rows_per_second"]
    elif step == "fit on arrays":
        work = fit_on_arrays(place, more)
    else:
        from benchmarks import records

        def work() -> None:
            if step == "transform to TFRecord.gz":
                records.transform(spec.transform, schema, place / "examples", place / "records")
            else:
                more["rows_per_second"] = records.train(spec.model, place / "transformed", place / "records")

    imports = time.monotonic() - began
    began = time.monotonic()
    work()
    seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"imports": imports, "seconds": seconds, "peak_mib": peak, **more}


def fit_on_arrays(place: Path, more: dict[str, float]):  # type: ignore[no-untyped-def]
    """Keras's own `fit` on NumPy arrays in memory: the same model, rows and batch size."""
    import keras
    import pyarrow.parquet as pq

    from components.train.compiling import compile_model
    from components.train.graph import build_model
    from schemas.artifacts import read_features, split_parts
    from schemas.spec import load_spec

    section = load_spec(place / "spec.yaml").spec.model
    section = section.model_copy(update={"training": section.training.model_copy(update={"steps_per_execution": 1})})
    ready = read_features(place / "transformed")
    table = pq.read_table(split_parts(place / "transformed", "train"), partitioning=None)

    def array(name):  # type: ignore[no-untyped-def]
        kind = ready.features[name].kind if name in ready.features else "label"
        return table[name].to_numpy().astype("int32" if kind == "id" else "float32")

    model = build_model(section, ready.features, "arrays")
    compile_model(model, section, steps_per_epoch=1)
    used = {tensor.name: array(tensor.name) for tensor in model.inputs}
    labels = {name: array(name) for name in ready.labels}

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):  # type: ignore[no-untyped-def]
            self.began = time.monotonic()

        def on_epoch_end(self, epoch, logs=None):  # type: ignore[no-untyped-def]
            more["rows_per_second"] = table.num_rows / (time.monotonic() - self.began)

    return lambda: model.fit(used, labels, batch_size=1024, epochs=2, verbose=0, callbacks=[Clock()])


def main() -> None:
    """Measures and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[100_000, 1_000_000, 5_000_000])
    parser.add_argument("--step", choices=STEPS + RECORD_STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps(measure(options.step, options.place)))
        return
    from benchmarks.rows import write_rides

    lines = [
        "# Rows a second and peak memory",
        "",
        f"`python -m benchmarks.components` on {machine()}; taxi-like generated rows of 8 columns, 34 features.",
        "Rates are of the worker (train: of the epochs after compilation), imports apart. TFRecord.gz: the same",
        "preprocessing graph and the same model, by way of tf.Example records.",
        "",
        "| rows | step | rows/s | peak MiB | imports s |",
        "| ---: | --- | ---: | ---: | ---: |",
    ]
    for count in options.rows:
        with tempfile.TemporaryDirectory() as scratch:
            place = Path(scratch)
            write_rides(place / "rides.csv", count)
            (place / "spec.yaml").write_text(spec_text(place / "rides.csv"), encoding="utf-8")
            shutil.copy(HOUSE / "examples" / "taxi" / "schema.pbtxt", place)
            for step in STEPS + (RECORD_STEPS if count <= MOST_RECORDS else ()):
                command = [sys.executable, "-m", "benchmarks.components", "--step", step, "--place", str(place)]
                done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HOUSE)
                found = json.loads(done.stdout.splitlines()[-1])
                rate = found.get("rows_per_second") or count / found["seconds"]
                lines.append(
                    f"| {count:,} | {step} | {rate:,.0f} | {found['peak_mib']:,.0f} | {found['imports']:.1f} |"
                )
                print(lines[-1], flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(RESULTS.relative_to(HOUSE))


if __name__ == "__main__":
    main()
