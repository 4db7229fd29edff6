"""The user's own series: long and wide tables, FRED-MD's files, bare columns of numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data.economics_covariates import NOTHING, Asked, Covariates, encoded
from data.economics_frequencies import Frequency, date, days_of, frequency, guess, periods
from data.economics_panel import Panel, panel
from data.errors import BadInput
from data.given import digest_of_file
from data.tables import Table, read_table


class UnknownFrequency(BadInput):
    """Dates that do not tell how often a series has a value."""


def from_file(path: str, kind: str, asked: Asked = NOTHING, learnt: Sequence[str] = ()) -> tuple[Panel, dict[str, Any]]:
    """The user's own series: a long or a wide table with a header (CSV, parquet), or bare columns of numbers.

    Args:
        path: long: columns unique_id, ds, y, and covariates; wide: ds and one column a series, as FRED-MD's, whose
            transform row is not used; else numbers without a header.
        kind: their frequency; empty to tell it from the dates.
        asked: columns of a long table that are covariates.
        learnt: static features of the model that they are for; empty to learn from them.

    Raises:
        BadInput: naming series and date, whatever keeps them from being forecast.
    """
    table = read_series_table(path)
    header = table.header
    if {"unique_id", "ds", "y"} <= set(header):
        found = _long(table, kind, asked, learnt)
    elif any(asked):
        wanted = "a long table: unique_id, ds, y and columns of covariates"
        raise BadInput("no columns of covariates", wanted=wanted, got=", ".join(header)[:80], where=path)
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
    columns = [
        ["" if gone else str(value) for value, gone in zip(frame[name], frame[name].isna(), strict=True)]
        for name in frame.columns
    ]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return Table(path, tuple(map(str, frame.columns)), rows, list(range(1, len(rows) + 1)))


def _long(table: Table, kind: str, asked: Asked, learnt: Sequence[str]) -> Panel:
    for name in (*asked.past, *asked.future, *asked.static):
        if name not in table.header:
            raise BadInput(f"no column {name!r}", wanted="a covariate", got=", ".join(table.header), where=table.path)
    names = np.array(table.column("unique_id"))
    ids, first_row, of_row = np.unique(names, return_index=True, return_inverse=True)
    order = np.argsort(of_row, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(of_row))[:-1])
    times, of = _times(table.column("ds"), rows, ids, kind, lambda row: _at(table, row))
    for part in rows:
        _check_times(times[part], of, partial(_at_of, table, part))
    kept = np.argsort(first_row)  # series stand in the order in which the file names them
    rows, cells = [rows[i] for i in kept], table.cells("y")
    seen = [part[: _filled(cells, part)] if asked.future else part for part in rows]
    every = np.concatenate(seen)
    values = numbers([cells[row] for row in every], partial(_at_of, table, every))
    series = np.split(values, np.cumsum([len(part) for part in seen])[:-1])
    covariates = covariates_of(table, rows, [len(part) for part in seen], asked, learnt) if any(asked) else None
    return panel(series, ids[kept].tolist(), [int(times[part[0]]) for part in rows], of, covariates=covariates)


def _filled(cells: Sequence[str], rows: np.ndarray) -> int:
    """How many rows there are up to the last with a value: those behind it are to be forecast."""
    return next((count for count in range(len(rows), 0, -1) if cells[rows[count - 1]]), 0)


def covariates_of(
    table: Table, rows: Sequence[np.ndarray], seen: Sequence[int], asked: Asked, learnt: Sequence[str]
) -> Covariates:
    """The covariates of a long table.

    Args:
        table: with their columns.
        rows: of each series, in the order of time.
        seen: how many of these have a value of the series.
        asked: the columns.
        learnt: static features of a model that is there already; else empty.

    Raises:
        BadInput: naming series and date, a cell without a number that must have one, or a static one that changes.
    """
    every = np.concatenate(rows)
    before_end = np.concatenate([np.arange(len(part)) - count for part, count in zip(rows, seen, strict=True)])
    lags = dict(zip(asked.past, asked.lags, strict=False))
    columns = []
    for name in (*asked.past, *asked.future):
        cells = table.cells(name)
        optional = before_end >= -lags.get(name, 0)
        there = np.array([bool(cells[row]) or not free for row, free in zip(every, optional, strict=True)])
        column = np.full(len(every), np.nan)
        place = partial(_covariate_at, table, every[there], name)
        column[there] = numbers([cells[row] for row in every[there]], place)
        columns.append(column)
    values = np.stack(columns, axis=1) if columns else np.zeros((len(every), 0))
    starts = np.concatenate([[0], np.cumsum([len(part) for part in rows])]).astype(np.int64)
    firsts = {name: _unchanging(table, name, rows) for name in asked.static}
    return Covariates(values, starts, *encoded(firsts, learnt, table.path), asked)


def _unchanging(table: Table, name: str, rows: Sequence[np.ndarray]) -> list[str]:
    """One cell a series of a static covariate."""
    cells = np.array(table.column(name))
    for part in rows:
        if (other := np.flatnonzero(cells[part] != cells[part[0]])).size:
            row = int(part[other[0]])
            wanted = f"{cells[part[0]]} as before"
            raise BadInput(f"static covariate {name} changes", wanted=wanted, got=cells[row], where=_at(table, row))
    return [str(cells[part[0]]) for part in rows]


def _covariate_at(table: Table, rows: np.ndarray, name: str, number: int) -> str:
    return f"{_at(table, int(rows[number]))}, {name}"


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
        what = "the dates do not tell the frequency"
        raise UnknownFrequency(what, wanted="--data.frequency, as monthly", where=place(0))
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
