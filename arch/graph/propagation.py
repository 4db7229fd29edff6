"""How features flow along edges: normalized adjacency matrices, and the product with one."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from arch.blocks import require_one_of
from arch.graph.inputs import Graph
from arch.kernels import segment_sum, sparse_product

NORMS = ("symmetric", "random_walk", "none")


@keras.saving.register_keras_serializable(package="arch")
class Normalize(keras.layers.Layer):
    """The adjacency matrix A[t, s] = sum of the weights of edges s -> t, normalized, with 1 on its diagonal if asked.

    `symmetric`: A[t, s] / sqrt(in[t] out[s]), in and out being sums over rows and columns: of a symmetric graph
    D^-1/2 A D^-1/2. `random_walk`: A[t, s] / in[t], so that rows sum to 1. `none`: A. With self loops A + I stands in
    place of A everywhere, so a loop among the edges counts besides. What would be divided by zero is zero.

    Inputs edges (edges, 2), weights (edges,) and nodes (nodes, ...); outputs the edges' entries (edges,) and what the
    self loops add to the diagonal (nodes,), in float32. No weights.

    Args:
        norm: `symmetric`, `random_walk` or `none`.
        self_loops: whether the identity is added.

    Source: Kipf and Welling 2017, section 2.2; of a directed graph the degrees at both ends of an edge are different
        ones, that of its target and that of its source.
    """

    def __init__(self, norm: str = "symmetric", self_loops: bool = True, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        require_one_of("Normalize", "norm", norm, NORMS)
        self.norm, self.self_loops = norm, self_loops

    def call(self, inputs: Any) -> tuple[Any, Any]:
        """Entries of the edges and of the diagonal."""
        edges, weights, nodes = inputs
        weights, count = ops.cast(weights, "float32"), ops.shape(nodes)[0]
        diagonal = ops.full((count,), float(self.self_loops), dtype="float32")
        if self.norm == "none":
            return weights, diagonal
        targets = edges[:, 1]
        into = segment_sum(weights, targets, count) + diagonal
        if self.norm == "random_walk":
            share = inverse(into)
            return weights * ops.take(share, targets), diagonal * share
        sources = edges[:, 0]
        to, out = ops.sqrt(inverse(into)), ops.sqrt(inverse(segment_sum(weights, sources, count) + diagonal))
        return weights * ops.take(to, targets) * ops.take(out, sources), diagonal * to * out

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, Any]:
        """(edges,) and (nodes,)."""
        return (input_shape[0][0],), (input_shape[2][0],)

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        return {**super().get_config(), "norm": self.norm, "self_loops": self.self_loops}


@keras.saving.register_keras_serializable(package="arch")
class Propagate(keras.layers.Layer):
    """One step along the edges: `y[t] = diagonal[t] x[t] + sum over edges s -> t of weight * x[s]`. No weights.

    Inputs x (nodes, features), edges (edges, 2), weights (edges,) and diagonal (nodes,), as `Normalize` gives them;
    output as x.
    """

    def call(self, inputs: Any) -> Any:
        """What a node has and what its sources send."""
        return step(*inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The features' own shape."""
        return input_shape[0]


@keras.saving.register_keras_serializable(package="arch")
class Bias(keras.layers.Layer):
    """`y = x + b`, for products whose bias comes after a step along the edges. Weights: bias (features,), zeros."""

    def build(self, input_shape: Any) -> None:
        """One number a feature."""
        self.bias = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        """The bias on every row."""
        return inputs + self.bias


def step(x: Any, edges: Any, weights: Any, diagonal: Any) -> Any:
    """A normalized adjacency matrix times x (nodes, features)."""
    return sparse_product(edges, weights, x, ops.shape(x)[0], transposed=True) + diagonal[:, None] * x


def inverse(x: Any) -> Any:
    """1 / x, and 0 where x is not positive."""
    positive = x > 0
    return ops.where(positive, 1.0 / ops.where(positive, x, 1.0), 0.0)


def normalize(graph: Graph, norm: str, self_loops: bool, *, name: str = "normalize") -> list[Any]:
    """The arguments of `Propagate` behind x: edges, their normalized weights, and the diagonal."""
    weights, diagonal = Normalize(norm, self_loops, name=name)([graph.edges, graph.weights, graph.nodes])
    return [graph.edges, weights, diagonal]
