"""Spectral filters: polynomials of the graph's Laplacian, which weigh how fast features change along edges."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops

from arch.blocks import activation, require, require_one_of, require_positive
from arch.graph.features import drop, linear
from arch.graph.inputs import Graph, require_graph
from arch.graph.propagation import Bias, normalize, step

BASES = ("chebyshev", "monomial")


@keras.saving.register_keras_serializable(package="arch")
class PolynomialFilter(keras.layers.Layer):
    """`y = sum over k of P_k(L) x_k`, L = I - D^-1/2 A D^-1/2 being the Laplacian, whose eigenvalues lie in [0, 2].

    `chebyshev`: P_k = T_k(L - I), T_0 = 1, T_1(l) = l, T_k(l) = 2 l T_k-1(l) - T_k-2(l); `monomial`: P_k = L^k. With
    x_k = c_k x this is p(L) x: an eigenvector of L with eigenvalue l is multiplied by p(l).

    Inputs x (nodes, (order + 1) * features), the parts x_k side by side, edges (edges, 2), weights (edges,) and
    diagonal (nodes,), symmetrically normalized without self loops; output (nodes, features). No weights.

    Args:
        order: the polynomial's degree, at least 0.
        basis: `chebyshev` or `monomial`.

    Source: Defferrard, Bresson and Vandergheynst 2016, section 2.1; computed by Clenshaw's and Horner's rules, which
        carry features and not powers along the edges.
    """

    def __init__(self, order: int, basis: str = "chebyshev", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_one_of("PolynomialFilter", "basis", basis, BASES)
        self.order, self.basis = order, basis

    def call(self, inputs: Any) -> Any:
        """The filtered features."""
        x, *adjacency = inputs
        *parts, last = ops.split(x, self.order + 1, axis=-1)
        rule = _clenshaw if self.basis == "chebyshev" else _horner
        return rule(parts, last, lambda z: step(z, *adjacency))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """(nodes, features)."""
        return (input_shape[0][0], input_shape[0][1] // (self.order + 1))

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        return {**super().get_config(), "order": self.order, "basis": self.basis}


def _clenshaw(parts: list[Any], last: Any, along: Any) -> Any:
    """`b_k = x_k + 2 M b_k+1 - b_k+2` down to k = 1, then `x_0 + M b_1 - b_2`, with M = L - I = -A."""
    now, before = last, None
    for index, part in reversed(list(enumerate(parts))):
        moved = part - (2.0 if index else 1.0) * along(now)
        now, before = moved if before is None else moved - before, now
    return now


def _horner(parts: list[Any], last: Any, along: Any) -> Any:
    """`x_0 + L (x_1 + L (x_2 + ...))`, with L z = z - A z."""
    now = last
    for part in reversed(parts):
        now = part + now - along(now)
    return now


def cheb(
    inputs: Graph,
    *,
    widths: tuple[int, ...] = (16,),
    order: int = 2,
    basis: Literal["chebyshev", "monomial"] = "chebyshev",
    outputs: int = 0,
    dropout: float = 0.0,
) -> keras.KerasTensor:
    """Spectral graph convolutions: layers h = relu(sum over k <= order of P_k(L) h W_k + b).

    Args:
        inputs: a `Graph`, symmetric, its features dense or words.
        widths: units of each hidden layer, one number a layer.
        order: degree of the polynomials, at least 0: how far a layer sees.
        basis: Chebyshev polynomials of L - I, or powers of L.
        outputs: logits of one more layer, without nonlinearity and in float32; 0 ends with the hidden features.
        dropout: share of each layer's inputs dropped in training, in [0, 1).

    Returns:
        (nodes, outputs), or (nodes, widths[-1]) without outputs.

    Raises:
        ValueError: where an option cannot work.

    Source: Defferrard, Bresson and Vandergheynst 2016, "Convolutional neural networks on graphs with fast localized
        spectral filtering", section 2.1, with 2 for the greatest eigenvalue, which it never exceeds.
    """
    require_graph("cheb", inputs, outputs, dropout)
    require_positive("cheb", "widths", widths)
    require(order >= 0, "cheb", "order must be at least 0", order)
    require_one_of("cheb", "basis", basis, BASES)
    adjacency = normalize(inputs, "symmetric", False)

    def layer(x: Any, units: int, name: str, **options: Any) -> keras.KerasTensor:
        x = drop(x, dropout, name=f"{name}_dropout")
        x = linear(x, units * (order + 1), use_bias=False, name=name, **options)
        x = PolynomialFilter(order, basis, name=f"{name}_filter", **options)([x, *adjacency])
        return Bias(name=f"{name}_bias", **options)(x)

    x: Any = inputs.features
    for index, units in enumerate(widths):
        x = activation(layer(x, units, f"layer{index}"), name=f"layer{index}_relu")
    return layer(x, outputs, "outputs", dtype="float32") if outputs else x
