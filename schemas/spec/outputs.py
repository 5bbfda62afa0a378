"""What a model predicts: the node, the label and the loss of each output."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.section import Section

Task = Literal["regression", "binary", "multiclass"]
_TASKS: Mapping[str, Task] = {
    "binarycrossentropy": "binary",
    "binaryfocalcrossentropy": "binary",
    "sparsecategoricalcrossentropy": "multiclass",
}


class Output(Section):
    """One output of the model: the node that yields it and the label it learns."""

    layer: str = ""
    """The node whose value is the prediction; a preset has one for each output."""
    loss: str
    """A loss of keras.losses, by its snake_case or class name."""
    loss_arguments: dict[str, Any] = {}
    """Arguments of the loss, under their Keras names (label_smoothing, delta …)."""
    loss_weight: Annotated[float, Field(gt=0)] = 1.0
    """Its share in the sum of losses."""
    metrics: list[str] = []
    """Metrics of keras.metrics shown while training, by class name."""
    scale: float = 1.0
    """The node's value is multiplied by this: about the deviation of a label that is not near 1."""
    offset: float = 0.0
    """Added after `scale`: about the mean of the label."""
    class_weights: dict[int, Annotated[float, Field(ge=0)]] | None = None
    """How much a row counts in the loss by its class (0 and 1, or an id); a class that is not named counts 1."""
    sample_weight: str | None = None
    """A numeric feature that says how much each row counts in the loss."""

    @property
    def task(self) -> Task:
        """What is predicted: a number, a probability, or a probability for each class."""
        return _TASKS.get(self.loss.replace("_", "").lower(), "regression")


def metric_name(metric: str) -> str:
    """What the log calls a metric: `RootMeanSquaredError` is root_mean_squared_error, `AUC` auc."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", metric).lower()


def logged_names(outputs: Mapping[str, Output]) -> list[str]:
    """What the log of a training holds for each epoch, as Keras names it."""
    several = len(outputs) > 1
    names = {"loss"}
    for label, output in outputs.items():
        prefix = f"{label}_" if several else ""
        names |= {prefix + metric for metric in [*map(metric_name, output.metrics), *(["loss"] if several else [])]}
    return sorted(names | {f"val_{name}" for name in names})
