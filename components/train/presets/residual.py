"""Residual MLP: blocks of dense layers whose input is added to their output."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from components.train.presets.parts import Features, Outputs, embedded, head, ids_of, numbers_of, some
from schemas.spec.preset import Expanded, Preset, Rate


class Residual(Preset):
    """The ResNet of tabular data: x + Dropout(Dense(Dropout(ReLU(Dense(BatchNorm(x)))))), as often as asked."""

    paper: ClassVar[str] = "Gorishniy et al., Revisiting Deep Learning Models for Tabular Data, 2021"
    name: Literal["residual"]
    blocks: Annotated[int, Field(ge=1)] = 2
    """How many blocks."""
    width: Annotated[int, Field(ge=1)] = 128
    """Of the residual stream."""
    hidden: Annotated[int, Field(ge=1)] = 256
    """Of the layer inside each block."""
    embedding: Annotated[int, Field(ge=1)] = 8
    """Width of each embedding."""
    dropout: Rate = 0.2
    """Behind the first dense layer of a block."""
    residual_dropout: Rate = 0.0
    """Behind the second."""
    l2: Annotated[float, Field(ge=0)] = 1e-5
    """L2 of the kernels."""

    def expand(self, features: Features, outputs: Outputs) -> Expanded:
        """One stream of blocks, a head for each output."""
        regularizer = {"kernel_regularizer": {"L2": self.l2}} if self.l2 else {}
        graph = Expanded()
        reads = [*numbers_of(features), *embedded(graph, "embedded", features, ids_of(features), self.embedding)]
        some(features, reads, "at least one feature")
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
        for label, output in outputs.items():
            head(graph, label, output, "top", [])
        return graph
