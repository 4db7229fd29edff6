"""N-HiTS: stacks that read the past at several rates and forecast at as many, each interpolated to all steps."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from arch.blocks import require_positive
from arch.forecast.members import MemberDense, dense_stack, windows


@keras.saving.register_keras_serializable(package="arch")
class Interpolate(keras.layers.Layer):
    """Lines between evenly spaced values: (..., knots) -> (..., steps); a single knot is a constant. No weights.

    Args:
        steps: values to give.
        **kwargs: as of `keras.layers.Layer`.
    """

    def __init__(self, steps: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_positive("Interpolate", "steps", steps)
        self.steps = steps

    def call(self, inputs: Any) -> Any:
        """One product with the lines' weights."""
        knots = inputs.shape[-1]
        at = np.linspace(0, knots - 1, self.steps) if self.steps > 1 else np.array([knots - 1.0])
        table = np.maximum(0, 1 - np.abs(at - np.arange(knots)[:, None]))
        return ops.matmul(inputs, ops.cast(ops.convert_to_tensor(table), inputs.dtype))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(..., steps)."""
        return (*input_shape[:-1], self.steps)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "steps": self.steps}


@keras.saving.register_keras_serializable(package="arch")
class PoolValues(keras.layers.Layer):
    """The largest of each run of values, counted from the end: (batch, members, n) -> (batch, members, n / size).

    The first run may be shorter. No weights.

    Args:
        size: values of a run.
        **kwargs: as of `keras.layers.Layer`.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_positive("PoolValues", "size", size)
        self.size = size

    def call(self, inputs: Any) -> Any:
        """Pad in front with the first value, cut, take maxima."""
        members, length = inputs.shape[1:]
        runs = -(-length // self.size)
        front = ops.repeat(inputs[..., :1], runs * self.size - length, axis=-1)
        whole = ops.concatenate([front, inputs], axis=-1)
        return ops.max(ops.reshape(whole, (-1, members, runs, self.size)), axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, members, runs)."""
        return (*input_shape[:-1], -(-input_shape[-1] // self.size))

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "size": self.size}


def nhits(
    inputs: keras.KerasTensor,
    *,
    horizon: int = 8,
    pools: tuple[int, ...] = (4, 2, 1),
    width: int = 128,
    depth: int = 2,
    members: int = 1,
    lookbacks: tuple[int, ...] = (),
) -> keras.KerasTensor:
    """N-HiTS: doubly residual blocks from slow to fast, each pooled at its input and interpolated at its output.

    Args:
        inputs: (batch, length, channels); the first channel is the series, which backcasts explain.
        horizon: steps to forecast, at least 1.
        pools: of each block, how many values its input pools, and how many steps lie between its forecast's knots.
        width: units of each dense layer, at least 1.
        depth: dense layers of a block, at least 1.
        members: networks side by side, at least 1.
        lookbacks: newest values that each member sees, in turn; empty for the whole window.

    Returns:
        (batch, members * horizon): each member's forecast, one behind the other.

    Raises:
        ValueError: when an option is out of range, or a lookback longer than the window.

    Source: Challu et al. 2023, N-HiTS, section 3: max pooling, hierarchical interpolation (linear); one rate a block
        serves both.
    """
    who = "nhits"
    read = windows(who, inputs, members, lookbacks)
    sizes: dict[str, Any] = {"horizon": horizon, "pools": pools, "width": width, "depth": depth}
    for option, value in sizes.items():
        require_positive(who, option, value)
    left, length = read.series, inputs.shape[1]
    total: Any = None
    for index, pool in enumerate(pools):
        name = f"block{index}"
        pooled = PoolValues(pool, name=f"{name}_pool")(left)
        x = dense_stack(read.read(pooled, name), depth, width, name)
        forecast = _interpolated(x, horizon, pool, f"{name}_forecast")
        total = forecast if total is None else keras.layers.Add(name=f"{name}_sum")([total, forecast])
        if index < len(pools) - 1:
            backcast = _interpolated(x, length, pool, f"{name}_backcast")
            left = keras.layers.Subtract(name=f"{name}_left")([left, backcast])
    return keras.layers.Flatten(name="members")(total)


def _interpolated(x: Any, steps: int, pool: int, name: str) -> Any:
    knots = MemberDense(-(-steps // pool), name=f"{name}_knots")(x)
    return Interpolate(steps, name=name)(knots)
