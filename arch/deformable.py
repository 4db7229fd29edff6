"""Deformable convolutions: what belongs together is near, but where exactly depends on what is seen."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import keras
from keras import ops

from arch.blocks import (
    conv_norm,
    dropped,
    global_pool,
    max_pool,
    norm_relu,
    require,
    require_maps,
    require_positive,
    require_rate,
    unmask,
)


def deformable_cnn(
    inputs: keras.KerasTensor,
    *,
    widths: tuple[int, ...] = (32, 64, 128),
    deformed: int = 1,
    kernel_size: int = 3,
    dropout: float = 0.0,
) -> keras.KerasTensor:
    """Blocks of convolution, normalization, ReLU and max pooling, the last ones with deformable convolutions.

    Args:
        inputs: (batch, one to three spatial axes, channels).
        widths: filters of each block, one number a block.
        deformed: how many blocks, counted from the last, have deformable convolutions.
        kernel_size: positions that a kernel spans along every axis.
        dropout: share of values dropped behind each block, in [0, 1).

    Returns:
        (batch, widths[-1]): the average over all positions.

    Raises:
        ValueError: where an option cannot work, or the input is shorter than the total stride.

    Source: Dai et al. 2017, section 2.1; deformable convolutions stand last there too.
    """
    require_positive("deformable_cnn", "widths", widths)
    wanted = f"deformed must be at least 0 and at most the number of blocks ({len(widths)})"
    require(0 <= deformed <= len(widths), "deformable_cnn", wanted, deformed)
    require_positive("deformable_cnn", "kernel_size", kernel_size)
    require_rate("deformable_cnn", "dropout", dropout)
    require_maps("deformable_cnn", inputs, 2 ** (len(widths) - 1))
    x = unmask(inputs)
    for index, filters in enumerate(widths):
        name = f"block{index}"
        x = max_pool(x, 2, name=f"{name}_pool") if index else x
        if index < len(widths) - deformed:
            x = conv_norm(x, filters, kernel_size, name=name)
        else:
            x = norm_relu(DeformableConv(filters, kernel_size, name=f"{name}_conv")(x), name=name)
        x = dropped(x, dropout, name=f"{name}_dropout")
    return global_pool("deformable_cnn", x, "average")


@keras.saving.register_keras_serializable(package="arch")
class DeformableConv(keras.layers.Layer):
    """A convolution that moves each place of its kernel: y[p] = sum_k w[k] x(p + k + d[p, k]), d = conv(x).

    Between positions x is linearly interpolated along every axis, beyond the border it is zero. The offsets d start
    at zero, where the layer is an ordinary convolution with `padding="same"`, stride 1 and no bias. Weights: kernel
    (kernel_size a axis, channels, filters), offset_kernel (kernel_size a axis, channels, kernel_size ** rank * rank),
    offset_bias. (batch, spatial axes, channels) -> (batch, spatial axes, filters).

    Args:
        filters: channels to give.
        kernel_size: positions that a kernel spans along every axis.

    Source: Dai et al. 2017, equations 2 to 4.
    """

    def __init__(self, filters: int, kernel_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters, self.kernel_size = filters, kernel_size

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """A kernel, and a convolution that says where its places are."""
        rank, channels = len(input_shape) - 2, input_shape[-1]
        window, moves = (self.kernel_size,) * rank, self.kernel_size**rank * rank
        self.kernel = self.add_weight(shape=(*window, channels, self.filters), initializer="he_normal", name="kernel")
        self.offset_kernel = self.add_weight(
            shape=(*window, channels, moves), initializer="zeros", name="offset_kernel"
        )
        self.offset_bias = self.add_weight(shape=(moves,), initializer="zeros", name="offset_bias")

    def call(self, inputs: Any) -> Any:
        """Where to look, what is there, and the product with the kernel."""
        rank, sizes = len(inputs.shape) - 2, ops.shape(inputs)
        moves = ops.conv(inputs, self.offset_kernel, padding="same") + self.offset_bias
        moves = ops.reshape(ops.cast(moves, "float32"), (*sizes[:-1], self.kernel_size**rank, rank))
        seen = _interpolated(inputs, self._places(sizes[1:-1]) + moves)
        seen = ops.reshape(seen, (*sizes[:-1], self.kernel_size**rank * inputs.shape[-1]))
        return ops.matmul(seen, ops.reshape(self.kernel, (-1, self.filters)))

    def _places(self, sides: Any) -> Any:
        """Where the kernel's places are without offsets: (1, spatial axes, kernel places, rank)."""
        rank = len(sides)
        before = (self.kernel_size - 1) // 2
        steps = ops.convert_to_tensor(list(product(range(-before, self.kernel_size - before), repeat=rank)), "float32")
        axes = [ops.arange(side, dtype="float32") for side in sides]
        grid = ops.stack(ops.meshgrid(*axes, indexing="ij"), axis=-1)
        return grid[None, ..., None, :] + steps

    def multiply_adds(self, input_shape: tuple[int, ...]) -> int:
        """Of one example: both kernels once at every place; interpolation is not counted."""
        return prod(input_shape[1:-1]) * (prod(self.kernel.shape) + prod(self.offset_kernel.shape))

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """The input's axes."""
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        """The arguments beside Keras' own."""
        return {**super().get_config(), "filters": self.filters, "kernel_size": self.kernel_size}


def _interpolated(x: Any, places: Any) -> Any:
    """Values of x between its positions.

    Args:
        x: (batch, spatial axes, channels).
        places: (batch, ..., rank) in positions of x; whole numbers are the positions themselves.

    Returns:
        (batch, ..., channels): of the 2 ** rank positions around a place, each weighed by how near it is.
    """
    sides = ops.shape(x)[1:-1]
    low = ops.floor(places)
    part = places - low
    total = 0.0
    for corner in product((0, 1), repeat=len(sides)):
        position = ops.cast(low, "int32") + ops.convert_to_tensor(corner, "int32")
        near = ops.prod(ops.where(ops.convert_to_tensor(corner, "bool"), part, 1.0 - part), axis=-1)
        value, inside = _gathered(x, position, sides)
        total = total + value * ops.cast(near * inside, x.dtype)[..., None]
    return total


def _gathered(x: Any, position: Any, sides: Any) -> tuple[Any, Any]:
    """Values at whole positions (batch, ..., rank), and 1 or 0 for whether those exist."""
    rank = len(sides)
    limits = ops.convert_to_tensor(sides, "int32")
    inside = ops.all(ops.logical_and(position >= 0, position < limits), axis=-1)
    position = ops.clip(position, 0, limits - 1)
    row = ops.reshape(ops.arange(ops.shape(x)[0], dtype="int32"), (-1, *(1,) * (len(position.shape) - 2)))
    for axis in range(rank):
        row = row * sides[axis] + position[..., axis]
    return ops.take(ops.reshape(x, (-1, x.shape[-1])), row, axis=0), ops.cast(inside, "float32")
