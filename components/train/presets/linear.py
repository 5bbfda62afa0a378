"""Linear: one weight for each number and each id."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from components.train.presets.parts import Features, Outputs, head, ids_of, numbers_of, some, wide
from schemas.spec.preset import Expanded, Preset


class Linear(Preset):
    """The wide part alone: logistic or linear regression over numbers, ids and crosses, by FTRL."""

    paper: ClassVar[str] = "McMahan et al., Ad Click Prediction: a View from the Trenches, 2013"
    name: Literal["linear"]
    l2: Annotated[float, Field(ge=0)] = 0.0
    """L2 of all weights."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.05
    """Of FTRL."""

    def expand(self, features: Features, outputs: Outputs) -> Expanded:
        """A sum of weights for each output."""
        some(features, list(features), "at least one feature")
        graph = Expanded()
        ids, numbers = ids_of(features), numbers_of(features)
        for label, output in outputs.items():
            head(graph, label, output, [], wide(graph, features, ids, numbers, label, output, self.l2))
        names = [layer["name"] for layer in graph.layers if layer["layer"] in ("Embedding", "Dense")]
        graph.optimizers.append({"name": "Ftrl", "learning_rate": self.learning_rate, "layers": names})
        return graph
