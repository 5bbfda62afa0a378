"""What each regulariser does to the gap between train and eval on taxi: `python -m benchmarks.regularisation`.

The taxi files must be in `examples/taxi/data` (or in the folder that `--data` names). Writes the table and the plots of
`docs/regularisation.md`: one network that is too large for 7,333 rides, trained without anything, then with one
regulariser at a time. Errors are those of the whole split in inference, after the last epoch.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import components.train.presets
import components.transform.ops  # noqa: F401  makes ops and presets known
from benchmarks.components import HOUSE, machine
from components.ingest.worker import ingest
from components.train.worker import train
from components.transform.worker import transform
from schemas.artifacts import split_parts
from schemas.dataset import schema_text
from schemas.spec import Model, load_spec

DOCS = HOUSE / "docs"
EPOCHS = 30
SEEDS = (1, 2, 3)
NUMBERS = ["km_scaled", "km_log", "east_scaled", "north_scaled", "year_scaled", "hour_sin", "hour_cos", "from_x_scaled",
           "from_y_scaled", "to_x_scaled", "to_y_scaled", "passengers"]  # fmt: skip
IDS = ["from_zone", "to_zone", "trip", "weekday_hour", "year_id"]


def network(
    dense: dict[str, Any] | None = None, embedding: dict[str, Any] | None = None, behind: dict[str, Any] | None = None,
    **training: Any,
) -> dict[str, Any]:  # fmt: skip
    """The model section: embeddings and two wide layers; `behind` each of them another one."""
    layers: list[dict[str, Any]] = [
        {"name": "ids", "layer": "Embedding", "output_dim": 8, "each": IDS, **(embedding or {})},
    ]
    last: str | list[str] = [*NUMBERS, "ids"]
    for name in ("first", "second"):
        layers.append(
            {"name": name, "layer": "Dense", "units": 256, "activation": "relu", **(dense or {}), "inputs": last}
        )
        last = name
        if behind is not None:
            last = f"{name}_behind"
            layers.append({"name": last, **behind, "inputs": name})
    layers.append({"name": "fare", "layer": "Dense", "units": 1, "inputs": last})
    output = {"layer": "fare", "loss": "huber", "loss_arguments": {"delta": 4.0}, "scale": 8.0, "offset": 11.0,
              "metrics": ["MeanAbsoluteError"]}  # fmt: skip
    adam = {"name": "Adam", "learning_rate": 0.001}
    given = {"epochs": EPOCHS, "batch_size": 128, "steps_per_execution": 16, "optimizer": adam, "early_stopping": None}
    return {"layers": layers, "outputs": {"fare": output}, "training": {**given, **training}}


VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "nothing": ("", network()),
    "L2": ("kernel_regularizer: {L2: 0.003}", network({"kernel_regularizer": {"L2": 0.003}})),
    "L1": ("kernel_regularizer: {L1: 0.0005}", network({"kernel_regularizer": {"L1": 0.0005}})),
    "L1L2": ("kernel_regularizer: {L1L2: {l1: 0.0002, l2: 0.002}}",
             network({"kernel_regularizer": {"L1L2": {"l1": 0.0002, "l2": 0.002}}})),
    "orthogonal": ("kernel_regularizer: {OrthogonalRegularizer: 0.01}",
                   network({"kernel_regularizer": {"OrthogonalRegularizer": 0.01}})),
    "L2 of embeddings": ("embeddings_regularizer: {L2: 0.003}",
                         network(embedding={"embeddings_regularizer": {"L2": 0.003}})),
    "L2 of activities": ("activity_regularizer: {L2: 0.001}", network({"activity_regularizer": {"L2": 0.001}})),
    "max-norm": ("kernel_constraint: {MaxNorm: 1}", network({"kernel_constraint": {"MaxNorm": 1}})),
    "dropout": ("Dropout, rate: 0.3", network(behind={"layer": "Dropout", "rate": 0.3})),
    "Gaussian dropout": ("GaussianDropout, rate: 0.3", network(behind={"layer": "GaussianDropout", "rate": 0.3})),
    "batch normalisation": ("BatchNormalization", network(behind={"layer": "BatchNormalization", "momentum": 0.9})),
    "layer normalisation": ("LayerNormalization", network(behind={"layer": "LayerNormalization"})),
    "weight decay": ("AdamW, weight_decay: 0.02",
                     network(optimizer={"name": "AdamW", "learning_rate": 0.001, "weight_decay": 0.02})),
    "averaged weights": ("use_ema: true",
                         network(optimizer={"name": "Adam", "learning_rate": 0.001, "use_ema": True})),
    "early stopping": ("patience: 3", network(early_stopping={"monitor": "val_loss", "patience": 3})),
    "dropout, L2, early stopping": (
        "all three",
        network({"kernel_regularizer": {"L2": 0.0005}}, behind={"layer": "Dropout", "rate": 0.2},
                early_stopping={"monitor": "val_loss", "patience": 5}),
    ),
}  # fmt: skip


def main() -> None:
    """Trains every variant with three seeds; writes docs/regularisation.md's table and plots."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HOUSE / "examples" / "taxi" / "data", help="the taxi files")
    options = parser.parse_args()
    rows, curves = [], {}
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        for name in ("spec.yaml", "schema.pbtxt"):
            shutil.copy(HOUSE / "examples" / "taxi" / name, place)
        (place / "data").symlink_to(options.data.resolve())
        loaded = load_spec(place / "spec.yaml")
        schema = schema_text(loaded.schema)
        ingest(loaded.spec.data, schema, place / "examples", folder=place)
        transform(loaded.spec.transform, schema, place / "examples", place / "transformed")
        for name, (how, section) in VARIANTS.items():
            found = []
            for seed in SEEDS:
                manifest = train(Model.model_validate(section), schema, place / "transformed", place / "model",
                                 name="taxi", seed=seed)  # fmt: skip
                found.append([_error(place, split) for split in ("train", "eval")])
                curves.setdefault(name, manifest["history"])
            inner, outer = np.mean(found, axis=0)
            rows.append((name, how, inner, outer))
            print(f"{name}: train {inner:.3f}, eval {outer:.3f}", flush=True)
    _write(rows)
    _plot(rows, curves)


