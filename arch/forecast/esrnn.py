"""The network of ES-RNN: residual LSTMs whose states skip ahead, over windows without level and seasons."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from arch.blocks import require_positive
from arch.forecast.members import require_windows


@keras.saving.register_keras_serializable(package="arch")
class SkippingLSTM(keras.layers.LSTM):
    """An LSTM whose state comes from d positions before: (batch, length, n) -> (batch, length, units).

    It is one LSTM over d sequences, each of every d-th position; zeros stand in front where the length is no multiple
    of d. Weights are those of `keras.layers.LSTM`; masks are not read.

    Args:
        units: features of the state.
        dilation: d.
        **kwargs: as of `keras.layers.LSTM`; sequences are always returned.
    """

    def __init__(self, units: int, dilation: int = 1, **kwargs: Any) -> None:
        super().__init__(units, **{**kwargs, "return_sequences": True})
        require_positive("SkippingLSTM", "dilation", dilation)
        self.dilation = dilation

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        """Take apart, run, put together."""
        length, size = sequences.shape[1:]
        front, skip = -length % self.dilation, self.dilation
        steps = (length + front) // skip
        x = ops.reshape(ops.pad(sequences, ((0, 0), (front, 0), (0, 0))), (-1, steps, skip, size))
        y = super().call(ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, steps, size)), training=training)
        y = ops.transpose(ops.reshape(y, (-1, skip, steps, self.units)), (0, 2, 1, 3))
        return ops.reshape(y, (-1, length + front, self.units))[:, front:]

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
        y = SkippingLSTM(units, dilation, name=f"layer{index}_lstm")(x)
        x = keras.layers.Add(name=f"layer{index}_add")([x, y])
    return keras.layers.Dense(horizon, name="forecast")(x[:, -1])
