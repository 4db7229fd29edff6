"""Heads of a forecaster that say how sure it is: distances of quantiles from the forecast, learnt from the window."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from arch.blocks import require_one_of, require_positive

SHAPES = ("free", "normal")


@keras.saving.register_keras_serializable(package="arch")
class Distances(keras.layers.Layer):
    """Distances of rising quantiles from the median, which never cross: (batch, steps * n) -> (batch, steps, levels).

    `free`: n numbers a step, one a level; distances are sums of softplus outwards from the median, so that they rise.
    `normal`: one number a step, the logarithm of a deviation, times the normal quantiles. No weights.

    Args:
        levels: of the quantiles, rising.
        steps: of the forecast.
        shape: of the distribution.
        **kwargs: as of `keras.layers.Layer`.
    """

    def __init__(
        self, levels: Sequence[float], steps: int, shape: Literal["free", "normal"] = "free", **kwargs: Any
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        require_positive("Distances", "steps", steps)
        require_one_of("Distances", "shape", shape, SHAPES)
        self.levels, self.steps, self.shape_ = tuple(levels), steps, shape

    def call(self, inputs: Any) -> Any:
        """Distances, negative below the median."""
        if self.shape_ == "normal":
            return ops.exp(inputs)[..., None] * normal_quantiles(self.levels)
        gaps = ops.softplus(ops.reshape(inputs, (-1, self.steps, len(self.levels))))
        below = sum(level < 0.5 for level in self.levels)
        lower, upper = gaps[..., :below], gaps[..., below:]
        if 0.5 in self.levels:
            upper = ops.concatenate([ops.zeros_like(upper[..., :1]), upper[..., 1:]], axis=-1)
        down = -ops.flip(ops.cumsum(ops.flip(lower, axis=-1), axis=-1), axis=-1)
        return ops.concatenate([down, ops.cumsum(upper, axis=-1)], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, steps, levels)."""
        return (input_shape[0], self.steps, len(self.levels))

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "levels": self.levels, "steps": self.steps, "shape": self.shape_}


def distances(
    window: keras.KerasTensor, levels: Sequence[float], horizon: int, shape: Literal["free", "normal"] = "free"
) -> keras.KerasTensor:
    """Distances of quantiles from a forecast, in units of the window: a small dense network of its own.

    Args:
        window: (batch, length, channels).
        levels: of the quantiles, rising.
        horizon: steps of the forecast.
        shape: `free` learns each quantile, `normal` one deviation a step.

    Returns:
        (batch, horizon, levels), rising along the last axis.
    """
    x = keras.layers.Flatten(name="spread_read")(window)
    x = keras.layers.Dense(64, activation="relu", name="spread_dense")(x)
    numbers = horizon * (len(levels) if shape == "free" else 1)
    x = keras.layers.Dense(numbers, dtype="float32", name="spread_numbers")(x)
    return Distances(levels, horizon, shape, name="spread")(x)


def normal_quantiles(levels: Sequence[float]) -> np.ndarray:
    """Quantiles of the standard normal distribution, float32."""
    return np.array([NormalDist().inv_cdf(level) for level in levels], "float32")


def pinball(targets: Any, quantiles: Any, levels: Sequence[float]) -> Any:
    """The quantile loss, twice the mean over steps and levels of max(q e, (q - 1) e) with e = y - quantile: (batch,).

    Args:
        targets: (batch, horizon).
        quantiles: (batch, horizon, levels).
        levels: q of each.
    """
    errors, level = targets[..., None] - quantiles, np.array(levels, "float32")
    return 2 * ops.mean(ops.maximum(level * errors, (level - 1) * errors), axis=(1, 2))
