"""Cells of tables of series: numbers, and dates without a gap."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from data.economics_dates import days_of, whole_numbers
from data.economics_frequencies import Frequency, date, frequency, guess, periods
from data.errors import BadInput


class UnknownFrequency(BadInput):
    """Dates that do not tell how often a series has a value."""


def numbers(cells: Sequence[str], place: Callable[[int], str]) -> np.ndarray:
    """Cells as numbers.

    Raises:
        BadInput: an empty cell, NaN, an infinite value or no number at all, with its place.
    """
    try:
        values = np.array(cells, dtype=np.float64)
    except ValueError:
        row = next(row for row, cell in enumerate(cells) if not is_number(cell))
        what = "a value is missing" if not cells[row].strip() else "not a number"
        raise BadInput(what, wanted="a number", got=repr(cells[row]), where=place(row)) from None
    if (wrong := np.flatnonzero(~np.isfinite(values))).size:
        row = int(wrong[0])
        raise BadInput("not a finite number", wanted="a number", got=cells[row], where=place(row))
    return values


def is_number(cell: str) -> bool:
    """Whether a cell is a number, be it infinite or none."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def times_of(
    cells: Sequence[str], rows: Sequence[np.ndarray], ids: np.ndarray, kind: str, place: Callable[[int], str]
) -> tuple[np.ndarray, Frequency]:
    """Dates as numbers of periods, and the one frequency that all series have."""
    of = frequency(kind) if kind else None
    if whole_numbers(cells, of.name if of else ""):
        return np.array(cells, dtype=np.int64), (of or frequency("other"))._replace(unit="")
    hours = days_of(cells, place)
    if of is not None and not of.unit:
        raise BadInput("dates without a frequency", wanted="whole numbers beside other", got=cells[0], where=place(0))
    for name, part in zip(ids, rows, strict=True):
        own = guess(hours[part])
        if kind or own is None:
            continue
        if of is not None and own != of:
            where = place(int(part[0]))
            raise BadInput(
                "mixed frequencies", wanted=f"{of.name} series alone", got=f"{own.name}: {name}", where=where
            )
        of = own
    if of is None:
        what = "the dates do not tell the frequency"
        raise UnknownFrequency(what, wanted="--data.frequency, as monthly", where=place(0))
    return periods(hours, of), of


def check_times(times: np.ndarray, of: Frequency, place: Callable[[int], str]) -> None:
    """Refuse dates that go back, repeat, or leave a period out."""
    steps = np.diff(times)
    if not (wrong := np.flatnonzero(steps != 1)).size:
        return
    if (steps < 0).any():  # told first: where two dates changed places, one seems to be missing before
        k = int(np.argmax(steps < 0)) + 1
        raise BadInput("dates are not in order", wanted="each series from the oldest to the newest", where=place(k))
    k = int(wrong[0]) + 1
    if steps[k - 1] == 0:
        raise BadInput("a date repeats", wanted=f"one {of.name} value a period", where=place(k))
    gone = ", ".join(_missing(times, k, of))
    raise BadInput("periods are missing", wanted="a value for every one", got=f"none for {gone}", where=place(k))


def _missing(times: np.ndarray, k: int, of: Frequency) -> list[str]:
    gone = range(int(times[k - 1]) + 1, int(times[k]))
    return [date(t, of) for t in gone[:5]] + (["..."] if len(gone) > 5 else [])
