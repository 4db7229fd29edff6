"""Several networks of one shape side by side: one product for all of them, weights of their own."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from arch.blocks import require, require_positive


@keras.saving.register_keras_serializable(package="arch")
class MemberDense(keras.layers.Layer):
    """A dense layer for each member: `y[m] = f(x[m] W[m] + b[m])`, (batch, members, in) -> (batch, members, units).

    Weights: kernel (members, in, units), bias (members, units).

    Args:
        units: outputs of each member.
        activation: Keras name of f.
        **kwargs: as of `keras.layers.Layer`.
    """

    def __init__(self, units: int, activation: str = "linear", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_positive("MemberDense", "units", units)
        self.units, self.activation = units, activation

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Draw each member's weights as if it were alone."""
        _, members, size = input_shape
        limit = float(np.sqrt(6 / (size + self.units)))  # Glorot's, which Keras would take over all members
        start = keras.initializers.RandomUniform(-limit, limit)
        self.kernel = self.add_weight(shape=(members, size, self.units), initializer=start, name="kernel")
        self.bias = self.add_weight(shape=(members, self.units), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        """One batched product."""
        products = ops.matmul(ops.transpose(inputs, (1, 0, 2)), self.kernel)
        return keras.activations.get(self.activation)(ops.transpose(products, (1, 0, 2)) + self.bias)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """(batch, members, units)."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "units": self.units, "activation": self.activation}

    def multiply_adds(self, input_shape: tuple[int, ...]) -> int:
        """Of one row: a product for each weight."""
        return input_shape[1] * input_shape[2] * self.units


@keras.saving.register_keras_serializable(package="arch")
class Spread(keras.layers.Layer):
    """A copy of each row for every member: (batch, n) -> (batch, members, n). No weights.

    Where `seen` is given, a member's copy holds the last so many values alone, the others are zero; members take the
    numbers in turn.

    Args:
        members: copies.
        seen: values at the end that each member sees; empty for all.
        **kwargs: as of `keras.layers.Layer`.
    """

    def __init__(self, members: int, seen: tuple[int, ...] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.members, self.seen = members, tuple(seen)

    def call(self, inputs: Any) -> Any:
        """Copies with what is too far back left out."""
        size = inputs.shape[1]
        reach = np.array([self.seen[m % len(self.seen)] if self.seen else size for m in range(self.members)])
        mask = np.arange(size) >= size - reach[:, None]
        return inputs[:, None] * ops.cast(ops.convert_to_tensor(mask), inputs.dtype)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """(batch, members, n)."""
        return (input_shape[0], self.members, input_shape[1])

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "members": self.members, "seen": self.seen}


class Windows(NamedTuple):
    """Windows as members read them.

    Attributes:
        series: (batch, members, length), zero where a member does not look back so far.
        others: (batch, members, n), the further channels of all positions; None where there are none.
    """

    series: Any
    others: Any

    def read(self, series: Any, name: str) -> Any:
        """What a block reads: a series, or what is left of it, beside the further channels."""
        if self.others is None:
            return series
        return keras.layers.Concatenate(name=f"{name}_read")([series, self.others])


def windows(who: str, inputs: Any, members: int, lookbacks: tuple[int, ...]) -> Windows:
    """The windows (batch, length, channels) of a forecaster, for each member; the first channel is the series.

    Raises:
        ValueError: where the input is no window, or a lookback is longer than it.
    """
    require_windows(who, inputs)
    require_positive(who, "members", members)
    length = inputs.shape[1]
    fits = all(1 <= seen <= length for seen in lookbacks)
    require(fits, who, f"lookbacks must be 1 to the window's {length}", lookbacks)
    series = Spread(members, tuple(lookbacks), name="series")(inputs[:, :, 0])
    if inputs.shape[2] == 1:
        return Windows(series, None)
    others = keras.layers.Flatten(name="others")(inputs[:, :, 1:])
    return Windows(series, Spread(members, name="others_spread")(others))


def dense_stack(x: Any, depth: int, width: int, name: str) -> Any:
    """Dense layers with ReLU, of each member its own."""
    for layer in range(depth):
        x = MemberDense(width, "relu", name=f"{name}_dense{layer}")(x)
    return x


def require_windows(who: str, inputs: Any) -> None:
    """Raise unless the input is (batch, length, channels) of known length: what forecasters read."""
    known = len(inputs.shape) == 3 and None not in inputs.shape[1:]
    require(known, who, "inputs must be (batch, length, channels) of known sizes", inputs.shape)
