"""Windows over series: what a model sees before an origin and what came after it, gathered when a batch is made."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data.economics_frequencies import season
from data.economics_panel import Panel
from data.mixing import GOLDEN, mixed
from data.splits import Rows


class Windows:
    """Makes the windows of a batch from rows of `series` and `origin`, the position of the first value to forecast.

    Args:
        panel: the series.
        length: values before the origin that a window holds; NaN stands in front where a series has fewer.
        horizon: values from the origin on.
        last: (series,) latest origin to draw; None takes the rows' own origins.
        first: (series,) earliest origin to draw.
        calendar: whether it is told in which season the first value to forecast is.
    """

    def __init__(
        self,
        panel: Panel,
        length: int,
        horizon: int,
        first: np.ndarray | None = None,
        last: np.ndarray | None = None,
        calendar: bool = False,
    ) -> None:
        self.panel, self.length, self.horizon, self.first, self.last = panel, length, horizon, first, last
        self.calendar = calendar
        self._errors = seasonal_errors(panel)

    def __call__(self, columns: Mapping[str, np.ndarray], seed: int, epoch: int) -> dict[str, np.ndarray]:
        """The windows of these rows.

        Returns:
            `history` (rows, length) and `target` (rows, horizon), float32, and `scale` (rows,): the mean absolute
            error of the seasonal naive forecast within the history, by which MASE divides; with a calendar `season`
            (rows,) int32 of the first value to forecast, counted from 0; `transform` (rows,),
            where there are codes; and covariates.
        """
        series, origin = columns["series"].astype(np.int64), columns["origin"].astype(np.int64)
        if self.first is not None and self.last is not None:
            spread = (self.last - self.first + 1)[series]
            origin = self.first[series] + drawn(series, origin, seed, epoch, spread)
        begin = self.panel.starts[series]
        known = self.panel.covariates
        further = known.windows(series, origin, self.length, self.horizon) if known else {}
        if self.panel.codes is not None:
            further["transform"] = self.panel.codes[series]
        if self.calendar:
            further["season"] = season(self.panel.first[series] + origin, self.panel.frequency)
        return {
            **further,
            "history": self._gather(begin, origin - self.length, self.length, origin),
            "target": self._gather(begin, origin, self.horizon, self.panel.lengths[series]),
            "scale": self._scale(begin, origin),
        }

    def _gather(self, begin: np.ndarray, first: np.ndarray, count: int, end: np.ndarray) -> np.ndarray:
        """Values at `count` positions from `first` on; NaN before the series and from `end` on."""
        position = first[:, None] + np.arange(count)
        there = (position >= 0) & (position < end[:, None])
        values = self.panel.values[np.where(there, begin[:, None] + position, 0)]
        return np.where(there, values, np.nan).astype(np.float32)

    def _scale(self, begin: np.ndarray, origin: np.ndarray) -> np.ndarray:
        """NaN where the history is not longer than a season."""
        lag = self.panel.frequency.period
        count = np.maximum(origin - lag, 0)
        total = self._errors[begin + origin] - self._errors[begin + np.minimum(lag, origin)]
        with np.errstate(invalid="ignore"):
            return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def seasonal_errors(panel: Panel) -> np.ndarray:
    """Running sums of |y[t] - y[t - season]| over all values: (all values + 1,); zero within a series' first season."""
    lag, values = panel.frequency.period, panel.values
    errors = np.zeros(len(values))
    errors[lag:] = np.abs(values[lag:] - values[:-lag])
    for begin, end in zip(panel.starts[:-1], np.minimum(panel.starts[:-1] + lag, panel.starts[1:]), strict=True):
        errors[begin:end] = 0
    return np.concatenate([[0.0], np.cumsum(errors)])


def drawn(series: np.ndarray, slot: np.ndarray, seed: int, epoch: int, spread: np.ndarray) -> np.ndarray:
    """Whole numbers below `spread` that look random and depend on nothing but the arguments, one after the other."""
    state = np.zeros(len(series), np.uint64)
    for part in (np.int64(seed), np.int64(epoch), series, slot):
        state = mixed((state ^ np.asarray(part).astype(np.uint64)) + GOLDEN)
    return (state >> np.uint64(11)).astype(np.int64) % spread


def fixed_rows(
    panel: Panel, windows: Windows, first: np.ndarray, last: np.ndarray, stride: int, chosen: np.ndarray | None = None
) -> Rows:
    """Rows of every `stride`-th origin from `first` to `last` of each series, or of those chosen.

    Args:
        panel: the series.
        windows: what is made around rows.
        first: (series,) earliest origin.
        last: (series,) latest origin, not before `first`.
        stride: from one origin to the next.
        chosen: numbers of the series; None for all.
    """
    counts = (last - first) // stride + 1
    if chosen is not None:
        counts = np.where(np.isin(np.arange(len(panel)), chosen), counts, 0)
    series = np.repeat(np.arange(len(panel)), counts)
    number = np.arange(len(series)) - np.repeat(np.cumsum(counts) - counts, counts)
    # Counted back from the latest origin, so that the newest values are always judged.
    origin = last[series] - stride * (counts[series] - 1 - number)
    return Rows({"series": series.astype(np.int32), "origin": origin.astype(np.int32)}, around=windows)


def drawn_rows(windows: Windows, draws: int) -> Rows:
    """Rows for training: so many slots for each series that has an origin to draw; each epoch fills them anew."""
    assert windows.first is not None
    assert windows.last is not None
    able = np.flatnonzero(windows.last >= windows.first).astype(np.int32)
    slots = np.tile(np.arange(draws, dtype=np.int32), len(able))
    return Rows({"series": np.repeat(able, draws), "origin": slots}, around=windows)
