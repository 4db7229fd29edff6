"""Seasons of series: whether there are any, how strong each is, and series without them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from keras import ops

SURE = 1.645  # normal deviate of a 90 % two-sided test
TINY = 1e-6


class Past(NamedTuple):
    """Histories of different lengths, right-aligned.

    Attributes:
        values: (batch, length), zero where there is none.
        there: (batch, length) float32, 1 where there is a value.
        count: (batch, 1) float32, values of each.
    """

    values: Any
    there: Any
    count: Any


class Adjusted(NamedTuple):
    """A past without its seasons, and what gives them back.

    Attributes:
        past: the seasonally adjusted past.
        factors: (batch, horizon) by which forecasts are multiplied.
        shifts: (batch, horizon) that are then added.
    """

    past: Past
    factors: Any
    shifts: Any

    def restore(self, forecasts: Any) -> Any:
        """Forecasts of the adjusted past, (batch, horizon), with their seasons."""
        return forecasts * self.factors + self.shifts


def past(history: Any) -> Past:
    """Histories with NaN in front, (batch, length), as values and where they are."""
    there = ops.cast(ops.isfinite(history), "float32")
    count = ops.sum(there, axis=1, keepdims=True)
    return Past(ops.where(there > 0, history, ops.zeros_like(history)), there, count)


def adjusted(series: Past, period: int, horizon: int) -> Adjusted:
    """Divide out the seasons where a test finds any; subtract them where a value is not positive.

    Classical decomposition: the means of y / m by season, m being the centred moving average over a period. Where the
    autocorrelation at a whole period is not significant at 90 %, or there are no more than two periods, the series
    stays as it is.

    Source: Assimakopoulos and Nikolopoulos 2000, section 3 (the test and the multiplicative decomposition);
        subtraction for values that are not positive is ours.
    """
    ones = ops.ones_like(series.values[:, :1])
    if period == 1:
        return Adjusted(series, ops.tile(ones, (1, horizon)), ops.zeros((1, horizon)) * ones)
    positive = ops.all((series.values > 0) | (series.there == 0), axis=1, keepdims=True)
    average, known = moving_average(series, period)
    ratios = by_season(series.values / ops.where(known > 0, average, ops.ones_like(average)), known, period)
    differences = by_season(series.values - average, known, period)
    ratios = ratios / ops.maximum(ops.mean(ratios, axis=1, keepdims=True), TINY)
    differences = differences - ops.mean(differences, axis=1, keepdims=True)
    seasonal, known = is_seasonal(series, period), ops.all(ratios > 1e-4, axis=1, keepdims=True)
    factors = ops.where(seasonal & positive & known, ratios, ops.ones_like(ratios))
    shifts = ops.where(seasonal & ops.logical_not(positive), differences, ops.zeros_like(differences))
    length = series.values.shape[1]
    behind, ahead = (np.arange(length) - length) % period, np.arange(horizon) % period
    values = (series.values - ops.take(shifts, behind, axis=1)) / ops.take(factors, behind, axis=1)
    return Adjusted(
        Past(values * series.there, series.there, series.count),
        ops.take(factors, ahead, axis=1),
        ops.take(shifts, ahead, axis=1),
    )


def moving_average(series: Past, period: int) -> tuple[Any, Any]:
    """The centred mean over a period, and where it is known; of an even period the two ends count half."""
    length, half = series.values.shape[1], period // 2
    apart = np.abs(np.arange(length)[:, None] - np.arange(length))
    weights = (apart <= half) / period
    if period % 2 == 0:
        weights = weights - (apart == half) / (2 * period)
    place = np.arange(length)
    inside = ops.cast((place >= length - series.count + half) & (place < length - half), "float32")
    return ops.matmul(series.values, ops.convert_to_tensor(weights, "float32")), inside


def by_season(values: Any, known: Any, period: int) -> Any:
    """Means of (batch, length) by season: (batch, period); the first season is the one that comes next.

    A season of which nothing is known has the mean 0.
    """
    length = values.shape[1]
    seasons = np.eye(period, dtype="float32")[(np.arange(length) - length) % period]
    sums, counts = ops.matmul(values * known, seasons), ops.matmul(known, seasons)
    return sums / ops.maximum(counts, 1.0)


def is_seasonal(series: Past, period: int) -> Any:
    """Whether the autocorrelation at a whole period is significant: (batch, 1) bool."""
    length = series.values.shape[1]
    if length <= 2 * period:
        return ops.zeros_like(series.count) > 0
    mean = ops.sum(series.values, axis=1, keepdims=True) / ops.maximum(series.count, 1.0)
    centred = (series.values - mean) * series.there
    power = ops.maximum(ops.sum(centred * centred, axis=1, keepdims=True), 1e-30)
    lagged = [ops.sum(centred[:, lag:] * centred[:, :-lag], axis=1, keepdims=True) for lag in range(1, period + 1)]
    correlations = ops.concatenate(lagged, axis=1) / power
    spread = ops.sqrt((1 + 2 * ops.sum(correlations[:, :-1] ** 2, axis=1, keepdims=True)) / series.count)
    return (ops.abs(correlations[:, -1:]) > SURE * spread) & (series.count > 2 * period)
