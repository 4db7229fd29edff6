"""The attention that a trained model pays along each edge, taken out of the model."""

from __future__ import annotations

from typing import Any

import keras

from arch.graph.attention import GraphAttention


class AttentionWeights(keras.layers.Layer):
    """What an attention layer pays along the edges, (edges, heads), from that layer's own inputs.

    Args:
        layer: the attention layer, with its weights.
    """

    def __init__(self, layer: GraphAttention) -> None:
        super().__init__(name=f"{layer.name}_weights")
        self.layer = layer

    def call(self, inputs: Any) -> Any:
        """The weights of the edges; what a paper pays itself is the rest."""
        return self.layer.weigh(inputs)[0]

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """(edges, heads)."""
        return (input_shape[2][0], self.layer.heads)


def attention_models(model: keras.Model) -> list[keras.Model]:
    """For each attention layer of a model the model that gives its weights, from the same inputs."""
    layers = [layer for layer in model.layers if isinstance(layer, GraphAttention)]
    return [keras.Model(model.input, AttentionWeights(layer)(layer.input)) for layer in layers]
