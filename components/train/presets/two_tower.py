"""Two towers: two sides of a row, each with a network of its own, met in a dot product."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from components.train.presets.parts import (
    EmbeddingPreset,
    Features,
    Outputs,
    deep,
    embedded,
    heads,
    ids_of,
    node,
    numbers_of,
    some,
)
from schemas.errors import DataError, nearest
from schemas.spec.preset import Expanded, Units


class TwoTower(EmbeddingPreset):
    """Two towers whose embeddings can be shared; heads read their product and both towers."""

    paper: ClassVar[str] = (
        "Yi et al., Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations, 2019"
    )
    name: Literal["two_tower"]
    left: Annotated[list[str], Field(min_length=1)]
    """Features of one side (a user, an origin …)."""
    right: Annotated[list[str], Field(min_length=1)]
    """Features of the other."""
    shared: list[Annotated[list[str], Field(min_length=2)]] = []
    """Features that have one embedding, such as [[origin_id, dest_id]]: ids of one vocabulary."""
    units: Units = [64, 32]
    """Widths of each tower's dense layers."""

    def expand(self, features: Features, outputs: Outputs) -> Expanded:
        """Embeddings, two towers, their product."""
        graph, nodes = Expanded(), dict[str, str]()
        for name in (*self.left, *self.right, *(n for names in self.shared for n in names)):
            if name not in features:
                raise DataError(f"two_tower reads '{name}', which is no feature of it{nearest(name, features)}")
        for names in self.shared:
            first, *others = names
            graph.layers.append({
                "name": node("embedded", first), "layer": "Embedding", "output_dim": self.embedding, "inputs": first,
            })  # fmt: skip
            graph.layers += [
                {"name": node("embedded", o), "share": node("embedded", first), "inputs": o} for o in others
            ]
            nodes |= {name: node("embedded", name) for name in names}
        for name in ids_of(features):
            if name not in nodes and name in (*self.left, *self.right):
                (nodes[name],) = embedded(graph, node("embedded", name), features, [name], self.embedding)
        tops = []
        for side, names in (("left", self.left), ("right", self.right)):
            chosen = {name: features[name] for name in names}
            reads = [*numbers_of(chosen), *(nodes[name] for name in ids_of(chosen))]
            tops.append(deep(graph, side, some(features, reads, f"features of the {side} side"), self.units,
                             self.dropout, self.l2))  # fmt: skip
        graph.layers.append({"name": "product", "layer": "Dot", "axes": 1, "inputs": tops})
        heads(graph, outputs, ["product", *tops])
        return graph
