"""Locally connected networks: what is near belongs together, but every place has patterns of its own."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import keras
from keras import ops

from arch.blocks import (
    activation,
    dropped,
    global_pool,
    require,
    require_maps,
    require_positive,
    require_rate,
    unmask,
)


def locally_connected(
    inputs: keras.KerasTensor,
    *,
    widths: tuple[int, ...] = (8, 16),
    kernel_size: int = 3,
    strides: int = 2,
    dropout: float = 0.0,
) -> keras.KerasTensor:
    """Convolutions without shared weights: local receptive fields, another kernel at every place, ReLU between.

    Args:
        inputs: (batch, one to three spatial axes of known sizes, channels).
        widths: filters at each place, one number a layer.
        kernel_size: positions that a kernel spans along every axis.
        strides: step along every axis, of every layer.
        dropout: share of values dropped behind each layer, in [0, 1).

    Returns:
        (batch, places of the last layer * widths[-1]): the flattened maps.

    Raises:
        ValueError: where an option cannot work, or a size of the input is not known.

    Source: LeCun 1989, "Generalization and network design strategies", net-3; Taigman et al. 2014, layers L4 to L6.
    """
    require_positive("locally_connected", "widths", widths)
    require_positive("locally_connected", "kernel_size", kernel_size)
    require_positive("locally_connected", "strides", strides)
    require_rate("locally_connected", "dropout", dropout)
    require_maps("locally_connected", inputs)
    require(None not in inputs.shape[1:], "locally_connected", "inputs must have known sizes", inputs.shape)
    x = unmask(inputs)
    for index, filters in enumerate(widths):
        x = LocallyConnected(filters, kernel_size, strides, name=f"local{index}")(x)
        x = activation(x, name=f"local{index}_relu")
        x = dropped(x, dropout, name=f"local{index}_dropout")
    return global_pool("locally_connected", x, "flatten")


@keras.saving.register_keras_serializable(package="arch")
class LocallyConnected(keras.layers.Layer):
    """A convolution whose kernel is another one at every place: y[p] = b[p] + sum_k x[strides p + k] w[p, k].

    What lies beyond the border is zero, as with `padding="same"`. Weights: kernel (places, kernel_size ** rank *
    channels, filters), bias (places, filters), places being the product of the spatial axes of y.
    (batch, spatial axes, channels) -> (batch, spatial axes / strides rounded up, filters).

    Args:
        filters: features at each place.
        kernel_size: positions that a kernel spans along every axis.
        strides: step along every axis.
    """

    def __init__(self, filters: int, kernel_size: int, strides: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.strides = filters, kernel_size, strides
        self.window = (kernel_size, strides)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """One kernel and one bias a place."""
        *sides, channels = input_shape[1:]
        require(None not in sides, "LocallyConnected", "inputs must have known sizes", input_shape)
        places, seen = prod(self._places(sides)), self.kernel_size ** len(sides) * channels
        # He's deviation for the inputs of one place; Keras' own would take the places for a part of them
        start = keras.initializers.TruncatedNormal(stddev=(2 / seen) ** 0.5)
        self.kernel = self.add_weight(shape=(places, seen, self.filters), initializer=start, name="kernel")
        self.bias = self.add_weight(shape=(places, self.filters), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        """A product a place."""
        sides = inputs.shape[1:-1]
        windows = ops.reshape(self._windows(inputs), (-1, *self.kernel.shape[:2]))
        y = ops.matmul(ops.transpose(windows, (1, 0, 2)), self.kernel) + self.bias[:, None]
        return ops.reshape(ops.transpose(y, (1, 0, 2)), (-1, *self._places(sides), self.filters))

    def _places(self, sides: Any) -> tuple[int, ...]:
        return tuple(-(-side // self.strides) for side in sides)

    def _windows(self, x: Any) -> Any:
        """(batch, spatial axes of y, kernel places * channels)."""
        sides = x.shape[1:-1]
        spans = [(places - 1) * self.strides + 1 for places in self._places(sides)]
        beyond = [max(span + self.kernel_size - 1 - side, 0) for span, side in zip(spans, sides, strict=True)]
        x = ops.pad(x, [(0, 0), *((size // 2, size - size // 2) for size in beyond), (0, 0)])
        shifted = [
            x[(slice(None), *(slice(i, i + span, self.strides) for i, span in zip(place, spans, strict=True)))]
            for place in product(range(self.kernel_size), repeat=len(sides))
        ]
        return ops.concatenate(shifted, axis=-1)

    def multiply_adds(self, input_shape: tuple[int, ...]) -> int:
        """Of one example: every weight once."""
        return prod(self.kernel.shape)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Axes divided by the stride and rounded up."""
        return (input_shape[0], *self._places(input_shape[1:-1]), self.filters)

    def get_config(self) -> dict[str, Any]:
        """The arguments beside Keras' own."""
        own = {"filters": self.filters, "kernel_size": self.kernel_size, "strides": self.strides}
        return {**super().get_config(), **own}
