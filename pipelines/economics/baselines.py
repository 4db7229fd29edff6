"""What a network has to beat: statistical methods on the same windows, each with the seconds that it takes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from arch.forecast.statistical import METHODS, Statistical
from data.splits import Rows, Splits
from pipelines.economics import statistics
from pipelines.economics.scores import forecasting
from pipelines.task import Scores

CHUNK = 512  # histories at a time
BASELINES = tuple(METHODS)


class Rival(NamedTuple):
    """A method's forecasts of some rows.

    Attributes:
        mean: (rows, horizon).
        seconds: for all of them, less what is done once however many there are.
    """

    mean: np.ndarray
    seconds: float


def baselines(splits: Splits, seed: int) -> dict[str, dict[str, Scores]]:
    """Every method of `arch.forecast.statistical`, and those of other packages where there are not too many series.

    Args:
        splits: the rows of the run.
        seed: unused: there is no chance in them.

    Returns:
        name -> split -> scores, of validation and test, of test with seconds; a window of training has too many
        neighbours to be worth it.
    """
    val, test = scored(splits.val, "val"), scored(splits.test)
    # a method may be too slow for one split: it is shown where it is in both
    return {name: val[name] | test[name] for name in val if name in test}


def scored(rows: Rows, split: str = "test") -> dict[str, dict[str, Scores]]:
    """Scores of all methods for the rows of one split, by name and this split; on test with seconds."""
    batch, told = rows.batch(np.arange(rows.size)), rivals(rows)
    found = {}
    for name, rival in told.items():
        scores = forecasting(rival.mean, batch, told["naive2"].mean)
        found[name] = {split: scores | ({"seconds": rival.seconds} if split == "test" else {})}
    return found


def rivals(rows: Rows) -> dict[str, Rival]:
    """The forecasts of all methods for rows, made once."""
    if "rivals" not in rows.kept:
        batch = rows.batch(np.arange(rows.size))
        history, horizon, period = batch["history"], batch["target"].shape[1], _period(rows)
        found = {name: Rival(*_timed((name,), history, horizon, period)) for name in BASELINES}
        instead = found["naive2"].mean
        for name, method in statistics.methods(rows.size).items():
            start = time.perf_counter()
            mean = method(history, instead, period)
            found[name] = Rival(mean, time.perf_counter() - start)
        rows.kept["rivals"] = found
    return rows.kept["rivals"]


def statistical(methods: Sequence[str], history: np.ndarray, horizon: int, period: int) -> np.ndarray:
    """Forecasts of statistical methods, (rows, methods, horizon), for histories with NaN in front."""
    layer = _compiled(tuple(methods), history.shape[1], horizon, period)
    starts = range(0, len(history), CHUNK)
    pieces = (ops.convert_to_tensor(history[start : start + CHUNK]) for start in starts)
    return np.concatenate([ops.convert_to_numpy(layer(piece)) for piece in pieces])


def _timed(methods: tuple[str, ...], history: np.ndarray, horizon: int, period: int) -> tuple[np.ndarray, float]:
    """One method's forecasts and their seconds, less those of compiling it."""
    _compiled(methods, history.shape[1], horizon, period)
    start = time.perf_counter()
    found = statistical(methods, history, horizon, period)[:, 0]
    return found, time.perf_counter() - start


@cache
def _compiled(methods: tuple[str, ...], length: int, horizon: int, period: int) -> Any:
    layer = Statistical(methods, horizon, period)
    if keras.backend.backend() != "tensorflow":
        return layer
    function = tf.function(lambda history: layer(history), autograph=False)
    return function.get_concrete_function(tf.TensorSpec([None, length], "float32"))


def _period(rows: Rows) -> int:
    return rows.around.panel.frequency.period  # type: ignore[union-attr]


def naive2_of(rows: Rows, batch: Mapping[str, np.ndarray]) -> np.ndarray:
    """Naive2's forecasts for rows whose windows are `batch`."""
    if "rivals" in rows.kept:
        return rows.kept["rivals"]["naive2"].mean
    return statistical(("naive2",), batch["history"], batch["target"].shape[1], _period(rows))[:, 0]
