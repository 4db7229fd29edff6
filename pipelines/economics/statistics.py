"""Baselines of other packages, a series at a time: exponential smoothing, complex smoothing, optimised theta, ARIMA."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

Method = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
FEW = 24  # rows for which a method is worth its time that needs a tenth of a second and more for each
ROWS = {"ets": FEW, "sf_dot": 5_000, "sf_ces": 1_000, "sf_ets": 1_000, "sf_arima": 100}
PACKAGE = {"sf_dot": "DynamicOptimizedTheta", "sf_ces": "AutoCES", "sf_ets": "AutoETS", "sf_arima": "AutoARIMA"}


def methods(rows: int) -> dict[str, Method]:
    """The methods that are worth their time for so many rows; those of statsforecast where it is installed."""
    installed = find_spec("statsforecast") is not None
    every: dict[str, Method] = {"ets": smoothed}
    if installed:
        every |= {name: of_statsforecast(name) for name in PACKAGE}
    return {name: method for name, method in every.items() if rows <= ROWS[name]}


def smoothed(history: np.ndarray, instead: np.ndarray, period: int) -> np.ndarray:
    """Additive Holt-Winters with a damped trend, of statsmodels; where it fails, what is given instead."""
    return _each(_ets, history, instead, period)


def of_statsforecast(name: str) -> Method:
    """A method of statsforecast, by its name in PACKAGE."""

    def method(history: np.ndarray, instead: np.ndarray, period: int) -> np.ndarray:
        from statsforecast import models

        kind = getattr(models, PACKAGE[name])

        def one(values: np.ndarray, other: np.ndarray, season: int) -> np.ndarray:
            made = kind(season_length=season).forecast(y=values.astype(np.float64), h=len(other))
            return np.asarray(made["mean"], float)

        return _each(one, history, instead, period)

    return method


def _each(
    method: Callable[[np.ndarray, np.ndarray, int], np.ndarray], history: np.ndarray, instead: np.ndarray, period: int
) -> np.ndarray:
    """One series after another, on one thread; what cannot be fitted is forecast by what is given instead."""
    from threadpoolctl import threadpool_limits

    def safely(values: np.ndarray, other: np.ndarray) -> np.ndarray:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = method(values, other, period)
        except Exception:  # of many kinds, by series that are too short or do not move
            return other
        return found if np.isfinite(found).all() else other

    with threadpool_limits(1):  # beside TensorFlow's threads, those of the linear algebra only wait for each other
        rows = zip(history, instead, strict=True)
        return np.stack([safely(row[np.isfinite(row)], other) for row, other in rows])


def _ets(values: np.ndarray, instead: np.ndarray, period: int) -> np.ndarray:
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    if len(values) < 10 + 2 * period:  # as many values as constants, and what they start from
        return instead
    seasonal: Any = "add" if period > 1 else None
    size = np.abs(values).mean() or 1.0
    model = ExponentialSmoothing(
        values.astype(float) / size,
        trend="add",
        damped_trend=True,
        seasonal=seasonal,
        seasonal_periods=period if seasonal else None,
    )
    return np.asarray(model.fit().forecast(len(instead))) * size
