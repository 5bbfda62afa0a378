"""DNN: a stack of dense layers over numbers and embeddings."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from components.train.presets.parts import Features, Outputs, deep, embedded, head, ids_of, numbers_of, some
from schemas.spec.preset import Expanded, Preset, Rate, Units


class Dnn(Preset):
    """A multilayer perceptron with embeddings for ids."""

    paper: ClassVar[str] = "Guo, Berkhahn, Entity Embeddings of Categorical Variables, 2016"
    name: Literal["dnn"]
    units: Units = [128, 64]
    """Widths of the dense layers."""
    embedding: Annotated[int, Field(ge=1)] = 8
    """Width of each embedding."""
    dropout: Rate = 0.1
    """Behind each dense layer."""
    l2: Annotated[float, Field(ge=0)] = 1e-5
    """L2 of the dense layers' kernels."""

    def expand(self, features: Features, outputs: Outputs) -> Expanded:
        """One trunk, a head for each output."""
        graph = Expanded()
        reads = [*numbers_of(features), *embedded(graph, "embedded", features, ids_of(features), self.embedding)]
        last = deep(graph, "deep", some(features, reads, "at least one feature"), self.units, self.dropout, self.l2)
        for label, output in outputs.items():
            head(graph, label, output, last, [])
        return graph
