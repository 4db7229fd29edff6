"""Covariates of series: what else is known, up to the origin, beyond it, or of a series as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from data.errors import BadInput

KINDS = ("past", "future", "static", "season")  # `season` is made from dates, the others are a table's
NAMED = 10  # missing pairs of series and date that an error lists


def further(meta: Mapping[str, Any]) -> list[str]:
    """What a model of these facts takes beside histories: covariates by kind, and the code of each transform."""
    return [*meta["covariates"], *(["transform"] if meta["transform"] == "file" else [])]


class Asked(NamedTuple):
    """Which columns of a long table are covariates.

    Attributes:
        past: known up to the origin alone.
        future: known for the dates to be forecast too.
        static: of a series as a whole.
        lags: of each past one, periods by which it is published later; empty for none.
    """

    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    lags: tuple[int, ...] = ()


NOTHING = Asked()


@dataclass(frozen=True)
class Covariates:
    """Covariates of a panel's series.

    Attributes:
        values: (all rows, past and then future columns) float64, series after series, from each one's first date on,
            beyond its last value where more is known; NaN where nothing is.
        starts: (series + 1,) where each begins in `values`.
        static: (series, features): numbers, and of text one for each word, 1 where it is the series' own.
        names: of these features, as `size` or `region=north`.
        asked: the columns.
    """

    values: np.ndarray
    starts: np.ndarray
    static: np.ndarray
    names: tuple[str, ...]
    asked: Asked

    def take(self, chosen: np.ndarray) -> Covariates:
        """Those of some of the series, in this order."""
        parts = [self.values[self.starts[i] : self.starts[i + 1]] for i in chosen]
        starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
        return Covariates(np.concatenate(parts), starts, self.static[chosen], self.names, self.asked)

    def arrays(self) -> tuple[np.ndarray, ...]:
        """What a digest is made of."""
        return self.values, self.starts, self.static

    def windows(self, series: np.ndarray, origin: np.ndarray, length: int, horizon: int) -> dict[str, np.ndarray]:
        """What is known at an origin of the dates around it.

        Args:
            series: (rows,) whose.
            origin: (rows,) position of the first value to forecast.
            length: dates before the origin.
            horizon: dates from the origin on.

        Returns:
            Of the kinds there are: `past` (rows, length, columns), NaN where it is not published yet; `future` (rows,
            length + horizon, columns); `static` (rows, features); float32.
        """
        position = (origin - length)[:, None] + np.arange(length + horizon)
        begin, size = self.starts[series][:, None], np.diff(self.starts)[series][:, None]
        there = (position >= 0) & (position < size)
        values = np.where(there[..., None], self.values[np.where(there, begin + position, 0)], np.nan)
        count = len(self.asked.past)
        past = np.where(published(length, self.asked)[..., :count], values[:, :length, :count], np.nan)
        found = {"past": past, "future": values[..., count:], "static": self.static[series]}
        return {kind: array.astype(np.float32) for kind, array in found.items() if array.shape[-1]}

    def facts(self, ends: np.ndarray) -> dict[str, Any]:
        """Names, and mean and deviation of each up to `ends`, a position in each series: what a model must know."""
        learnt = np.concatenate(
            [self.values[start : start + end] for start, end in zip(self.starts, ends, strict=False)]
        )
        count = len(self.asked.past)
        kinds = {
            "past": (self.asked.past, learnt[:, :count]),
            "future": (self.asked.future, learnt[:, count:]),
            "static": (self.names, self.static),
        }
        told = {kind: _moments(names, columns) for kind, (names, columns) in kinds.items() if names}
        if self.asked.past:
            told["past"]["lags"] = list(self.asked.lags or [0] * count)
        return told


def published(length: int, asked: Asked) -> np.ndarray:
    """Which of the past covariates are published at the origin: (length, past columns) bool."""
    lags = np.array(asked.lags or [0] * len(asked.past), int)
    return np.arange(length)[:, None] < length - lags


def _moments(names: Sequence[str], columns: np.ndarray) -> dict[str, Any]:
    spread = np.nanstd(columns, axis=0)
    return {
        "names": list(names),
        "mean": np.nanmean(columns, axis=0).tolist(),
        "deviation": np.where(spread > 0, spread, 1.0).tolist(),
    }


def encoded(cells: Mapping[str, Sequence[str]], known: Sequence[str], place: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Static covariates as numbers.

    Args:
        cells: column -> one cell a series.
        known: features of a model that is there already; empty where this is what it learns from.
        place: the file, for an error.

    Returns:
        (series, features) and their names: a column of numbers as it is, one of words as a feature for each word.

    Raises:
        BadInput: a word that the model has not learnt.
    """
    names: list[str] = []
    for column, entries in cells.items():
        plain = column in known if known else all(map(_is_number, entries))
        names += [column] if plain else [f"{column}={word}" for word in sorted(set(entries))]
    wanted = list(known) or names
    if unknown := [name for name in names if name not in wanted]:
        column = unknown[0].partition("=")[0]
        words = ", ".join(name for name in wanted if name.partition("=")[0] == column)
        raise BadInput("a static covariate that was not learnt", wanted=words, got=unknown[0], where=place)
    columns = [_feature(cells, name, place) for name in wanted]
    count = len(next(iter(cells.values()), ()))
    return np.stack(columns, axis=1) if columns else np.zeros((count, 0)), tuple(wanted)


def _feature(cells: Mapping[str, Sequence[str]], name: str, place: str) -> np.ndarray:
    column, is_word, word = name.partition("=")
    if is_word:
        return np.array([cell == word for cell in cells[column]], float)
    if wrong := [cell for cell in cells[column] if not _is_number(cell)]:
        raise BadInput(f"static covariate {column}", wanted="a number", got=repr(wrong[0]), where=place)
    return np.array(cells[column], float)


def _is_number(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False


def missing(pairs: Sequence[tuple[str, str]], columns: Sequence[str], where: str) -> BadInput:
    """The error for covariates that a forecast needs and a file does not have, with the pairs of series and date."""
    told = "; ".join(f"{series}, {date}" for series, date in pairs[:NAMED])
    more = f"; and {len(pairs) - NAMED:,} more" if len(pairs) > NAMED else ""
    wanted = f"{', '.join(columns)} for every date to be forecast, in rows whose y is empty"
    return BadInput("future covariates are missing", wanted=wanted, got=f"none for {told}{more}", where=where)
