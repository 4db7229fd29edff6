"""Graph transformers: attention along edges by what nodes hold; positions tell where in the graph they are."""

from __future__ import annotations

from math import sqrt
from typing import Any, Literal

import keras
from keras import ops

from arch.blocks import require, require_one_of, require_positive
from arch.graph.features import drop, linear
from arch.graph.inputs import Graph, require_graph
from arch.graph.softmax import attend, edge_softmax
from arch.kernels import gather

POSITIONS = ("none", "laplacian", "random_walk")


@keras.saving.register_keras_serializable(package="arch")
class RandomSigns(keras.layers.Layer):
    """In training, each column is multiplied by 1 or -1 at random, since the sign of an eigenvector means nothing.

    (nodes, k) -> the same shape. No weights.

    Source: Dwivedi and Bresson 2021, section 2.3.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seeds = keras.random.SeedGenerator()

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The positions, or their mirror images."""
        if not training:
            return inputs
        heads = keras.random.uniform((1, inputs.shape[-1]), seed=self.seeds) < 0.5
        return ops.where(heads, inputs, -inputs)


@keras.saving.register_keras_serializable(package="arch")
class EdgeAttention(keras.layers.Layer):
    """Attention of a node over its edges' sources and itself: `y[t] = concat_h(sum_s alpha[t, s, h] v[s]) W_o + b_o`.

    `(q, k, v) = x W + b` head by head, alpha[t, s, h] = softmax over s of q[t] . k[s] / sqrt(d), d = features / heads.
    An edge of weight w counts as w edges. (nodes, features) -> the same shape, behind edges (edges, 2) and weights
    (edges,). Weights: kernel (features, 3 features), bias (3 features), out_kernel (features, features), out_bias.

    Args:
        heads: parts that attend by themselves; they divide the features.
        dropout: share of attention weights dropped in training, in [0, 1).

    Source: Dwivedi and Bresson 2021, equations 8 to 10, with biases.
    """

    def __init__(self, heads: int, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads, self.dropout = heads, dropout
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        """Projections in and out."""
        features = input_shape[0][-1]
        require(features % self.heads == 0, "EdgeAttention", "features must be a multiple of heads", features)
        self.units = features // self.heads
        self.kernel = self.add_weight((features, 3 * features), "glorot_uniform", name="kernel")
        self.bias = self.add_weight((3 * features,), "zeros", name="bias")
        self.out_kernel = self.add_weight((features, features), "glorot_uniform", name="out_kernel")
        self.out_bias = self.add_weight((features,), "zeros", name="out_bias")

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """What each node takes from its neighbours."""
        x, edges, weights = inputs
        query, key, value = ops.split(x @ self.kernel + self.bias, 3, axis=-1)
        scores = self._meet(gather(query, edges[:, 1]), gather(key, edges[:, 0]))
        alpha, own = edge_softmax(scores, self._meet(query, key), edges, weights, ops.shape(x)[0])
        alpha, own = (self.drop(part, training=training) for part in (alpha, own))
        y = attend(alpha, own, self._split(value), edges)
        return ops.reshape(y, ops.shape(x)) @ self.out_kernel + self.out_bias

    def _meet(self, query: Any, key: Any) -> Any:
        return ops.sum(self._split(query * key), -1) / sqrt(self.units)

    def _split(self, x: Any) -> Any:
        return ops.reshape(x, (-1, self.heads, self.units))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The features' own shape."""
        return input_shape[0]

    def multiply_adds(self, input_shape: Any) -> int:
        """Of one node: its projections; the products depend on how many edges there are."""
        return 4 * input_shape[0][-1] ** 2

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        return {**super().get_config(), "heads": self.heads, "dropout": self.dropout}


def graph_transformer(
    inputs: Graph,
    *,
    width: int = 64,
    depth: int = 4,
    heads: int = 8,
    expansion: int = 2,
    positions: Literal["none", "laplacian", "random_walk"] = "none",
    dropout: float = 0.0,
    outputs: int = 0,
) -> keras.KerasTensor:
    """A transformer whose tokens are nodes and whose attention runs along edges.

    Blocks h = h + attention(norm(h)), h = h + W2 relu(W1 norm(h)), then one more norm.

    Args:
        inputs: a `Graph`, its features dense or words, with positions where they are asked for.
        width: features of a node, a multiple of heads.
        depth: blocks, at least 1.
        heads: parts that attend by themselves, at least 1.
        expansion: hidden units of a block's dense layers over width, at least 1.
        positions: what the graph's positions are: none, eigenvectors of its Laplacian, or odds of a walk's return.
        dropout: share dropped in training of features, attention weights and what each block adds, in [0, 1).
        outputs: logits of a dense layer on the last features, in float32; 0 ends with the features.

    Returns:
        (nodes, outputs), or (nodes, width) without outputs.

    Raises:
        ValueError: where an option cannot work, or the graph has no positions.

    Source: Dwivedi and Bresson 2021, "A generalization of transformer networks to graphs", section 2, with layer
        normalization before each part instead of behind it; walks of Dwivedi et al. 2022, equation 4.
    """
    who = "graph_transformer"
    require_graph(who, inputs, outputs, dropout)
    for option, value in (("width", width), ("depth", depth), ("heads", heads), ("expansion", expansion)):
        require_positive(who, option, value)
    require(width % heads == 0, who, f"width must be a multiple of heads ({heads})", width)
    require_one_of(who, "positions", positions, POSITIONS)
    require(positions == "none" or inputs.positions is not None, who, f"inputs must have {positions} positions", None)
    x = linear(drop(inputs.features, dropout, name="dropout"), width, name="embed")
    if positions != "none":
        x = keras.layers.Add(name="positions_add")([x, _embed_positions(inputs.positions, width, positions)])
    for index in range(depth):
        x = _block(x, inputs, heads, expansion, dropout, name=f"block{index}")
    x = keras.layers.LayerNormalization(epsilon=1e-5, name="norm")(x)
    return linear(x, outputs, name="outputs", dtype="float32") if outputs else x


def _embed_positions(x: Any, width: int, kind: str) -> keras.KerasTensor:
    x = RandomSigns(name="positions_signs")(x) if kind == "laplacian" else x
    return keras.layers.Dense(width, name="positions_embed")(x)


def _block(x: Any, graph: Graph, heads: int, expansion: int, dropout: float, *, name: str) -> keras.KerasTensor:
    y = keras.layers.LayerNormalization(epsilon=1e-5, name=f"{name}_norm1")(x)
    y = EdgeAttention(heads, dropout, name=f"{name}_attention")([y, graph.edges, graph.weights])
    x = keras.layers.Add(name=f"{name}_add1")([x, drop(y, dropout, name=f"{name}_dropout1")])
    y = keras.layers.LayerNormalization(epsilon=1e-5, name=f"{name}_norm2")(x)
    y = keras.layers.Dense(expansion * x.shape[-1], activation="relu", name=f"{name}_dense1")(y)
    y = keras.layers.Dense(x.shape[-1], name=f"{name}_dense2")(y)
    return keras.layers.Add(name=f"{name}_add2")([x, drop(y, dropout, name=f"{name}_dropout2")])
