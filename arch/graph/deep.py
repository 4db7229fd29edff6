"""GCNII: graph convolutions that may be stacked 64 deep, since no layer forgets where it began."""

from __future__ import annotations

from math import log
from typing import Any, Literal

import keras

from arch.blocks import activation, require, require_one_of, require_positive
from arch.graph.features import drop, linear
from arch.graph.inputs import Graph, require_graph
from arch.graph.propagation import NORMS, Propagate, normalize


@keras.saving.register_keras_serializable(package="arch")
class Mix(keras.layers.Layer):
    """A weighted mean of two tensors of one shape: `y = (1 - share) a + share b`. No weights.

    Args:
        share: of the second, in [0, 1].
    """

    def __init__(self, share: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.share = share

    def call(self, inputs: Any) -> Any:
        """The mean of both."""
        first, second = inputs
        return (1.0 - self.share) * first + self.share * second

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        return {**super().get_config(), "share": self.share}


def gcnii(
    inputs: Graph,
    *,
    width: int = 64,
    depth: int = 64,
    initial: float = 0.1,
    identity: float = 0.5,
    outputs: int = 0,
    dropout: float = 0.0,
    norm: Literal["symmetric", "random_walk", "none"] = "symmetric",
) -> keras.KerasTensor:
    """A deep graph convolutional network: z = (1 - a) A h + a h0 and h = relu((1 - b) z + b z W), b = log(l / n + 1).

    h0 is a dense layer of the features, n the layer's number, a `initial` and l `identity`.

    Args:
        inputs: a `Graph`, its features dense or words.
        width: features of a node in all layers, at least 1.
        depth: convolutions, at least 1.
        initial: share of the first features in each layer, in [0, 1].
        identity: how much the layers' matrices count, less and less with depth; at least 0, at most 1.7.
        outputs: logits of a dense layer on the last features, in float32; 0 ends with the features.
        dropout: share of each layer's inputs dropped in training, in [0, 1).
        norm: how adjacency, with self loops, is normalized: D^-1/2 A D^-1/2, D^-1 A, or not at all.

    Returns:
        (nodes, outputs), or (nodes, width) without outputs.

    Raises:
        ValueError: where an option cannot work.

    Source: Chen et al. 2020, "Simple and deep graph convolutional networks", equation 5.
    """
    require_graph("gcnii", inputs, outputs, dropout)
    require_positive("gcnii", "width", width)
    require_positive("gcnii", "depth", depth)
    require(0.0 <= initial <= 1.0, "gcnii", "initial must be in [0, 1]", initial)
    require(0.0 <= identity <= 1.7, "gcnii", "identity must be in [0, 1.7]", identity)  # b at most 1 in the first layer
    require_one_of("gcnii", "norm", norm, NORMS)
    adjacency = normalize(inputs, norm, True)
    x = first = linear(drop(inputs.features, dropout, name="dropout"), width, activation="relu", name="embed")
    for index in range(depth):
        name = f"layer{index}"
        x = Propagate(name=f"{name}_propagate")([drop(x, dropout, name=f"{name}_dropout"), *adjacency])
        x = Mix(initial, name=f"{name}_initial")([x, first])
        y = keras.layers.Dense(width, use_bias=False, name=name)(x)
        x = Mix(log(identity / (index + 1) + 1), name=f"{name}_identity")([x, y])
        x = activation(x, name=f"{name}_relu")
    x = drop(x, dropout, name="outputs_dropout")
    return linear(x, outputs, name="outputs", dtype="float32") if outputs else x
