"""Multi-task: a shared bottom, or experts that each output mixes in its own way."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from components.train.presets.parts import (
    EmbeddingPreset,
    Features,
    Outputs,
    deep,
    head,
    node,
)
from schemas.spec.preset import Expanded, Units


class MixtureOfExperts(EmbeddingPreset):
    """Multi-gate mixture of experts; one expert is a shared bottom."""

    paper: ClassVar[str] = "Ma et al., Modeling Task Relationships with Multi-gate Mixture-of-Experts (MMoE), 2018"
    name: Literal["mmoe"]
    experts: Annotated[int, Field(ge=1)] = 4
    """How many; with 1 all outputs share one bottom."""
    expert_units: Units = [64]
    """Widths of each expert's dense layers."""
    tower_units: Units = [32]
    """Widths of each output's own dense layers."""

    def expand(self, features: Features, outputs: Outputs) -> Expanded:
        """Experts over one input, a gate and a tower for each output."""
        graph = Expanded()
        reads = self.inputs(graph, features)
        experts = [
            deep(graph, f"expert_{index}", reads, self.expert_units, self.dropout, self.l2)
            for index in range(1, self.experts + 1)
        ]
        width = self.expert_units[-1]
        if self.experts > 1:
            for index, expert in enumerate(experts, start=1):
                graph.layers.append({
                    "name": f"expert_{index}_row", "layer": "Reshape", "target_shape": [1, width], "inputs": expert,
                })  # fmt: skip
            rows = [f"expert_{index}_row" for index in range(1, self.experts + 1)]
            graph.layers.append({"name": "experts", "layer": "Concatenate", "axis": 1, "inputs": rows})
        for label, output in outputs.items():
            mixed = experts[0]
            if self.experts > 1:
                graph.layers += [
                    {"name": node("gate", label), "layer": "Dense", "units": self.experts, "activation": "softmax",
                     "inputs": reads},
                    {"name": node("mixed", label), "layer": "Dot", "axes": 1,
                     "inputs": [node("gate", label), "experts"]},
                ]  # fmt: skip
                mixed = node("mixed", label)
            top = deep(graph, node("tower", label), [mixed], self.tower_units, self.dropout, self.l2)
            head(graph, label, output, top, [])
        return graph
