"""From what networks and methods say to one forecast with intervals, in the units of the series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from arch.blocks import require, require_one_of, require_positive
from arch.forecast.seasonality import past

AVERAGES = ("median", "mean")


@keras.saving.register_keras_serializable(package="arch")
class Unscaled(keras.layers.Layer):
    """Members' scaled forecasts in the units of the series: `(y[n] + unit * f) * factor + shift`. No weights.

    f (batch, members * horizon), what `ScaledWindow` gave (batch, 2), factors and shifts of `Deseasonalise`
    (batch, horizon) -> (batch, members, horizon), float32.

    Args:
        horizon: steps of a forecast.
        **kwargs: as of `keras.layers.Layer`.
    """

    def __init__(self, horizon: int, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        require_positive("Unscaled", "horizon", horizon)
        self.horizon = horizon

    def call(self, inputs: Sequence[Any]) -> Any:
        """Scale, move, and give the seasons back."""
        scaled, by, factors, shifts = inputs
        members = ops.reshape(ops.cast(scaled, "float32"), (-1, scaled.shape[1] // self.horizon, self.horizon))
        values = by[:, None, :1] + by[:, None, 1:] * members
        return values * factors[:, None] + shifts[:, None]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, members, horizon)."""
        batch, size = input_shape[0]
        return (batch, size // self.horizon, self.horizon)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "horizon": self.horizon}


@keras.saving.register_keras_serializable(package="arch")
class Blend(keras.layers.Layer):
    """One forecast out of groups of them: `sum_g s_g average(y_g)`, the average over each group's own members.

    Tensors (batch, members, horizon), one a group -> (batch, horizon). No weights.

    Args:
        shares: s, one a group, together 1.
        average: of a group: the median, which a wild member does not move, or the mean.
        **kwargs: as of `keras.layers.Layer`.
    """

    def __init__(self, shares: Sequence[float], average: Literal["median", "mean"] = "median", **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        fair = bool(shares) and min(shares) >= 0 and abs(sum(shares) - 1) < 1e-6
        require(fair, "Blend", "shares must be 0 or more and sum to 1", tuple(shares))
        require_one_of("Blend", "average", average, AVERAGES)
        self.shares, self.average = tuple(map(float, shares)), average

    def call(self, inputs: Sequence[Any]) -> Any:
        """Average within groups, then over them."""
        over = ops.median if self.average == "median" else ops.mean
        return sum(share * over(group, axis=1) for share, group in zip(self.shares, inputs, strict=True))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, horizon)."""
        return (input_shape[0][0], input_shape[0][2])

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "shares": self.shares, "average": self.average}


@keras.saving.register_keras_serializable(package="arch")
class Intervals(keras.layers.Layer):
    """Quantiles about a forecast: `q_k = y + w_k + unit * offset_k`, sorted, beside the forecast itself.

    The forecast (batch, horizon), the unit of each history (batch, 1), and a head's own distances w (batch, horizon,
    quantiles) where there is a head -> (batch, horizon, 1 + quantiles). Weights: offset (horizon, quantiles), not
    trained but set by `calibrate` from forecasts that were not learnt from.

    Args:
        levels: of the quantiles, rising, within 0 and 1.
        **kwargs: as of `keras.layers.Layer`.
    """

    def __init__(self, levels: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        rising = bool(levels) and min(levels) > 0 and max(levels) < 1 and list(levels) == sorted(set(levels))
        require(rising, "Intervals", "levels must rise, above 0 and below 1", tuple(levels))
        self.levels = tuple(map(float, levels))

    def build(self, input_shape: Any) -> None:
        """The offsets, zero until they are set."""
        shape = (input_shape[0][1], len(self.levels))
        self.offset = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="offset")

    def call(self, inputs: Sequence[Any]) -> Any:
        """The forecast and its quantiles."""
        centre, unit, *widths = inputs
        quantiles = centre[..., None] + unit[:, None] * self.offset
        if widths:
            quantiles = quantiles + widths[0]
        return ops.concatenate([centre[..., None], ops.sort(quantiles, axis=-1)], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, horizon, 1 + quantiles)."""
        return (*input_shape[0], 1 + len(self.levels))

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "levels": self.levels}


@keras.saving.register_keras_serializable(package="arch")
class Unit(keras.layers.Layer):
    """How much a history moves from season to season: mean |y[t] - y[t - period]|, (batch, length) -> (batch, 1).

    Of a history that is no longer than a season, the mean change from one value to the next. No weights.

    Args:
        period: values of a season.
        **kwargs: as of `keras.layers.Layer`.
    """

    def __init__(self, period: int, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        require_positive("Unit", "period", period)
        self.period = period

    def call(self, inputs: Any) -> Any:
        """Mean absolute seasonal differences."""
        series = past(inputs)

        def change(lag: int) -> tuple[Any, Any]:
            pairs = series.there[:, lag:] * series.there[:, :-lag]
            apart = ops.abs(series.values[:, lag:] - series.values[:, :-lag]) * pairs
            total, count = (ops.sum(x, axis=1, keepdims=True) for x in (apart, pairs))
            return total / ops.maximum(count, 1.0), count

        near, _ = change(1)
        if inputs.shape[1] <= self.period or self.period == 1:
            return near
        seasonal, known = change(self.period)
        return ops.where(known > 0, seasonal, near)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, 1)."""
        return (input_shape[0], 1)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "period": self.period}


def conformal_offsets(errors: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Offsets of `Intervals` that cover errors like these, by split-conformal prediction.

    Args:
        errors: (forecasts, horizon, levels) of what came less what was said for each level, in units of the history.
        levels: of the quantiles.

    Returns:
        (horizon, levels): for each level the order statistic that covers a new error with at least that chance (or, of
        a level below a half, at most), each step by itself. With fewer than 100 forecasts, steps share their errors,
        which are taken to grow with the square root of the step.

    Source: Vovk et al. 2005, chapter 2; Lei et al. 2018, section 2.2: the (n + 1)-th part.
    """
    steps = errors.shape[1]
    growth = np.sqrt(np.arange(1, steps + 1))[:, None] if len(errors) < 100 else np.ones((steps, 1))
    pool = errors / growth
    if len(errors) < 100:
        pool = np.broadcast_to(pool.reshape(-1, 1, len(levels)), (pool.shape[0] * steps, steps, len(levels)))
    ranked, count = np.sort(pool, axis=0), len(pool)
    rank = [np.ceil((count + 1) * q) if q >= 0.5 else np.floor((count + 1) * q) for q in levels]
    places = np.clip(np.array(rank, int) - 1, 0, count - 1)
    return np.stack([ranked[place, :, k] for k, place in enumerate(places)], axis=1) * growth
