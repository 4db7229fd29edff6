"""Dates as people write them, to NumPy's."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from data.errors import BadInput

WANTED = "2001, 2001-03, 2001-03-31, 20010331, 2001Q1, 2001M03, 3/31/2001, or whole numbers alone"
ISO = re.compile(r"(\d{4}(?:-\d\d(?:-\d\d(?:[T ]\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?)?)?)?)(Z|[+-]\d\d:?\d\d)?")
PART = re.compile(r"(\d{4})-?([QM])(\d{1,2})", re.IGNORECASE)
COMPACT = re.compile(r"((?:1[5-9]|2[01])\d\d)(0[1-9]|1[0-2])(\d\d)?")
MONTH_FIRST = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
SPAN = re.compile(r"(\d{4}-\d\d-\d\d)/\d{4}-\d\d-\d\d")  # as pandas writes a week


def days_of(cells: Sequence[str], place: Callable[[int], str]) -> np.ndarray:
    """Dates as they are written, to NumPy's; many series have the same ones, so each is read once.

    Args:
        cells: the dates, as WANTED has them; 2001-03-31 12:00, or a week from its first day to its last.
        place: row -> where it stands, for an error.

    Returns:
        (dates,) datetime64[h].

    Raises:
        BadInput: naming the first that is no date.
    """
    known: dict[str, int] = {}
    for row, cell in enumerate(cells):
        if cell not in known:
            known[cell] = int(_hours(cell, row, place).astype(np.int64))
    return np.array([known[cell] for cell in cells], np.int64).view("datetime64[h]")


def whole_numbers(cells: Sequence[str], kind: str) -> bool:
    """Whether times are counted and not dated: digits alone that are no years, and no 200103 or 20010331.

    Args:
        cells: the times.
        kind: name of the frequency they are said to have; empty for none.
    """
    if not all(cell.removeprefix("-").isdigit() for cell in cells):
        return False
    if all(len(cell) == 4 for cell in cells):
        return kind not in ("", "yearly")
    return kind == "other" or not all(COMPACT.fullmatch(cell) for cell in cells)


def _hours(cell: str, row: int, place: Callable[[int], str]) -> np.datetime64:
    iso = ISO.fullmatch(cell)
    if iso and iso[2] and iso[2].strip("Z+-0:"):
        wanted = "one without, or in UTC: elsewhere it may be another month"
        raise BadInput("a date with a time zone", wanted=wanted, got=repr(cell), where=place(row))
    try:
        return np.datetime64(iso[1] if iso else _as_iso(cell), "h")
    except ValueError:
        raise BadInput("not a date", wanted=WANTED, got=repr(cell), where=place(row)) from None


def _as_iso(cell: str) -> str:
    """The same date in numbers, the year first.

    Raises:
        ValueError: it is written in no way that is known.
    """
    if part := PART.fullmatch(cell):
        month = int(part[3]) if part[2] in "mM" else 3 * int(part[3]) - 2
        return f"{part[1]}-{month:02}"
    if american := MONTH_FIRST.fullmatch(cell):
        return f"{american[3]}-{int(american[1]):02}-{int(american[2]):02}"
    if compact := COMPACT.fullmatch(cell):
        return "-".join(filter(None, compact.groups()))
    if span := SPAN.fullmatch(cell):
        return span[1]
    raise ValueError