def _error(place: Path, split: str) -> float:
    """The mean absolute error of the model in `place` on a split."""
    model = keras.saving.load_model(place / "model" / "model.keras", compile=False)
    table = pa.concat_tables(pq.read_table(p, partitioning=None) for p in split_parts(place / "transformed", split))
    inputs = {tensor.name: table[tensor.name].to_numpy() for tensor in model.inputs}
    predicted = model.predict(inputs, batch_size=4096, verbose=0)["fare"].ravel()
    return float(np.abs(predicted - table["fare"].to_numpy()).mean())


def _write(rows: list[tuple[str, str, float, float]]) -> None:
    table = [
        "<!-- written by python -m benchmarks.regularisation -->",
        "| regulariser | in the spec | train | eval | gap |",
        "| --- | --- | ---: | ---: | ---: |",
        *(f"| {n} | {f'`{how}`' if how else ''} | {i:.3f} | {o:.3f} | {o - i:.3f} |" for n, how, i, o in rows),
        "",
        f"Mean absolute error in dollars, the mean of {len(SEEDS)} seeds; {machine()}.",
    ]
    path = DOCS / "regularisation.md"
    text = path.read_text(encoding="utf-8")
    begin, end = text.index("<!-- written by"), text.index("<!-- end -->")
    path.write_text(text[:begin] + "\n".join(table) + "\n" + text[end:], encoding="utf-8")


def _plot(rows: list[tuple[str, str, float, float]], curves: dict[str, dict[str, list[float]]]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), dpi=110, layout="constrained")
    axes = figure.subplots()
    for place, (_, _, inner, outer) in enumerate(reversed(rows)):
        axes.plot([inner, outer], [place, place], color="#9aa5b1", linewidth=3, zorder=1)
        axes.scatter([inner], [place], color="#5f6b7a", zorder=2)
        axes.scatter([outer], [place], color="#1a56db", zorder=2)
    axes.set_yticks(range(len(rows)), [name for name, *_ in reversed(rows)])
    axes.set(xlabel="mean absolute error in dollars (grey: train, blue: eval)")
    axes.grid(axis="x", color="#dde3ea")
    figure.savefig(DOCS / "regularisation-gap.png")

    figure = Figure(figsize=(12, 9), dpi=90, layout="constrained")
    panels = figure.subplots(4, 4, sharex=True, sharey=True).ravel()
    for panel, (name, history) in zip(panels, curves.items(), strict=False):
        for key, colour in (("mean_absolute_error", "#5f6b7a"), ("val_mean_absolute_error", "#1a56db")):
            panel.plot(range(1, len(history[key]) + 1), history[key], color=colour)
        panel.set_title(name, fontsize=9)
        panel.set_ylim(1.0, 3.0)
        panel.grid(color="#dde3ea")
    figure.supxlabel("epoch")
    figure.supylabel("mean absolute error while training (grey: train, blue: eval)")
    figure.savefig(DOCS / "regularisation-curves.png")


if __name__ == "__main__":
    main()
