"""Residual MLP: blocks of dense layers whose input is added to their output."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from components.train.presets.parts import EmbeddingPreset, Features, Outputs, heads
from schemas.spec.preset import Expanded, Rate


class Residual(EmbeddingPreset):
    """The ResNet of tabular data: x + Dropout(Dense(Dropout(ReLU(Dense(BatchNorm(x)))))), as often as asked."""

    paper: ClassVar[str] = "Gorishniy et al., Revisiting Deep Learning Models for Tabular Data, 2021"
    name: Literal["residual"]
    blocks: Annotated[int, Field(ge=1)] = 2
    """How many blocks."""
    width: Annotated[int, Field(ge=1)] = 128
    """Of the residual stream."""
    hidden: Annotated[int, Field(ge=1)] = 256
    """Of the layer inside each block."""
    dropout: Rate = 0.2
    """Behind the first dense layer of a block."""
    residual_dropout: Rate = 0.0
    """Behind the second."""

    def expand(self, features: Features, outputs: Outputs) -> Expanded:
        """One stream of blocks, a head for each output."""
        regularizer = {"kernel_regularizer": {"L2": self.l2}} if self.l2 else {}
        graph = Expanded()
        reads = self.inputs(graph, features)
        graph.layers.append({"name": "stream", "layer": "Dense", "units": self.width, **regularizer, "inputs": reads})
        graph.blocks["residual_block"] = {
            "inputs": ["x"],
            "layers": [
                {"name": "normal", "layer": "BatchNormalization", "inputs": "x"},
                {"name": "widen", "layer": "Dense", "units": self.hidden, "activation": "relu", **regularizer,
                 "inputs": "normal"},
                {"name": "drop", "layer": "Dropout", "rate": self.dropout, "inputs": "widen"},
                {"name": "narrow", "layer": "Dense", "units": self.width, **regularizer, "inputs": "drop"},
                {"name": "drop_again", "layer": "Dropout", "rate": self.residual_dropout, "inputs": "narrow"},
                {"name": "sum", "layer": "Add", "inputs": ["x", "drop_again"]},
            ],
            "output": "sum",
        }  # fmt: skip
        last = "stream"
        for index in range(1, self.blocks + 1):
            graph.layers.append({"name": f"block_{index}", "layer": "residual_block", "inputs": last})
            last = f"block_{index}"
        graph.layers += [
            {"name": "normal", "layer": "BatchNormalization", "inputs": last},
            {"name": "top", "layer": "Activation", "activation": "relu", "inputs": "normal"},
        ]
        heads(graph, outputs, "top")
        return graph
