"""FT-Transformer: each feature is a token, and tokens attend to each other."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from components.train.presets.parts import Features, Outputs, embedded, heads, ids_of, node, numbers_of, some
from schemas.spec.preset import Expanded, Preset, Rate


class FtTransformer(Preset):
    """A transformer over feature tokens (pre-norm); the mean of the last tokens is read, in place of a CLS token."""

    paper: ClassVar[str] = "Gorishniy et al., Revisiting Deep Learning Models for Tabular Data, 2021"
    name: Literal["ft_transformer"]
    width: Annotated[int, Field(ge=2)] = 16
    """Of a token."""
    blocks: Annotated[int, Field(ge=1)] = 2
    """How many transformer blocks."""
    heads: Annotated[int, Field(ge=1)] = 4
    """Attention heads; each has width / heads dimensions."""
    hidden: Annotated[int, Field(ge=1)] = 32
    """Of the feed-forward layer inside each block."""
    dropout: Rate = 0.1
    """Of attention and feed-forward."""

    def expand(self, features: Features, outputs: Outputs) -> Expanded:
        """Tokens, blocks, their mean, a head for each output."""
        some(features, list(features), "at least one feature")
        graph, tokens = Expanded(), []
        for name in numbers_of(features):
            graph.layers += [
                {"name": node("token", name, "value"), "layer": "Dense", "units": self.width, "inputs": name},
                {"name": node("token", name), "layer": "Reshape", "target_shape": [1, self.width],
                 "inputs": node("token", name, "value")},
            ]  # fmt: skip
            tokens.append(node("token", name))
        for name in ids_of(features):
            (looked_up,) = embedded(graph, node("token", name, "value"), features, [name], self.width)
            graph.layers.append({"name": node("token", name), "layer": "Reshape", "target_shape": [1, self.width],
                                 "inputs": looked_up})  # fmt: skip
            tokens.append(node("token", name))
        if len(tokens) > 1:
            graph.layers.append({"name": "tokens", "layer": "Concatenate", "axis": 1, "inputs": tokens})
        last = "tokens" if len(tokens) > 1 else tokens[0]
        graph.blocks["transformer_block"] = {
            "inputs": ["x"],
            "layers": [
                {"name": "attend_normal", "layer": "LayerNormalization", "inputs": "x"},
                {"name": "attend", "layer": "MultiHeadAttention", "num_heads": self.heads,
                 "key_dim": max(1, self.width // self.heads), "dropout": self.dropout, "inputs": "attend_normal"},
                {"name": "attended", "layer": "Add", "inputs": ["x", "attend"]},
                {"name": "feed_normal", "layer": "LayerNormalization", "inputs": "attended"},
                {"name": "widen", "layer": "Dense", "units": self.hidden, "activation": "relu",
                 "inputs": "feed_normal"},
                {"name": "drop", "layer": "Dropout", "rate": self.dropout, "inputs": "widen"},
                {"name": "narrow", "layer": "Dense", "units": self.width, "inputs": "drop"},
                {"name": "fed", "layer": "Add", "inputs": ["attended", "narrow"]},
            ],
            "output": "fed",
        }  # fmt: skip
        for index in range(1, self.blocks + 1):
            graph.layers.append({"name": f"block_{index}", "layer": "transformer_block", "inputs": last})
            last = f"block_{index}"
        graph.layers += [
            {"name": "normal", "layer": "LayerNormalization", "inputs": last},
            {"name": "mean", "layer": "GlobalAveragePooling1D", "inputs": "normal"},
            {"name": "top", "layer": "Activation", "activation": "relu", "inputs": "mean"},
        ]
        heads(graph, outputs, "top")
        return graph
