"""Frequencies of series: their names, how long their season is, and dates as consecutive whole numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from data.errors import BadInput


class Frequency(NamedTuple):
    """How often a series has a value.

    Attributes:
        name: as `monthly`.
        period: values of a season.
        unit: NumPy's unit of time that dates are counted in; empty where times are whole numbers themselves.
        every: of these units, how many lie between two values.
        days: between two values, at least and at most; by this a frequency is told from dates.
    """

    name: str
    period: int
    unit: str
    every: int
    days: tuple[int, int]


FREQUENCIES = {
    f.name: f
    for f in (
        Frequency("yearly", 1, "M", 12, (360, 370)),
        Frequency("quarterly", 4, "M", 3, (88, 93)),
        Frequency("monthly", 12, "M", 1, (28, 31)),
        Frequency("weekly", 52, "D", 7, (7, 7)),
        Frequency("daily", 7, "D", 1, (1, 1)),
        Frequency("hourly", 24, "h", 1, (0, 0)),
        Frequency("other", 1, "", 1, (0, -1)),
    )
}
CODES = {"Y": "yearly", "A": "yearly", "Q": "quarterly", "M": "monthly", "W": "weekly", "D": "daily", "H": "hourly"}
MONDAY = 3  # days from the Monday before 1970-01-01, a Thursday


def frequency(text: str) -> Frequency:
    """The frequency of a name, a code of pandas (M, ME, MS, QE-DEC, YE ...) or the length of its season.

    Raises:
        BadInput: when it is none of these.
    """
    code = text.strip().upper().split("-")[0]
    name = text.strip().lower()
    if len(code) == 2 and code[1] in "ES":
        code = code[0]
    if code.isdigit():
        name = next((f.name for f in FREQUENCIES.values() if f.period == int(code)), "")
    name = CODES.get(code, name)
    if name not in FREQUENCIES:
        wanted = ", ".join(FREQUENCIES) + ", a code as M, QE or YS, or the length of the season"
        raise BadInput("unknown frequency", wanted=wanted, got=text)
    return FREQUENCIES[name]


def guess(hours: np.ndarray) -> Frequency | None:
    """The frequency by the middle distance of dates; None where none fits or there is but one date."""
    if len(hours) < 2:
        return None
    apart = float(np.median(np.abs(np.diff(hours).astype(int))))  # dates that run back are told of elsewhere
    if apart == 1:
        return FREQUENCIES["hourly"]
    fits = [f for f in FREQUENCIES.values() if f.days[0] * 24 <= apart <= f.days[1] * 24 and f.days[1] > 0]
    return fits[0] if fits else None


def periods(hours: np.ndarray, of: Frequency) -> np.ndarray:
    """Dates as consecutive whole numbers: of the year, quarter, month, week, day or hour that each lies in."""
    counted = hours.astype(f"datetime64[{of.unit}]").astype(np.int64)
    return (counted + (MONDAY if of.every == 7 else 0)) // of.every


def season(period: np.ndarray, of: Frequency) -> np.ndarray:
    """Which season each number is in, int32 from 0: January, the first quarter, Monday, midnight."""
    return ((period + (MONDAY if of.name == "daily" else 0)) % of.period).astype(np.int32)


def date(period: int, of: Frequency) -> str:
    """The date of such a number: 2001, 2001Q1, 2001-03, 2001-03-31, 2001-03-31T12; itself where times are numbers."""
    if not of.unit:
        return str(period)
    if of.name == "quarterly":
        return f"{1970 + period // 4}Q{period % 4 + 1}"
    first = period * of.every - (MONDAY if of.every == 7 else 0)
    text = str(np.array(first).astype(f"datetime64[{of.unit}]"))
    return text[:4] if of.name == "yearly" else text
