"""Whether two forecasters differ by more than chance: the Diebold-Mariano test, for a panel."""

from __future__ import annotations

import numpy as np


def diebold_mariano(
    ours: np.ndarray, theirs: np.ndarray, series: np.ndarray, origin: np.ndarray, horizon: int
) -> float:
    """Two-sided p-value of the hypothesis that two forecasters lose equally much.

    A row's loss is its mean over the steps. With at least as many series as origins a series, the unit is the series:
    differences are averaged over its origins, and series are taken to err independently. Otherwise the unit is the
    origin: differences are averaged over series, and may depend on each other as far as forecasts overlap.

    Args:
        ours: (rows,) losses.
        theirs: (rows,) losses of the other for the same rows.
        series: (rows,) whose.
        origin: (rows,) where in it; rows of one series stand in order.
        horizon: steps of a forecast.

    Returns:
        p; NaN where there are fewer than two units, or they do not differ from each other.

    Source: Diebold and Mariano 1995, equation 4, with the correction and the t distribution of Harvey, Leybourne and
        Newbold 1997, equation 9; over series: Akgun et al. 2024, Equal predictive ability tests for panel data, with
        independence over series.
    """
    apart = ours - theirs
    _, own = np.unique(series, return_inverse=True)
    counts = np.bincount(own)
    if len(counts) >= counts.max():
        return p_value(np.bincount(own, apart) / counts, 0)
    # counted from the end, since series may begin at different times and end together
    behind = np.concatenate([np.arange(count)[::-1] for count in counts])
    stride = int(np.median(np.diff(origin)[np.diff(series) == 0]))
    means = np.bincount(behind, apart) / np.bincount(behind)
    return p_value(means[::-1], -(-horizon // max(stride, 1)) - 1)


def p_value(differences: np.ndarray, lags: int) -> float:
    """Of the hypothesis that the mean of differences, correlated over so many lags, is zero."""
    from scipy import stats

    count, mean = len(differences), differences.mean()
    if count < 2 or lags >= count:
        return float("nan")
    centred = differences - mean
    spread = sum((1 if lag == 0 else 2) * (centred[lag:] @ centred[: count - lag]) for lag in range(lags + 1)) / count
    if not spread > 0:
        return float("nan")
    steps = lags + 1
    corrected = np.sqrt((count + 1 - 2 * steps + steps * (steps - 1) / count) / count)
    return float(2 * stats.t.sf(abs(corrected * mean / np.sqrt(spread / count)), count - 1))
