"""LightGBM on the rows and splits of the flights example: `python -m benchmarks.flights`.

Run `make run` first: the splits are read from what its ingest wrote.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from schemas.artifacts import split_parts

HOUSE = Path(__file__).resolve().parent.parent
CATEGORIES = ["carrier", "origin", "dest", "tailnum", "plane_manufacturer", "plane_model"]


def auc(label: np.ndarray, score: np.ndarray) -> float:
    """The area under the ROC curve, by ranks (Mann and Whitney)."""
    ranks = pd.Series(score).rank().to_numpy()
    positives = int(label.sum())
    return float((ranks[label].sum() - positives * (positives + 1) / 2) / (positives * (len(label) - positives)))


def main() -> None:
    """Trains on train, stops nowhere, judges on test."""
    runs = sorted((HOUSE / "runs" / "flights").glob("2*/summary.json"))
    if not runs:
        sys.exit("run `make run` first: the splits are read from its artifacts")
    summary = json.loads(runs[-1].read_text())
    examples = Path(summary["report"]).parent.parent.parent / "ingest" / "examples"
    if not examples.exists():
        examples = max((HOUSE / "runs" / "flights" / "artifacts").glob("*/ingest/examples"))
    frames = {
        split: pd.concat([pq.read_table(p, partitioning=None).to_pandas() for p in split_parts(examples, split)])
        for split in ("train", "test")
    }
    levels = {name: pd.CategoricalDtype(frames["train"][name].dropna().unique()) for name in CATEGORIES}
    for split, frame in frames.items():
        moment = pd.to_datetime(frame.pop("scheduled"))
        frame["weekday"], frame["day_of_year"] = moment.dt.weekday, moment.dt.dayofyear
        frames[split] = frame.astype(levels)
    label = {split: frame.pop("arr_delay").to_numpy() for split, frame in frames.items()}

    def predict(objective: str, target: np.ndarray) -> np.ndarray:
        options = {"objective": objective, "num_leaves": 127, "learning_rate": 0.05, "verbose": -1, "seed": 1}
        booster = lightgbm.train(options, lightgbm.Dataset(frames["train"], target), num_boost_round=600)
        return booster.predict(frames["test"])

    error = predict("regression", label["train"]) - label["test"]
    score = predict("binary", label["train"] > 15)
    mean_error = label["train"].mean() - label["test"]
    print(f"mean of train: RMSE {np.sqrt((mean_error**2).mean()):.2f}")
    print(f"LightGBM:      RMSE {np.sqrt((error**2).mean()):.2f}, AUC {auc(label['test'] > 15, score):.4f}")
    ours = summary["metrics"]
    print(f"Latticework:   RMSE {ours['arr_delay']['rmse']:.2f}, AUC {ours['late']['auc']:.4f}")


if __name__ == "__main__":
    main()
