"""DNN: a stack of dense layers over numbers and embeddings."""

from __future__ import annotations

from typing import ClassVar, Literal

from components.train.presets.parts import (
    EmbeddingPreset,
    Features,
    Outputs,
    deep,
    heads,
)
from schemas.spec.preset import Expanded, Units


class Dnn(EmbeddingPreset):
    """A multilayer perceptron with embeddings for ids."""

    paper: ClassVar[str] = "Guo, Berkhahn, Entity Embeddings of Categorical Variables, 2016"
    name: Literal["dnn"]
    units: Units = [128, 64]
    """Widths of the dense layers."""

    def expand(self, features: Features, outputs: Outputs) -> Expanded:
        """One trunk, a head for each output."""
        graph = Expanded()
        last = deep(graph, "deep", self.inputs(graph, features), self.units, self.dropout, self.l2)
        heads(graph, outputs, last)
        return graph
