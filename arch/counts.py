"""Multiply-adds of one layer, from shapes: a table of Keras' classes, each with a rule."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import keras

from arch.uses import Shape, Tensor, Use

CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
)
_SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)


def multiply_adds(use: Use) -> int | None:
    """Multiply-adds of one use of a layer or operation, for one example.

    Returns:
        the count; 0 for what holds no matrix; None where a matrix is held and no rule says how it is used.
    """
    own = getattr(use.layer, "multiply_adds", None)
    if own is not None:
        return int(own(use.shapes[0] if len(use.shapes) == 1 else use.shapes))
    if isinstance(use.layer, keras.layers.Embedding):
        return 0  # a matrix, but rows are looked up and nothing is multiplied
    for kinds, rule in _RULES:
        if isinstance(use.layer, kinds):
            return rule(use)
    if type(use.layer).__name__ in ("Matmul", "Einsum"):
        return _product(use)
    return None if any(len(weight.shape) > 1 for weight in use.weights("trainable_weights")) else 0


def _convolution(use: Use) -> int:
    """Every weight once at every output position; the kernel's shape already knows groups and depthwise."""
    return prod(use.output[1:-1]) * prod(use.layer.kernel.shape)


def _transposed(use: Use) -> int:
    return prod(use.shapes[0][1:-1]) * prod(use.layer.kernel.shape)


def _separable(use: Use) -> int:
    return prod(use.output[1:-1]) * (prod(use.layer.depthwise_kernel.shape) + prod(use.layer.pointwise_kernel.shape))


def _einsum_dense(use: Use) -> int | None:
    return _einsum(use.layer.equation, [use.shapes[0], tuple(use.layer.kernel.shape)])


def _einsum(equation: str, shapes: list[Shape]) -> int | None:
    """The product of the sizes of all letters, the batch being 1; None where an ellipsis hides some."""
    if "." in equation:
        return None
    terms = equation.replace(" ", "").split("->")[0].split(",")
    sizes = {letter: size for term, shape in zip(terms, shapes, strict=True) for letter, size in zip(term, shape)}  # noqa: B905
    return prod(size or 1 for size in sizes.values())


def _product(use: Use) -> int | None:
    if type(use.layer).__name__ == "Einsum":
        return _einsum(use.layer.subscripts, use.shapes)
    return prod(use.output[1:]) * use.shapes[0][-1]


def _recurrent(use: Use) -> int | None:
    """Every matrix of the cell once at every step; cells with convolutions inside are not counted."""
    matrices = [weight for weight in use.layer.cell.trainable_weights if len(weight.shape) > 1]
    if any(len(matrix.shape) > 2 for matrix in matrices):
        return None
    # Keras' GRU keeps its two biases as a matrix (2, 3 * units).
    return use.shapes[0][1] * sum(prod(matrix.shape) for matrix in matrices if "bias" not in matrix.name)


def _cell(use: Use) -> int:
    """Every matrix once."""
    return sum(prod(weight.shape) for weight in use.weights("trainable_weights") if "bias" not in weight.name)


def _bidirectional(use: Use) -> int | None:
    ways = [multiply_adds(replace(use, layer=way)) for way in (use.layer.forward_layer, use.layer.backward_layer)]
    return None if None in ways else sum(way or 0 for way in ways)


def _time_distributed(use: Use) -> int | None:
    inputs, outputs = (tuple(_without_steps(tensor) for tensor in each) for each in (use.inputs, use.outputs))
    once = multiply_adds(replace(use, layer=use.layer.layer, inputs=inputs, outputs=outputs))
    return None if once is None else use.shapes[0][1] * once


def _without_steps(tensor: Tensor) -> Tensor:
    return replace(tensor, shape=(tensor.shape[0], *tensor.shape[2:]))


def _attention(use: Use) -> int:
    """Four projections and two products, queries against keys and weights against values."""
    query, value = use.shapes[:2]
    key = use.shapes[2] if len(use.shapes) > 2 else value
    queries, keys = prod(query[1:-1]), prod(value[1:-1])
    value_dim = use.layer.value_dim or use.layer.key_dim
    into = queries * query[-1] * use.layer.key_dim + keys * (key[-1] * use.layer.key_dim + value[-1] * value_dim)
    products = queries * keys * (use.layer.key_dim + value_dim)
    return use.layer.num_heads * (into + products + queries * value_dim * use.output[-1])


_RULES: tuple[tuple[Any, Any], ...] = (
    (_SEPARABLE, _separable),
    (TRANSPOSED, _transposed),
    ((*CONVOLUTIONS, keras.layers.Dense), _convolution),
    (keras.layers.EinsumDense, _einsum_dense),
    (keras.layers.Bidirectional, _bidirectional),
    (keras.layers.TimeDistributed, _time_distributed),
    (keras.layers.RNN, _recurrent),
    ((keras.layers.GRUCell, keras.layers.LSTMCell, keras.layers.SimpleRNNCell), _cell),
    (keras.layers.MultiHeadAttention, _attention),
)
