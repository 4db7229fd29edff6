"""Filters that turn by any angle: circular harmonics, whose answer to a turned picture is the same answer with a phase.

A field of order m is a complex number at each place, which picks up a factor exp(i m t) when the picture turns by t.
Fields of n orders with c channels lie in (batch, height, width, n * 2 * c): by order, then real and imaginary part,
then channel. Magnitudes do not change, so nonlinearities act on them alone. The symmetry is exact for quarter turns;
for other angles it is as good as the grid holds the picture.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import keras
import numpy as np
from keras import ops

from arch.blocks import require, require_positive
from arch.planar_groups import require_kernel

_RING = 0.6  # width of a ring of a filter, in places


@cache
def _basis(size: int, frequency: int) -> np.ndarray:
    """Rings of radius 1, 2 ... times exp(i frequency angle), each of norm 1: (rings, size, size), complex."""
    y, x = np.mgrid[:size, :size] - size // 2
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    rings = [np.exp(-((radius - ring) ** 2) / (2 * _RING**2)) for ring in range(1, size // 2 + 1)]
    filters = np.array(rings) * np.exp(1j * frequency * angle) * (radius > 0)
    return filters / np.linalg.norm(filters, axis=(1, 2), keepdims=True)


@cache
def _filters(size: int, given: int, orders: int) -> np.ndarray:
    """What each real weight adds to a real kernel: (2, rings, given, orders, size, size, 2, 2).

    The first axis tells the real from the imaginary part of a weight, the last two tell parts of the input from parts
    of the output: a complex product is the matrix ((re, im), (-im, re)).
    """
    every = [[_basis(size, order - before) for order in range(orders)] for before in range(given)]
    bases = np.moveaxis(np.array(every), 2, 0)  # (rings, given, orders, size, size)
    both = np.stack([bases, 1j * bases])
    matrix = np.array([[both.real, both.imag], [-both.imag, both.real]])
    return np.moveaxis(matrix, (0, 1), (-2, -1)).astype("float32")


@keras.saving.register_keras_serializable(package="arch")
class SteerableConv2D(keras.layers.Layer):
    """Fields to fields: `y_m = sum_n conv(x_n, w_mn R(r) exp(i (m - n) a))`, r and a polar coordinates in the filter.

    The weights w are complex, one for each ring R of a filter; equal orders have one more for the middle. Borders are
    filled with zeros. Weights: rings (2, rings, given, channels, orders, filters), middle (2, common orders, channels,
    filters), the real part first; plain pictures, with no imaginary part, count as one order.
    (batch, height, width, given * 2 * channels) -> (batch, height, width, orders * 2 * filters).

    Args:
        filters: channels of each order that it gives.
        kernel_size: positions along height and width, equal and odd, at least 3, as one number or two.
        orders: orders that it gives, 0 to orders - 1.
        given: orders that it takes; 0 for plain pictures.

    Source: Worrall et al. 2017, "Harmonic networks: deep translation and rotation equivariance", section 4; Weiler et
    al. 2018 for rings of Gaussian profile.
    """

    def __init__(self, filters: int, kernel_size: Any, orders: int, given: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        who = "SteerableConv2D"
        sizes = tuple(kernel_size) if isinstance(kernel_size, tuple | list) else (kernel_size,) * 2
        require_positive(who, "filters", filters)
        require_positive(who, "orders", orders)
        require_kernel(who, sizes)
        require(sizes[0] >= 3, who, "kernel_size must be at least 3", sizes)
        require(given >= 0, who, "given must be at least 0", given)
        self.filters, self.kernel_size, self.orders, self.given = filters, sizes, orders, given
        self.window = (sizes[0], 1)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Complex weights with the variance of He's initialization."""
        parts = max(2 * self.given, 1)
        channels, left = divmod(input_shape[-1] or 0, parts)
        require(
            not left and channels > 0, "SteerableConv2D", f"channels must be a multiple of {parts}", input_shape[-1]
        )
        rings, given = self.kernel_size[0] // 2, max(self.given, 1)
        common = min(given, self.orders)
        deviation = (given * channels * (rings + 1)) ** -0.5

        def complex_weight(name: str, *shape: int) -> Any:
            normal = keras.initializers.RandomNormal(stddev=deviation)
            return self.add_weight(shape=(2, *shape, self.filters), initializer=normal, name=name)

        self.rings = complex_weight("rings", rings, given, channels, self.orders)
        self.middle = complex_weight("middle", common, channels)

    def call(self, inputs: Any) -> Any:
        """One plain convolution with the kernel that the weights make."""
        return ops.conv(inputs, self._kernel(), padding="same")

    def _kernel(self) -> Any:
        """(size, size, given * 2 * channels, orders * 2 * filters); of plain pictures only the real part is there."""
        size, given = self.kernel_size[0], max(self.given, 1)
        basis = ops.cast(_filters(size, given, self.orders), self.compute_dtype)
        kernel = ops.einsum("qjncmd,qjnmyxps->yxnpcmsd", self.rings, basis)
        kernel += ops.pad(self._at_the_middle(), [(size // 2, size // 2)] * 2 + [(0, 0)] * 6)
        kernel = kernel if self.given else kernel[:, :, :, :1]
        return ops.reshape(kernel, (size, size, -1, self.orders * 2 * self.filters))

    def _at_the_middle(self) -> Any:
        """The weights of equal orders as a kernel of one place: (1, 1, given, 2, channels, orders, 2, filters)."""
        same = np.eye(max(self.given, 1), self.orders)[: self.middle.shape[1]]
        turn = np.array([[[1, 0], [0, 1]], [[0, 1], [-1, 0]]])  # a real, and an imaginary, number as a matrix
        parts = ops.cast(np.einsum("nm,qps->qnmps", same, turn), self.compute_dtype)
        found = ops.einsum("qncd,qnmps->npcmsd", self.middle, parts)
        rest = max(self.given, 1) - self.middle.shape[1]
        return ops.pad(found, [(0, rest)] + [(0, 0)] * 5)[None, None]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The same places."""
        return (*input_shape[:-1], self.orders * 2 * self.filters)

    def multiply_adds(self, input_shape: tuple[int, ...]) -> int:
        """Of the plain convolution."""
        return (
            input_shape[1]
            * input_shape[2]
            * self.kernel_size[0] ** 2
            * input_shape[-1]
            * self.orders
            * 2
            * self.filters
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        own = ("filters", "kernel_size", "orders", "given")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


@keras.saving.register_keras_serializable(package="arch")
class Magnitudes(keras.layers.Layer):
    """The sizes of complex fields, `y = sqrt(re^2 + im^2 + 1e-6)`, which do not change when the picture turns.

    No weights. (batch, height, width, orders * 2 * channels) -> (batch, height, width, orders * channels).

    Args:
        orders: orders of the fields.
    """

    window = (1, 1)

    def __init__(self, orders: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_positive("Magnitudes", "orders", orders)
        self.orders = orders

    def call(self, inputs: Any) -> Any:
        """The root of the sum of squares of both parts."""
        batch, height, width, channels = ops.shape(inputs)
        parts = ops.reshape(inputs, (batch, height, width, self.orders, 2, channels // (2 * self.orders)))
        return ops.reshape(ops.sqrt(ops.sum(ops.square(parts), axis=-2) + 1e-6), (batch, height, width, channels // 2))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Half of the channels."""
        return (*input_shape[:-1], (input_shape[-1] or 0) // 2)

    def get_config(self) -> dict[str, Any]:
        """The argument of this layer."""
        return {**super().get_config(), "orders": self.orders}


@keras.saving.register_keras_serializable(package="arch")
class Remodulate(keras.layers.Layer):
    """Complex fields with other magnitudes and the phases that they had: `y = x * new / old`. No weights.

    [fields (batch, height, width, orders * 2 * channels), their magnitudes, new magnitudes (batch, height, width,
    orders * channels)] -> the fields' shape.

    Args:
        orders: orders of the fields.
    """

    window = (1, 1)

    def __init__(self, orders: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_positive("Remodulate", "orders", orders)
        self.orders = orders

    def call(self, inputs: Any) -> Any:
        """Scale both parts alike."""
        fields, old, new = inputs
        batch, height, width, channels = ops.shape(fields)
        apart = (batch, height, width, self.orders, -1, channels // (2 * self.orders))
        return ops.reshape(ops.reshape(fields, apart) * ops.reshape(new / old, apart), (batch, height, width, channels))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the fields."""
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """The argument of this layer."""
        return {**super().get_config(), "orders": self.orders}
