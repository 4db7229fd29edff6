"""The first steps of every graph builder, for dense features and for words alike: dropout and a dense layer."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from arch.graph.inputs import Words
from arch.kernels import segment_sum, sparse_product


@keras.saving.register_keras_serializable(package="arch")
class WordsDense(keras.layers.Layer):
    """A dense layer on sparse features: `y[n] = activation(sum over words w of n of value * kernel[w] + bias)`.

    Inputs indices (nonzeros, 2), values (nonzeros,) and nodes (nodes,) as in `Words`; output (nodes, units). Weights:
    kernel (size, units), Glorot uniform, bias (units,) zeros. The same function as a dense layer on the full matrix.

    Args:
        units: outputs of a node.
        size: different words there can be.
        use_bias: whether a bias is added.
        activation: nonlinearity by its Keras name, or None.
    """

    def __init__(
        self, units: int, size: int, use_bias: bool = True, activation: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.size, self.use_bias, self.activation = units, size, use_bias, activation

    def build(self, input_shape: Any) -> None:
        """The dense layer's weights."""
        self.kernel = self.add_weight(shape=(self.size, self.units), initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias") if self.use_bias else None

    def call(self, inputs: Any) -> Any:
        """The rows of the kernel that a node's words name, added up."""
        indices, values, nodes = inputs
        kernel = ops.convert_to_tensor(self.kernel)
        y = sparse_product(indices, values, kernel, ops.shape(nodes)[0])
        y = y if self.bias is None else y + self.bias
        return keras.activations.get(self.activation)(y)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """(nodes, units)."""
        return (input_shape[2][0], self.units)

    def multiply_adds(self, input_shape: Any) -> int:
        """Of one node that has every word."""
        return self.size * self.units

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        names = ("units", "size", "use_bias", "activation")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="arch")
class DenseWords(keras.layers.Layer):
    """The full matrix of sparse features: `x[n, w] = sum of the values of (n, w)`. No weights.

    Inputs indices (nonzeros, 2), values (nonzeros,) and nodes (nodes,) as in `Words`; output (nodes, size).

    Args:
        size: different words there can be.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def call(self, inputs: Any) -> Any:
        """Zeros, but for the words that are there."""
        indices, values, nodes = inputs
        rows = ops.shape(nodes)[0]
        cells = segment_sum(values, indices[:, 0] * self.size + indices[:, 1], rows * self.size)
        return ops.reshape(cells, (rows, self.size))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """(nodes, size)."""
        return (input_shape[2][0], self.size)

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        return {**super().get_config(), "size": self.size}


def drop(features: Any, rate: float, *, name: str) -> Any:
    """Dropout on features; of words it falls on the non-zeros, which is the same and much less work."""
    if not rate:
        return features
    if isinstance(features, Words):
        return features._replace(values=drop(features.values, rate, name=name))
    return keras.layers.Dropout(rate, name=name)(features)


def linear(features: Any, units: int, *, name: str, use_bias: bool = True, **options: Any) -> keras.KerasTensor:
    """`y = x W + b` of dense features or of words: (nodes, units)."""
    if isinstance(features, Words):
        layer = WordsDense(units, features.size, use_bias=use_bias, name=name, **options)
        return layer([features.indices, features.values, features.nodes])
    return keras.layers.Dense(units, use_bias=use_bias, name=name, **options)(features)


def dense(features: Any, *, name: str) -> keras.KerasTensor:
    """The features as a matrix (nodes, features), for builders that need each of them."""
    if isinstance(features, Words):
        return DenseWords(features.size, name=name)([features.indices, features.values, features.nodes])
    return features
