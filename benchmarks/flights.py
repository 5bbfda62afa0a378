"""LightGBM on the rows and splits of the flights example: `python -m benchmarks.flights`.

Run `make run` first: the splits are read from what its ingest wrote.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

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


def newest_summary() -> dict[str, Any]:
    """The summary of the newest run of the flights example."""
    runs = sorted((HOUSE / "runs" / "flights").glob("2*/summary.json"))
    if not runs:
        sys.exit("run `make run` first: the splits are read from its artifacts")
    found: dict[str, Any] = json.loads(runs[-1].read_text())
    return found


def examples_folder() -> Path:
    """What the newest ingest of the flights example wrote."""
    artifacts = Path(newest_summary()["report"]).parents[3]
    return max(artifacts.glob("*/ingest/examples"))


def lightgbm_figures(examples: Path) -> dict[str, float]:
    """LightGBM trained on train, judged on test: RMSE and AUC, and the RMSE of the mean."""
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
    return {
        "rmse": float(np.sqrt((error**2).mean())),
        "auc": auc(label["test"] > 15, score),
        "rmse of the mean": float(np.sqrt((mean_error**2).mean())),
    }


def main() -> None:
    """Trains on train, stops nowhere, judges on test."""
    found, ours = lightgbm_figures(examples_folder()), newest_summary()["metrics"]
    print(f"mean of train: RMSE {found['rmse of the mean']:.2f}")
    print(f"LightGBM:      RMSE {found['rmse']:.2f}, AUC {found['auc']:.4f}")
    print(f"Latticework:   RMSE {ours['arr_delay']['rmse']:.2f}, AUC {ours['late']['auc']:.4f}")


if __name__ == "__main__":
    main()
