"""Every preset on the flights example, beside LightGBM: `python -m benchmarks.presets`, after `make run`.

All are trained alike (512 rows a batch, Adam, a rate that falls over two epochs, at most four epochs, early stopping)
on what the example's transform wrote, and judged on its test split.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow.parquet as pq

import components.train.presets  # noqa: F401  makes the presets known
from benchmarks.components import HOUSE, machine
from benchmarks.flights import auc, examples_folder, lightgbm_figures
from components.train.worker import train
from schemas.artifacts import split_parts
from schemas.dataset import read_schema, schema_text
from schemas.spec import Model
from schemas.spec.preset import Preset

RESULTS = HOUSE / "benchmarks" / "results" / "presets.md"
OUTPUTS = {
    "arr_delay": {
        "loss": "mean_squared_error",
        "loss_weight": 0.001,
        "scale": 40.0,
        "metrics": ["RootMeanSquaredError"],
    },
    "late": {"loss": "binary_crossentropy", "metrics": ["AUC"]},
}
TRAINING = {
    "epochs": 4,
    "batch_size": 512,
    "optimizer": {
        "name": "Adam",
        "learning_rate": {"CosineDecay": {"initial_learning_rate": 0.002, "decay_steps": {"epochs": 2}, "alpha": 0.02}},
    },
}
OPTIONS: dict[str, dict[str, Any]] = {
    "two_tower": {
        "left": ["origin_id", "day_origin", "day_hour_origin", "origin_hour", "hour", "weekday", "day", "day_hour",
                 "temperature", "humidity", "wind", "rain", "visibility", "crowd", "minute"],
        "right": ["dest_id", "day_dest", "carrier_id", "day_carrier", "flight_id", "tail_id", "plane_id", "route",
                  "miles", "plane_age", "seats", "arrival"],
    },
    "ft_transformer": {"blocks": 1},
}  # fmt: skip


def measure(name: str, transformed: Path, place: Path) -> str:
    """Trains one preset; its row of the table."""
    section = Model.model_validate(
        {"preset": {"name": name, **OPTIONS.get(name, {})}, "outputs": OUTPUTS, "training": TRAINING}
    )
    schema = schema_text(read_schema(HOUSE / "examples" / "flights" / "schema.pbtxt"))
    began = time.monotonic()
    manifest = train(section, schema, transformed, place / name, name=name, seed=2013)
    seconds = (time.monotonic() - began) / manifest["epochs"]
    model = keras.saving.load_model(place / name / "model.keras", compile=False)
    table = pq.ParquetDataset(split_parts(transformed, "test"), partitioning=None).read()
    rows = {tensor.name: table[tensor.name].to_numpy() for tensor in model.inputs}
    found = model.predict(rows, batch_size=8192, verbose=0)
    error = found["arr_delay"].ravel() - table["arr_delay"].to_numpy()
    area = auc(table["late"].to_numpy() > 0.5, found["late"].ravel())
    rmse = float(np.sqrt((error**2).mean()))
    return f"| {name} | {rmse:.2f} | {area:.4f} | {manifest['parameters']:,} | {manifest['epochs']} | {seconds:.1f} |"


def main() -> None:
    """Measures and writes the table."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    examples = examples_folder()
    transformed = examples.parent.parent / "transform" / "transformed"
    if not transformed.exists():
        newest = sorted((HOUSE / "runs" / "flights" / "artifacts").glob("*/transform/transformed"))
        transformed = newest[-1] if newest else sys.exit("run `make run` first")
    lines = [
        "# Presets on the flights example",
        "",
        f"`python -m benchmarks.presets` on {machine()}; test split by hash, 32,676 flights.",
        "Seconds an epoch are those of the whole component, building, compiling and exporting among them, divided by",
        "its epochs.",
        "",
        "| preset | RMSE of arr_delay | AUC of late | parameters | epochs | seconds an epoch |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    print("\n".join(lines[-2:]))
    with tempfile.TemporaryDirectory() as scratch:
        for name in sorted(Preset.known):
            lines.append(measure(name, transformed, Path(scratch)))
            print(lines[-1], flush=True)
    figures = lightgbm_figures(examples)
    lines.append(f"| LightGBM, 600 trees, plain columns | {figures['rmse']:.2f} | {figures['auc']:.4f} | | | |")
    print(lines[-1])
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(json.dumps({"results": str(RESULTS.relative_to(HOUSE))}))


if __name__ == "__main__":
    main()
