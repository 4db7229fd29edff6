"""Graph convolutional networks: a node is the weighted average of its neighbourhood, layer upon layer."""

from __future__ import annotations

from typing import Any, Literal

import keras

from arch.blocks import activation, require_one_of, require_positive
from arch.graph.features import drop, linear
from arch.graph.inputs import Graph, Words, require_graph
from arch.graph.propagation import NORMS, Bias, Propagate, normalize


def convolution(features: Any, adjacency: list[Any], units: int, *, name: str, **options: Any) -> keras.KerasTensor:
    """`A X W + b`, multiplied in the order that carries fewer columns along the edges: (nodes, units)."""
    along = Propagate(name=f"{name}_propagate", **options)
    if isinstance(features, Words) or features.shape[-1] > units:
        x = linear(features, units, use_bias=False, name=name, **options)
        return Bias(name=f"{name}_bias", **options)(along([x, *adjacency]))
    return linear(along([features, *adjacency]), units, name=name, **options)


def gcn(
    inputs: Graph,
    *,
    widths: tuple[int, ...] = (16,),
    outputs: int = 0,
    dropout: float = 0.0,
    norm: Literal["symmetric", "random_walk", "none"] = "symmetric",
    self_loops: bool = True,
) -> keras.KerasTensor:
    """A graph convolutional network: layers h = relu(A dropout(h) W + b), A being the normalized adjacency matrix.

    Args:
        inputs: a `Graph`, its features dense or words.
        widths: units of each hidden layer, one number a layer.
        outputs: logits of one more convolution, without nonlinearity and in float32; 0 ends with the hidden features.
        dropout: share of each layer's inputs dropped in training, in [0, 1); of words, of those that are there.
        norm: how adjacency is normalized: D^-1/2 A D^-1/2, D^-1 A, or not at all.
        self_loops: whether a node is its own neighbour too, A + I in place of A.

    Returns:
        (nodes, outputs), or (nodes, widths[-1]) without outputs.

    Raises:
        ValueError: where an option cannot work.

    Source: Kipf and Welling 2017, "Semi-supervised classification with graph convolutional networks", equation 2. The
        product with A or with W goes first, whichever leaves fewer columns for the other.
    """
    require_graph("gcn", inputs, outputs, dropout)
    require_positive("gcn", "widths", widths)
    require_one_of("gcn", "norm", norm, NORMS)
    adjacency, x = normalize(inputs, norm, self_loops), inputs.features
    for index, units in enumerate(widths):
        x = drop(x, dropout, name=f"layer{index}_dropout")
        x = convolution(x, adjacency, units, name=f"layer{index}")
        x = activation(x, name=f"layer{index}_relu")
    if not outputs:
        return x
    x = drop(x, dropout, name="outputs_dropout")
    return convolution(x, adjacency, outputs, name="outputs", dtype="float32")
