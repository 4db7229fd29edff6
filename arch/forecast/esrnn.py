"""The network of ES-RNN: residual LSTMs whose states skip ahead, over windows without level and seasons."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from arch.blocks import require_positive
from arch.forecast.members import require_windows


@keras.saving.register_keras_serializable(package="arch")
class Interleave(keras.layers.Layer):
    """Every d-th position as a sequence of its own: (batch, length, n) -> (batch * d, length / d, n). No weights.

    The length must be a multiple of d. A recurrent layer between this and `Woven` carries its state over d positions.

    Args:
        dilation: d.
        **kwargs: as of `keras.layers.Layer`.
    """

    def __init__(self, dilation: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_positive("Interleave", "dilation", dilation)
        self.dilation = dilation

    def call(self, inputs: Any) -> Any:
        """Take apart."""
        length, size = inputs.shape[1:]
        parts = ops.reshape(inputs, (-1, length // self.dilation, self.dilation, size))
        return ops.reshape(ops.transpose(parts, (0, 2, 1, 3)), (-1, length // self.dilation, size))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch * d, length / d, n)."""
        return (None, input_shape[1] // self.dilation, input_shape[2])

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "dilation": self.dilation}


@keras.saving.register_keras_serializable(package="arch")
class Woven(keras.layers.Layer):
    """What `Interleave` took apart, in its order again: (batch * d, length / d, n) -> (batch, length, n). No weights.

    Args:
        dilation: d.
        **kwargs: as of `keras.layers.Layer`.
    """

    def __init__(self, dilation: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_positive("Woven", "dilation", dilation)
        self.dilation = dilation

    def call(self, inputs: Any) -> Any:
        """Put together."""
        length, size = inputs.shape[1:]
        parts = ops.reshape(inputs, (-1, self.dilation, length, size))
        return ops.reshape(ops.transpose(parts, (0, 2, 1, 3)), (-1, length * self.dilation, size))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, length, n)."""
        return (None, input_shape[1] * self.dilation, input_shape[2])

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "dilation": self.dilation}


def esrnn(
    inputs: keras.KerasTensor, *, horizon: int = 8, units: int = 40, dilations: tuple[int, ...] = (1, 2, 4, 8)
) -> keras.KerasTensor:
    """Dilated LSTMs with residual connections, read at the newest position.

    Args:
        inputs: (batch, length, channels), without level and seasons.
        horizon: steps to forecast, at least 1.
        units: features of each state, at least 1.
        dilations: positions that each layer's state skips, at least 1 each.

    Returns:
        (batch, horizon).

    Raises:
        ValueError: when an option is out of range.

    Source: Smyl 2020, A hybrid method of exponential smoothing and recurrent neural networks, section 3.2 (residual
        dilated LSTMs, Chang et al. 2017). Level and seasons are those of a decomposition before the network, not
        smoothing constants learnt for each series: the network can so forecast a series that it has never seen.
    """
    require_windows("esrnn", inputs)
    require_positive("esrnn", "horizon", horizon)
    require_positive("esrnn", "units", units)
    require_positive("esrnn", "dilations", dilations)
    x = keras.layers.Dense(units, name="project")(inputs)
    for index, dilation in enumerate(dilations):
        name = f"layer{index}"
        front = -x.shape[1] % dilation
        y = keras.layers.ZeroPadding1D((front, 0), name=f"{name}_front")(x) if front else x
        y = Interleave(dilation, name=f"{name}_apart")(y)
        y = keras.layers.LSTM(units, return_sequences=True, name=f"{name}_lstm")(y)
        y = Woven(dilation, name=f"{name}_woven")(y)
        x = keras.layers.Add(name=f"{name}_add")([x, y[:, front:]])
    return keras.layers.Dense(horizon, name="forecast")(x[:, -1])
