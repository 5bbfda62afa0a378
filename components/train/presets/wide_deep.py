"""Wide & deep: a linear model of crosses beside a deep network, trained together by two optimizers."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from components.train.presets.parts import (
    EmbeddingPreset,
    Features,
    Outputs,
    crosses_of,
    deep,
    head,
    ids_of,
    node,
    some,
    wide,
)
from schemas.spec.preset import Expanded, Units


class WideDeep(EmbeddingPreset):
    """Wide & deep: FTRL moves the wide part, `training.optimizer` the deep one, for one loss."""

    paper: ClassVar[str] = "Cheng et al., Wide & Deep Learning for Recommender Systems, 2016"
    name: Literal["wide_deep"]
    wide: list[str] | None = None
    """The ids of the wide part; by default all crosses, or all ids where there is no cross."""
    deep: list[str] | None = None
    """What the deep part reads; by default everything."""
    units: Units = [128, 64]
    """Widths of the dense layers."""
    wide_learning_rate: Annotated[float, Field(gt=0)] = 0.05
    """Of FTRL."""
    wide_l1: Annotated[float, Field(ge=0)] = 0.0
    """L1 of FTRL: weights of combinations that tell little become 0."""

    def expand(self, features: Features, outputs: Outputs) -> Expanded:
        """A wide part for each output, one deep trunk for all."""
        graph = Expanded()
        crosses = crosses_of(features) or ids_of(features)
        in_wide = [i for i in self.wide or crosses if i in features]
        in_deep = {name: features[name] for name in self.deep or features if name in features}
        last = deep(graph, "deep", self.inputs(graph, in_deep), self.units, self.dropout, self.l2)
        some(features, in_wide, "ids for the wide part (a vocabulary, buckets, a cross)")
        for label, output in outputs.items():
            head(graph, label, output, last, wide(graph, features, in_wide, [], label, output, 0.0))
        graph.optimizers.append({
            "name": "Ftrl", "learning_rate": self.wide_learning_rate, "l1_regularization_strength": self.wide_l1,
            "layers": [node("wide", label) for label in outputs],
        })  # fmt: skip
        return graph
