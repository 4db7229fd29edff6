"""What a network has to beat: statistical methods, on the same windows, all series at once."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf

from arch.forecast.statistical import METHODS, Statistical
from data.splits import Rows, Splits
from pipelines.economics.scores import forecasting
from pipelines.task import Scores

CHUNK = 512  # histories at a time
BASELINES = tuple(METHODS)
FEW = 24  # rows for which a method is worth its time that takes each series by itself


def baselines(splits: Splits, seed: int) -> dict[str, dict[str, Scores]]:
    """Every method of `arch.forecast.statistical`, and ETS of statsmodels where there are few series.

    Args:
        splits: the rows of the run.
        seed: unused: there is no chance in them.

    Returns:
        name -> split -> scores, of validation and test; a window of training has too many neighbours to be worth it.
    """
    found: dict[str, dict[str, Scores]] = {name: {} for name in BASELINES}
    for split, rows in splits.items():
        if split == "train":
            continue
        batch = rows.batch(np.arange(rows.size))
        forecasts = statistical(BASELINES, batch["history"], splits.meta["horizon"], splits.meta["period"])
        naive2 = forecasts[:, BASELINES.index("naive2")]
        for number, name in enumerate(BASELINES):
            found[name][split] = forecasting(forecasts[:, number], batch, naive2)
        if splits.val.size + splits.test.size <= FEW:
            ets = smoothed(batch["history"], naive2, splits.meta["period"])
            found.setdefault("ets", {})[split] = forecasting(ets, batch, naive2)
    return found


def statistical(methods: Sequence[str], history: np.ndarray, horizon: int, period: int) -> np.ndarray:
    """Forecasts of statistical methods, (rows, methods, horizon), for histories with NaN in front."""
    layer = _compiled(tuple(methods), horizon, period)
    starts = range(0, len(history), CHUNK)
    return np.concatenate([layer(tf.constant(history[start : start + CHUNK])).numpy() for start in starts])


@cache
def _compiled(methods: tuple[str, ...], horizon: int, period: int) -> Any:
    layer = Statistical(methods, horizon, period)
    return tf.function(lambda history: layer(history), autograph=False, reduce_retracing=True)


def naive2_of(rows: Rows, batch: Mapping[str, np.ndarray]) -> np.ndarray:
    """Naive2's forecasts for rows whose windows are `batch`."""
    assert rows.around is not None
    period = rows.around.panel.frequency.period  # type: ignore[attr-defined]
    return statistical(("naive2",), batch["history"], batch["target"].shape[1], period)[:, 0]


def smoothed(history: np.ndarray, instead: np.ndarray, period: int) -> np.ndarray:
    """Additive Holt-Winters with a damped trend, of statsmodels; where it fails, what is given instead."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # beside TensorFlow's threads, those of the linear algebra only wait for each other
        found = [_ets(row[np.isfinite(row)], other, period) for row, other in zip(history, instead, strict=True)]
    return np.stack(found)


def _ets(values: np.ndarray, instead: np.ndarray, period: int) -> np.ndarray:
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    if len(values) < 10 + 2 * period:  # as many values as constants, and what they start from
        return instead
    seasonal = "add" if period > 1 else None
    size = np.abs(values).mean() or 1.0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = ExponentialSmoothing(
                values.astype(float) / size,
                trend="add",
                damped_trend=True,
                seasonal=seasonal,
                seasonal_periods=period if seasonal else None,
            )
            found = np.asarray(model.fit().forecast(len(instead))) * size
    except (ValueError, np.linalg.LinAlgError, FloatingPointError):
        return instead
    return found if np.isfinite(found).all() else instead
