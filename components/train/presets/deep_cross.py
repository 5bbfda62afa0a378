"""Deep & cross v2: layers that multiply the features with each other, beside a deep network."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from components.train.presets.parts import (
    EmbeddingPreset,
    Features,
    Outputs,
    deep,
    heads,
    ids_of,
    numbers_of,
)
from schemas.spec.preset import Expanded, Units


class DeepCross(EmbeddingPreset):
    """DCN-v2 in parallel: x_{l+1} = x_0 ⊙ (W_l x_l + b_l) + x_l, W_l of low rank where `rank` is given."""

    paper: ClassVar[str] = "Wang et al., DCN V2: Improved Deep & Cross Network, 2021"
    name: Literal["deep_cross"]
    crosses: Annotated[int, Field(ge=1)] = 2
    """Cross layers: the degree of the products is one more."""
    rank: Annotated[int, Field(ge=1)] | None = None
    """W as a product of two matrices of this rank."""
    units: Units = [128, 64]
    """Widths of the dense layers."""

    def expand(self, features: Features, outputs: Outputs) -> Expanded:
        """Cross and deep layers over the same input, a head for each output over both."""
        graph = Expanded()
        reads = self.inputs(graph, features)
        width = sum(features[n].length or 1 for n in numbers_of(features)) + self.embedding * len(ids_of(features))
        graph.layers.append({"name": "x0", "layer": "Concatenate", "inputs": reads} if len(reads) > 1 else
                            {"name": "x0", "layer": "Identity", "inputs": reads[0]})  # fmt: skip
        last, regularizer = "x0", {"kernel_regularizer": {"L2": self.l2}} if self.l2 else {}
        for index in range(1, self.crosses + 1):
            mapped = last
            if self.rank is not None:
                mapped = f"cross_{index}_down"
                graph.layers.append(
                    {"name": mapped, "layer": "Dense", "units": self.rank, "use_bias": False, **regularizer,
                     "inputs": last}
                )  # fmt: skip
            graph.layers += [
                {"name": f"cross_{index}_map", "layer": "Dense", "units": width, **regularizer, "inputs": mapped},
                {"name": f"cross_{index}_product", "layer": "Multiply", "inputs": ["x0", f"cross_{index}_map"]},
                {"name": f"cross_{index}", "layer": "Add", "inputs": [f"cross_{index}_product", last]},
            ]
            last = f"cross_{index}"
        top = deep(graph, "deep", ["x0"], self.units, self.dropout, self.l2)
        heads(graph, outputs, [last, top])
        return graph
