"""Linear forecasters: one matrix from the past to the future, of the series or of its trend and the rest."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from arch.blocks import require_positive
from arch.forecast.members import require_windows


@keras.saving.register_keras_serializable(package="arch")
class Trend(keras.layers.Layer):
    """The centred moving average of a series, its ends repeated beyond it: (batch, length) -> the same. No weights.

    Args:
        kernel_size: values that are averaged.
        **kwargs: as of `keras.layers.Layer`.
    """

    def __init__(self, kernel_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_positive("Trend", "kernel_size", kernel_size)
        self.kernel_size = kernel_size

    def call(self, inputs: Any) -> Any:
        """One product with the averages' weights."""
        length, before = inputs.shape[1], (self.kernel_size - 1) // 2
        table = np.zeros((length, length), "float32")
        for place in range(length):
            for step in range(self.kernel_size):
                table[np.clip(place - before + step, 0, length - 1), place] += 1 / self.kernel_size
        return ops.matmul(inputs, ops.cast(ops.convert_to_tensor(table), inputs.dtype))

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "kernel_size": self.kernel_size}


def dlinear(inputs: keras.KerasTensor, *, horizon: int = 8, kernel_size: int = 25) -> keras.KerasTensor:
    """A matrix for the trend of the window and one for the rest, added.

    Args:
        inputs: (batch, length, channels); the first channel is the series, the others are not read.
        horizon: steps to forecast, at least 1.
        kernel_size: values of the moving average that is the trend, at least 1.

    Returns:
        (batch, horizon).

    Raises:
        ValueError: when an option is out of range.

    Source: Zeng et al. 2023, Are transformers effective for time series forecasting, section 4.1. Matrices start near
        the mean of the window.
    """
    require_windows("dlinear", inputs)
    require_positive("dlinear", "horizon", horizon)
    require_positive("dlinear", "kernel_size", kernel_size)
    series = inputs[:, :, 0]
    trend = Trend(kernel_size, name="trend")(series)
    rest = keras.layers.Subtract(name="rest")([series, trend])
    parts = [
        keras.layers.Dense(horizon, kernel_initializer=_mean(series), name=f"{name}_linear")(part)
        for name, part in (("trend", trend), ("rest", rest))
    ]
    return keras.layers.Add(name="sum")(parts)


def nlinear(inputs: keras.KerasTensor, *, horizon: int = 8) -> keras.KerasTensor:
    """One matrix from the window less its last value to the forecast less that value.

    Args:
        inputs: (batch, length, channels); the first channel is the series, the others are not read.
        horizon: steps to forecast, at least 1.

    Returns:
        (batch, horizon).

    Raises:
        ValueError: when an option is out of range.

    Source: Zeng et al. 2023, Are transformers effective for time series forecasting, section 4.1. The matrix starts
        near zero, so that the first forecast is the last value again and again.
    """
    require_windows("nlinear", inputs)
    require_positive("nlinear", "horizon", horizon)
    series = inputs[:, :, 0]
    last = series[:, -1:]
    near = keras.initializers.RandomNormal(0.0, 0.1 / series.shape[1])
    forecast = keras.layers.Dense(horizon, kernel_initializer=near, name="linear")(series - last)
    return forecast - (-last)  # a sum would be taken for that with a bias where a batch has as many rows as steps


def _mean(series: Any) -> keras.initializers.Initializer:
    """Weights near those of the mean of a window."""
    share = 1 / series.shape[1]
    return keras.initializers.RandomNormal(share, 0.1 * share)
