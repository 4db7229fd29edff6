"""What stands between a raw history and a network: seasons taken out, values made comparable, and the way back."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops

from arch.blocks import require_one_of, require_positive
from arch.forecast.seasonality import adjusted, past

UNITS = ("level", "change")


@keras.saving.register_keras_serializable(package="arch")
class Deseasonalise(keras.layers.Layer):
    """Histories without their seasons, and what gives them back to a forecast. No weights.

    (batch, length) with NaN in front -> the same, and the factors and shifts of the steps to come, (batch, horizon).

    Args:
        period: values of a season; 1 leaves all as it is.
        horizon: steps to come.
        **kwargs: as of `keras.layers.Layer`.
    """

    def __init__(self, period: int, horizon: int, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        require_positive("Deseasonalise", "period", period)
        require_positive("Deseasonalise", "horizon", horizon)
        self.period, self.horizon = period, horizon

    def call(self, inputs: Any) -> tuple[Any, Any, Any]:
        """Adjust, see `arch.forecast.seasonality.adjusted`."""
        series, factors, shifts = adjusted(past(inputs), self.period, self.horizon)
        return ops.where(series.there > 0, series.values, inputs), factors, shifts

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the input, and twice (batch, horizon)."""
        ahead = (input_shape[0], self.horizon)
        return tuple(input_shape), ahead, ahead

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "period": self.period, "horizon": self.horizon}


@keras.saving.register_keras_serializable(package="arch")
class ScaledWindow(keras.layers.Layer):
    """The newest values of a history as a network reads them: `(y[t] - y[n]) / unit`, and where there is a value.

    (batch, length) with NaN in front -> (batch, window, 3): scaled values (the first one in front of a shorter
    history), 1 where there is one, and the logarithm of how much the series moves, relative to its level; and
    (batch, 2): the last value and the unit. A series that does not move has the unit 0. No weights.

    Args:
        window: values to read.
        unit: "level" divides by the mean absolute value, "change" by the mean absolute change.
        **kwargs: as of `keras.layers.Layer`.
    """

    def __init__(self, window: int, unit: Literal["level", "change"] = "level", **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        require_positive("ScaledWindow", "window", window)
        require_one_of("ScaledWindow", "unit", unit, UNITS)
        self.window, self.unit = window, unit

    def call(self, inputs: Any) -> tuple[Any, Any]:
        """Cut, scale, and say by what."""
        short = self.window - inputs.shape[1]
        if short > 0:
            inputs = ops.pad(inputs, ((0, 0), (short, 0)), constant_values=float("nan"))
        values, there, count = past(inputs[:, -self.window :])
        last = values[:, -1:]
        level = ops.sum(ops.abs(values), axis=1, keepdims=True) / ops.maximum(count, 1.0)
        pairs = there[:, 1:] * there[:, :-1]
        change = ops.sum(ops.abs(values[:, 1:] - values[:, :-1]) * pairs, axis=1, keepdims=True)
        change = change / ops.maximum(count - 1, 1.0)
        unit = level if self.unit == "level" else change
        safe = ops.where(change > 0, unit, ops.ones_like(unit))
        first = ops.sum(values * (there - ops.pad(there[:, :-1], ((0, 0), (1, 0)))), axis=1, keepdims=True)
        scaled = (ops.where(there > 0, values, first) - last) / safe
        moves = ops.log(ops.clip(change / ops.where(level > 0, level, ops.ones_like(level)), 1e-4, 10.0))
        channels = [scaled, there, ops.zeros_like(scaled) + moves]
        return ops.stack(channels, axis=-1), ops.concatenate([last, ops.where(change > 0, unit, 0.0)], axis=1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, window, 3) and (batch, 2)."""
        return (input_shape[0], self.window, 3), (input_shape[0], 2)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "window": self.window, "unit": self.unit}
