"""Scores of forecasts, as the M competitions have them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data.economics import LEVELS

COVERAGES = {"coverage_80": (0.1, 0.9), "coverage_95": (0.025, 0.975)}


def forecasting(
    mean: np.ndarray,
    batch: Mapping[str, np.ndarray],
    naive2: np.ndarray,
    quantiles: np.ndarray | None = None,
) -> dict[str, float]:
    """Scores of forecasts.

    Args:
        mean: (rows, horizon).
        batch: `target` (rows, horizon), `scale` (rows,) of MASE, `history` (rows, length).
        naive2: forecasts of Naive2 for the same rows, by which OWA divides.
        quantiles: (rows, horizon, levels).

    Returns:
        smape and mape, in percent, means over all points; mase and rmsse, means over rows whose history moves; owa;
        with quantiles wql (twice the quantile losses over the sum of what came) and coverage_80 and _95.
    """
    target, scale = batch["target"].astype(np.float64), batch["scale"].astype(np.float64)
    mean, naive2 = mean.astype(np.float64), naive2.astype(np.float64)
    scores = {
        "smape": smape(mean, target),
        "mape": mape(mean, target),
        "mase": mase(mean, target, scale),
        "rmsse": rmsse(mean, target, batch["history"].astype(np.float64)),
    }
    base = smape(naive2, target), mase(naive2, target, scale)
    scores["owa"] = _ratio(scores["smape"], base[0]) / 2 + _ratio(scores["mase"], base[1]) / 2
    if quantiles is not None:
        scores |= {"wql": wql(quantiles, target)} | coverages(quantiles, target)
    return scores


def smape(mean: np.ndarray, target: np.ndarray) -> float:
    """200 |y - f| / (|y| + |f|), the mean over all points; 0 where both are 0 (Makridakis and Hibon 2000)."""
    return float(np.mean(percents(mean, target)))


def percents(mean: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The error of each point, of which sMAPE is the mean."""
    size = np.abs(mean) + np.abs(target)
    return 200 * np.abs(mean - target) / np.where(size > 0, size, 1)


def mape(mean: np.ndarray, target: np.ndarray) -> float:
    """100 |y - f| / |y|, the mean over all points with y not 0."""
    known = target != 0
    return float(np.mean(100 * np.abs(mean - target)[known] / np.abs(target[known]))) if known.any() else float("nan")


def mase(mean: np.ndarray, target: np.ndarray, scale: np.ndarray) -> float:
    """Mean absolute error of a row over that of the seasonal naive forecast within its history, the mean over rows."""
    known = scale > 0
    return float(np.mean(np.abs(mean - target).mean(1)[known] / scale[known])) if known.any() else float("nan")


def rmsse(mean: np.ndarray, target: np.ndarray, history: np.ndarray) -> float:
    """Root mean squared error of a row over that of the naive forecast within its history, the mean over rows."""
    moves = np.diff(history, axis=1) ** 2
    there = np.isfinite(moves)
    size = np.where(there, moves, 0).sum(1) / np.maximum(there.sum(1), 1)
    known = size > 0
    errors = ((mean - target) ** 2).mean(1)
    return float(np.mean(np.sqrt(errors[known] / size[known]))) if known.any() else float("nan")


def wql(quantiles: np.ndarray, target: np.ndarray) -> float:
    """Twice the sum of the quantile losses over the sum of |y|, the mean over levels (GluonTS' mean weighted loss)."""
    errors, levels = target[..., None] - quantiles, np.array(LEVELS)
    losses = 2 * np.maximum(levels * errors, (levels - 1) * errors)
    return _ratio(float(losses.sum() / len(LEVELS)), float(np.abs(target).sum()))


def coverages(quantiles: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Shares of points within the intervals of 80 % and 95 %."""
    ends = {level: quantiles[..., k] for k, level in enumerate(LEVELS)}
    return {
        name: float(np.mean((ends[low] <= target) & (target <= ends[high]))) for name, (low, high) in COVERAGES.items()
    }


def _ratio(one: float, other: float) -> float:
    return one / other if other else float("nan")
