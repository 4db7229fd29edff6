"""Covariates of a forecaster: what else is known, read by a network of its own that corrects each step ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from arch.blocks import require, require_positive

KINDS = ("past", "future", "static")


@keras.saving.register_keras_serializable(package="arch")
class Standardised(keras.layers.Layer):
    """Columns in units of their spread, `(x - mean) / deviation`; what is missing or not published is 0. No weights.

    Args:
        mean: of each column.
        deviation: of each column, above 0.
        lags: of each column, how many of the newest positions are taken for missing; empty for none.
        **kwargs: as of `keras.layers.Layer`.
    """

    def __init__(
        self, mean: Sequence[float], deviation: Sequence[float], lags: Sequence[int] = (), **kwargs: Any
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        require(len(mean) == len(deviation), "Standardised", f"deviation must be {len(mean)} numbers", deviation)
        require(min(deviation) > 0, "Standardised", "deviation must be positive", deviation)
        self.mean, self.deviation, self.lags = tuple(mean), tuple(deviation), tuple(lags)

    def call(self, inputs: Any) -> Any:
        """Centre, scale, and hide."""
        there = ops.isfinite(inputs)
        if any(self.lags):
            length = inputs.shape[1]
            there = there & (np.arange(length)[:, None] < length - np.array(self.lags))
        scaled = (inputs - np.array(self.mean, "float32")) / np.array(self.deviation, "float32")
        return ops.where(there, scaled, ops.zeros_like(scaled))

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        own = {"mean": self.mean, "deviation": self.deviation, "lags": self.lags}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="arch")
class Seasons(keras.layers.Layer):
    """Which season each step is in, as zeros and a one: (batch,) that of step 0 -> (batch, steps, period). No weights.

    Args:
        period: seasons.
        steps: from step `first` on.
        first: may be negative, for steps that lie before.
        **kwargs: as of `keras.layers.Layer`.
    """

    def __init__(self, period: int, steps: int, first: int = 0, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        require_positive("Seasons", "period", period)
        require_positive("Seasons", "steps", steps)
        self.period, self.steps, self.first = period, steps, first

    def call(self, inputs: Any) -> Any:
        """Count on."""
        step = np.arange(self.first, self.first + self.steps, dtype="float32")
        counted = ops.mod(ops.cast(inputs, "float32")[:, None] + step, self.period)
        return ops.cast(ops.equal(counted[..., None], np.arange(self.period, dtype="float32")), "float32")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, steps, period)."""
        return (input_shape[0], self.steps, self.period)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "period": self.period, "steps": self.steps, "first": self.first}


def correction(
    window: keras.KerasTensor, covariates: Mapping[str, keras.KerasTensor], *, horizon: int = 8, width: int = 32
) -> keras.KerasTensor:
    """What covariates change in a forecast: one small network for every step, zero until it has learnt.

    Each step reads the future covariates of its own date beside a summary of the window, of all covariates there and
    of what is static. The network is the same at every step, so that what a covariate does is learnt from all of them.

    Args:
        window: (batch, length, channels), what the forecaster reads.
        covariates: by kind, scaled: `past` (batch, length, n), `future` (batch, length + horizon, n), `static` (batch,
            n); one at least.
        horizon: steps to forecast, at least 1.
        width: units of its layers, at least 1.

    Returns:
        (batch, horizon), to be added to a forecast in the window's units.

    Raises:
        ValueError: when an option is out of range, or there are no covariates.

    Source: Das et al. 2023, Long-term forecasting with TiDE, section 4: dense encoder and a decoder for each step that
        reads its covariates; one layer each, the residual path to the forecast is the forecaster itself.
    """
    require_positive("correction", "horizon", horizon)
    require_positive("correction", "width", width)
    known = {kind: covariates[kind] for kind in KINDS if kind in covariates}
    require(bool(known), "correction", f"covariates must be of {', '.join(KINDS)}", tuple(covariates))
    read = [keras.layers.Flatten(name="covariates_window")(window)]
    for kind, values in known.items():
        before = values[:, :-horizon] if kind == "future" else values
        read.append(keras.layers.Flatten(name=f"covariates_{kind}")(before))
    x = keras.layers.Concatenate(name="covariates_read")(read)
    x = keras.layers.Dense(width, activation="relu", name="covariates_encoder")(x)
    x = keras.layers.RepeatVector(horizon, name="covariates_summary")(x)
    if "future" in known:
        x = keras.layers.Concatenate(name="covariates_steps")([known["future"][:, -horizon:], x])
    x = keras.layers.Dense(width, activation="relu", name="covariates_decoder")(x)
    x = keras.layers.Dense(1, kernel_initializer="zeros", dtype="float32", name="covariates_effect")(x)
    return keras.layers.Flatten(name="covariates_correction")(x)
