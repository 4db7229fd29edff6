"""Statistical forecasts as a layer without weights: whole batches at once, constants chosen from grids."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from arch.blocks import require, require_positive
from arch.forecast.seasonality import Past, adjusted, past
from arch.forecast.smoothing import Filters, damped, filters, least_squares, of_chosen, simple, smooth

RATES = (0.01, *np.arange(0.05, 1.0, 0.05).round(2), 0.99)
TRENDS = tuple(itertools.product((0.1, 0.3, 0.5, 0.8, 0.99), (0.01, 0.1, 0.4), (0.8, 0.9, 0.97)))


def naive(series: Past, horizon: int, period: int) -> Any:
    """The last value, again and again."""
    return ops.tile(series.values[:, -1:], (1, horizon))


def seasonal_naive(series: Past, horizon: int, period: int) -> Any:
    """The last season, again and again; the last value where a history is shorter than a season."""
    length = series.values.shape[1]
    if length < period:
        return naive(series, horizon, period)
    values = ops.take(series.values, length - period + np.arange(horizon) % period, axis=1)
    return ops.where(series.count >= period, values, naive(series, horizon, period))


def drift(series: Past, horizon: int, period: int) -> Any:
    """The last value, and as much more at each step as the history has risen on average."""
    first = ops.sum(series.values * _first(series), axis=1, keepdims=True)
    slope = (series.values[:, -1:] - first) / ops.maximum(series.count - 1, 1.0)
    return series.values[:, -1:] + slope * np.arange(1, horizon + 1, dtype="float32")


def theta(series: Past, horizon: int, period: int) -> Any:
    """Simple exponential smoothing with half the slope of a line through the history.

    Source: Assimakopoulos and Nikolopoulos 2000, in the form of Hyndman and Billah 2003, equation 6; the rate is the
        best of a grid, the initial level the one that fits best with it.
    """
    fit = smooth(series, _simple_grid(series, horizon))
    rate = ops.take(np.array(RATES, "float32"), fit.chosen)[:, None]
    reached = (1 - ops.power(1 - rate, series.count)) / rate
    return fit.forecasts + line(series)[1] / 2 * (np.arange(horizon, dtype="float32") + reached)


def ses(series: Past, horizon: int, period: int) -> Any:
    """Simple exponential smoothing. Source: Brown 1956."""
    return smooth(series, _simple_grid(series, horizon)).forecasts


def damped_trend(series: Past, horizon: int, period: int) -> Any:
    """A level and a slope that fades. Source: Gardner and McKenzie 1985; constants from a grid."""
    grid = filters([damped(*constants) for constants in TRENDS], series.values.shape[1], horizon)
    return smooth(series, grid).forecasts


def dynamic_theta(series: Past, horizon: int, period: int) -> Any:
    """The dynamic optimised theta model.

    y[t] = l[t-1] + c (q^(t-1) A[t-1] + (1 - q^t) / a B[t-1]), l[t] = a y[t] + q l[t-1], with q = 1 - a,
    c = 1 - 1 / theta, and A, B the line through the first t - 1 values. For each a of a grid, the best l[0] and c are
    those of a linear regression.

    Source: Fiorucci et al. 2016, Models for optimising the theta method, equations 15 to 19; theta >= 1.
    """
    grid = _simple_grid(series, horizon)
    rates = np.array(RATES, "float32")[:, None]
    time = ops.cumsum(series.there, axis=1) * series.there
    intercepts, slopes = running_lines(series, time)
    before = [ops.pad(x[:, :-1], ((0, 0), (1, 0)))[:, None] for x in (intercepts, slopes)]
    now = time[:, None]
    trend = (
        ops.power(1 - rates, ops.maximum(now - 1, 0.0)) * before[0]
        + (1 - ops.power(1 - rates, now)) / rates * before[1]
    )
    counted = series.there * ops.cast(time > 1, "float32")  # no line leads to the first value
    levels = ops.transpose(ops.matmul(grid.predict, ops.transpose(series.values)), (2, 0, 1))
    start = ops.power(1 - rates, ops.maximum(now - 1, 0.0)) * counted[:, None]
    trend, errors = trend * counted[:, None], (series.values[:, None] - levels) * counted[:, None]
    share = ops.clip(least_squares(ops.stack([start, trend], axis=-1), errors)[..., 1:], 0.0, 0.99)
    errors = errors - share * trend
    first = least_squares(start[..., None], errors)
    chosen = ops.argmin(ops.sum((errors - first * start) ** 2, axis=-1), axis=1)
    driven = ops.transpose(ops.matmul(grid.final[:, 0], ops.transpose(series.values)))
    level = driven + ops.power(1 - rates[:, 0], series.count) * first[..., 0]
    own = of_chosen(ops.stack([level, share[..., 0], ops.zeros_like(level) + rates[:, 0]], axis=-1), chosen)
    return _theta_path(series, own, horizon)


def _theta_path(series: Past, own: Any, horizon: int) -> Any:
    """Forecasts one by one, each taken for the value itself when the next is made."""
    level, share, rate = own[:, :1], own[:, 1:2], own[:, 2:]
    time = ops.cumsum(series.there, axis=1)
    count, total = series.count, ops.sum(series.values, axis=1, keepdims=True)
    moment = ops.sum(series.values * time, axis=1, keepdims=True)
    found = []
    for _ in range(horizon):
        intercept, slope = _line(count, total, moment)
        decay = ops.power(1 - rate, count)
        value = level + share * (decay * intercept + (1 - decay * (1 - rate)) / rate * slope)
        level = rate * value + (1 - rate) * level
        count, total, moment = count + 1, total + value, moment + value * (count + 1)
        found.append(value)
    return ops.concatenate(found, axis=1)


def line(series: Past) -> tuple[Any, Any]:
    """Intercept and slope of the least-squares line through each history, its first value at time 1: (batch, 1)."""
    time = ops.cumsum(series.there, axis=1)
    total, moment = (ops.sum(x, axis=1, keepdims=True) for x in (series.values, series.values * time))
    return _line(series.count, total, moment)


def running_lines(series: Past, time: Any) -> tuple[Any, Any]:
    """As `line`, through all values up to each place: (batch, length)."""
    return _line(time, ops.cumsum(series.values, axis=1), ops.cumsum(series.values * time, axis=1))


def _line(count: Any, total: Any, moment: Any) -> tuple[Any, Any]:
    count = ops.maximum(count, 1.0)
    mean = total / count
    slope = 12 * (moment - total * (count + 1) / 2) / ops.maximum(count * (count**2 - 1), 1.0)
    return mean - slope * (count + 1) / 2, slope


def _first(series: Past) -> Any:
    """1 at the first value of each history, else 0."""
    return series.there - ops.pad(series.there[:, :-1], ((0, 0), (1, 0)))


def _simple_grid(series: Past, horizon: int) -> Filters:
    return filters([simple(rate) for rate in RATES], series.values.shape[1], horizon)


METHODS: dict[str, tuple[Callable[[Past, int, int], Any], bool]] = {
    # name -> forecasts of a past, and whether the past is adjusted for seasons first
    "naive": (naive, False),
    "seasonal_naive": (seasonal_naive, False),
    "drift": (drift, True),
    "naive2": (naive, True),
    "ses": (ses, True),
    "theta": (theta, True),
    "dynamic_theta": (dynamic_theta, True),
    "damped_trend": (damped_trend, True),
}


@keras.saving.register_keras_serializable(package="arch")
class Statistical(keras.layers.Layer):
    """Forecasts by several statistical methods: (batch, length) -> (batch, methods, horizon). No weights.

    Histories are right-aligned, with NaN in front of those that are shorter.

    Args:
        methods: names of METHODS.
        horizon: steps to forecast.
        period: values of a season; 1 for none.
        **kwargs: as of `keras.layers.Layer`.
    """

    def __init__(self, methods: Sequence[str], horizon: int, period: int = 1, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        unknown = [name for name in methods if name not in METHODS]
        require(bool(methods) and not unknown, "Statistical", f"methods must be of {', '.join(METHODS)}", unknown)
        require_positive("Statistical", "horizon", horizon)
        require_positive("Statistical", "period", period)
        self.methods, self.horizon, self.period = tuple(methods), horizon, period

    def call(self, inputs: Any) -> Any:
        """Each method's forecasts."""
        plain = past(ops.cast(inputs, "float32"))
        size = ops.sum(ops.abs(plain.values), axis=1, keepdims=True) / ops.maximum(plain.count, 1.0)
        size = ops.where(size > 0, size, ops.ones_like(size))
        plain = plain._replace(values=plain.values / size)  # sums of squares of large numbers lose digits
        without = adjusted(plain, self.period, self.horizon)
        found = []
        for method, seasonless in (METHODS[name] for name in self.methods):
            if seasonless:
                found.append(without.restore(method(without.past, self.horizon, self.period)))
            else:
                found.append(method(plain, self.horizon, self.period))
        return ops.stack(found, axis=1) * size[:, None]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, methods, horizon)."""
        return (input_shape[0], len(self.methods), self.horizon)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "methods": self.methods, "horizon": self.horizon, "period": self.period}
