"""The metrics that a person looks at first."""

from __future__ import annotations

from collections.abc import Mapping

SHOWN = ("rmse", "mae", "auc", "log_loss", "accuracy")


def main_metrics(values: Mapping[str, float]) -> str:
    """The metrics of an output that a person looks at first, in a line."""
    return ", ".join(f"{metric} {values[metric]:.4g}" for metric in SHOWN if metric in values)
