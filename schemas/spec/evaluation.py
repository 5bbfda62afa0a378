"""The `evaluate` and `push` sections: when a model is good enough, and where it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, model_validator

from schemas.section import Section
from schemas.spec.outputs import Task

REGRESSION_METRICS = ("rmse", "mae", "mse", "bias")
CLASSIFICATION_METRICS = ("auc", "auc_pr", "log_loss", "accuracy", "precision", "recall", "calibration")
MULTICLASS_METRICS = ("log_loss", "accuracy", "top_3_accuracy")
METRICS_OF: Mapping[Task, tuple[str, ...]] = {
    "regression": REGRESSION_METRICS, "binary": CLASSIFICATION_METRICS, "multiclass": MULTICLASS_METRICS,
}  # fmt: skip


class Threshold(Section):
    """A bound that one metric of one output must keep for the model to be blessed."""

    output: str
    """An output of the model."""
    metric: str
    """rmse, mae, mse, bias; auc, auc_pr, log_loss, accuracy, precision, recall, calibration; top_3_accuracy."""
    at_most: float | None = None
    """The largest value that is good enough."""
    at_least: float | None = None
    """The smallest value that is good enough."""
    change_at_most: float | None = None
    """How much larger than the champion's it may be, on the same rows: 0 for "not worse" of an error."""
    change_at_least: float | None = None
    """How much larger than the champion's it must be, on the same rows: 0 for "not worse" of an AUC."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] | None = None
    """How sure it must be, by the bootstrap over rows, that the bounds hold: 0.95. By default the figure counts."""

    @property
    def compares(self) -> bool:
        """Whether the rule is about the change against the champion."""
        return self.change_at_most is not None or self.change_at_least is not None

    @model_validator(mode="after")
    def _a_bound(self) -> Threshold:
        if self.at_most is None and self.at_least is None and not self.compares:
            raise ValueError("gives no bound; add `at_most`, `at_least`, `change_at_most` or `change_at_least`")
        return self


class Evaluation(Section):
    """How the model is judged, on the test split."""

    slices: list[Annotated[list[str], Field(min_length=1, max_length=2)]] = []
    """Columns, or pairs of columns, whose every value is judged on its own."""
    thresholds: list[Threshold] = []
    """All must hold for the model to be blessed. One that compares holds as long as there is no champion."""

    @property
    def compares(self) -> bool:
        """Whether any rule is about the change against the champion."""
        return any(threshold.compares for threshold in self.thresholds)


class Push(Section):
    """Where a blessed model is published."""

    directory: str = "serving"
    """The folder of published models, relative to where latticework runs."""
