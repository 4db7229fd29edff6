"""A panel: many series of one frequency after one another, checked, with their ids and dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from data.economics_covariates import Covariates
from data.economics_frequencies import Frequency, date
from data.errors import BadInput


@dataclass(frozen=True)
class Panel:
    """Series of one frequency.

    Attributes:
        values: (all values,) float64, series after series, each in the order of time.
        starts: (series + 1,) where each begins in `values`.
        ids: name of each series.
        first: period of each series' first value, as `data.economics_frequencies.periods` counts them.
        frequency: of all of them.
        held: values at the end of each series that its source holds out for test; 0 where it does not say.
        covariates: what else is known of the series; None for nothing.
        codes: FRED-MD's code of each series' transform; None where its source does not say.
    """

    values: np.ndarray
    starts: np.ndarray
    ids: tuple[str, ...]
    first: np.ndarray
    frequency: Frequency
    held: int = 0
    covariates: Covariates | None = None
    codes: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> np.ndarray:
        """How many values each series has."""
        return np.diff(self.starts)

    def series(self, index: int) -> np.ndarray:
        """The values of one series."""
        return self.values[self.starts[index] : self.starts[index + 1]]

    def date(self, index: int, position: int) -> str:
        """The date of a position in a series, which may lie behind its end."""
        return date(int(self.first[index]) + position, self.frequency)

    def place(self, index: int, position: int | None = None) -> str:
        """How an error names a series, or one date of it."""
        return f"series {self.ids[index]}" + ("" if position is None else f", {self.date(index, position)}")

    def take(self, chosen: np.ndarray) -> Panel:
        """Some of the series, in this order."""
        parts = [self.series(i) for i in chosen]
        ids, of = [self.ids[i] for i in chosen], self.covariates
        made = panel(parts, ids, self.first[chosen], self.frequency, self.held, of and of.take(chosen))
        return replace(made, codes=None if self.codes is None else self.codes[chosen])

    def before(self, count: int) -> Panel:
        """The series without their newest values, and all that was known of these."""
        parts = [self.series(i)[: self.lengths[i] - count] for i in range(len(self))]
        made = panel(parts, self.ids, self.first, self.frequency, self.held, self.covariates)
        return replace(made, codes=self.codes)

    def digest(self) -> str:
        """Of ids, dates and values."""
        text = sha256("\n".join(self.ids).encode())
        codes = () if self.codes is None else (self.codes,)
        others = self.covariates.arrays() if self.covariates else ()
        for array in (self.first, self.starts, self.values, *others, *codes):
            text.update(np.ascontiguousarray(array).tobytes())
        return text.hexdigest()


def panel(
    series: Sequence[np.ndarray],
    ids: Sequence[str],
    first: Sequence[int] | np.ndarray,
    of: Frequency,
    held: int = 0,
    covariates: Covariates | None = None,
) -> Panel:
    """A panel of these series, checked.

    Raises:
        BadInput: no series, or a value that is no finite number, by series and date.
    """
    if not series:
        raise BadInput("no series", wanted="at least one")
    starts = np.concatenate([[0], np.cumsum([len(part) for part in series])]).astype(np.int64)
    values = np.concatenate(series).astype(np.float64)
    made = Panel(values, starts, tuple(map(str, ids)), np.asarray(first, np.int64), of, held, covariates)
    if (wrong := np.flatnonzero(~np.isfinite(values))).size:
        index, position = owner(made, int(wrong[0]))
        got = str(values[wrong[0]])
        raise BadInput("not a finite number", wanted="a number", got=got, where=made.place(index, position))
    return made


def owner(of: Panel, place: int) -> tuple[int, int]:
    """The series that a place in `values` belongs to, and the position in it."""
    index = int(np.searchsorted(of.starts, place, side="right")) - 1
    return index, place - int(of.starts[index])


def check_lengths(of: Panel, shortest: int, why: str) -> None:
    """Refuse a panel with a series that is too short.

    Raises:
        BadInput: naming the first such series and its last date.
    """
    lengths = of.lengths
    if (short := np.flatnonzero(lengths < shortest)).size:
        i = int(short[0])
        more = f" (and {len(short) - 1:,} more)" if len(short) > 1 else ""
        wanted, got = f"at least {shortest} values: {why}", f"{lengths[i]}{more}"
        raise BadInput("series too short", wanted=wanted, got=got, where=of.place(i, int(lengths[i]) - 1))


def constant(of: Panel, until: int) -> np.ndarray:
    """The series that hold one value again and again, up to so many values before their ends."""
    before = (of.series(index)[: max(length - until, 0)] for index, length in enumerate(of.lengths))
    return np.array([index for index, part in enumerate(before) if len(part) > 1 and np.ptp(part) == 0], np.int64)
