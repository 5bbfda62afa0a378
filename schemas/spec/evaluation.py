"""The `evaluate` and `push` sections: when a model is good enough, and where it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, model_validator

from schemas.section import Section
from schemas.spec.outputs import Task

REGRESSION_METRICS = ("rmse", "mae", "mse", "bias", "mape", "error_p50", "error_p90", "error_p99")
CUTS = tuple(round(0.1 * tenth, 1) for tenth in range(1, 10))
CLASSIFICATION_METRICS = (
    "auc", "auc_pr", "log_loss", "accuracy", "precision", "recall", "calibration", "ece",
    *(f"{name}@{cut}" for name in ("precision", "recall") for cut in CUTS),
)  # fmt: skip
MULTICLASS_METRICS = ("log_loss", "accuracy", "top_3_accuracy")
METRICS_OF: Mapping[Task, tuple[str, ...]] = {
    "regression": REGRESSION_METRICS, "binary": CLASSIFICATION_METRICS, "multiclass": MULTICLASS_METRICS,
}  # fmt: skip


class Threshold(Section):
    """A bound that one metric of one output must keep for the model to be blessed."""

    output: str
    """An output of the model."""
    metric: str
    """rmse, mae, mse, bias, mape, error_p50, error_p90, error_p99; auc, auc_pr, log_loss, accuracy, precision, recall,
    calibration, ece, precision@0.1 to recall@0.9; top_3_accuracy."""
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

    by: Annotated[list[str], Field(min_length=1, max_length=2)] | None = None
    """Columns of one of the `slices`: the bounds must hold in each of them, not for all rows together."""
    min_rows: Annotated[int, Field(ge=1)] = 100
    """A slice of fewer rows is not ruled on."""

    @property
    def compares(self) -> bool:
        """Whether the rule is about the change against the champion."""
        return self.change_at_most is not None or self.change_at_least is not None

    @model_validator(mode="after")
    def _a_bound(self) -> Threshold:
        if self.at_most is None and self.at_least is None and not self.compares:
            raise ValueError("gives no bound; add `at_most`, `at_least`, `change_at_most` or `change_at_least`")
        return self


class Buckets(Section):
    """A numeric column, judged by ranges of its values."""

    column: str
    """A column of integers or numbers."""
    edges: Annotated[list[float], Field(min_length=1, max_length=50)]
    """Where a range ends and the next begins, rising: [1, 5] makes three ranges."""

    @model_validator(mode="after")
    def _rising(self) -> Buckets:
        if self.edges != sorted(set(self.edges)):
            raise ValueError(f"edges {self.edges} do not rise")
        return self


SlicedBy = str | Buckets


def sliced_column(by: SlicedBy) -> str:
    """The column of one part of a slice."""
    return by if isinstance(by, str) else by.column


class Evaluation(Section):
    """How the model is judged, on the test split."""

    slices: list[Annotated[list[SlicedBy], Field(min_length=1, max_length=2)]] = []
    """Columns or ranges of columns, or pairs of them, whose every value is judged on its own."""
    thresholds: list[Threshold] = []
    """All must hold for the model to be blessed. One that compares holds as long as there is no champion."""


class Push(Section):
    """Where a blessed model is published."""

    directory: str = "serving"
    """The folder of published models, relative to where latticework runs, or a URL such as s3://bucket/serving."""
