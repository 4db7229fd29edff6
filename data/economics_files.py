"""The user's own series: long and wide tables, FRED-MD's files, bare columns of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data.economics_cells import check_times, is_number, numbers, times_of
from data.economics_covariates import NOTHING, Asked
from data.economics_frequencies import frequency
from data.economics_long import long_panel
from data.economics_panel import Panel, panel
from data.errors import BadInput
from data.given import digest_of_file
from data.tables import Table, read_table

DATES = ("ds", "date", "sasdate", "observation_date", "period", "time", "year", "quarter", "month", "index", "")
"""Names of the first column of a wide table; the last two are those that pandas gives an index without a name."""


def from_file(path: str, kind: str, asked: Asked = NOTHING, learnt: Sequence[str] = ()) -> tuple[Panel, dict[str, Any]]:
    """The user's own series: a long or a wide table with a header (CSV, parquet), or bare columns of numbers.

    Args:
        path: long: columns unique_id, ds, y, and covariates; wide: ds and one column a series, as FRED-MD's, with its
            row of transforms; else numbers without a header.
        kind: their frequency; empty to tell it from the dates.
        asked: columns of a long table that are covariates.
        learnt: static features of the model that they are for; empty to learn from them.

    Raises:
        BadInput: naming series and date, whatever keeps them from being forecast.
    """
    table = read_series_table(path)
    header = table.header
    bare = all(is_number(cell) for cell in header)
    if not bare and (twice := [name for name in header if header.count(name) > 1]):
        raise BadInput(f"two columns are named {twice[0]!r}", wanted="a name for each", where=path)
    if {"unique_id", "ds", "y"} <= set(header):
        found = long_panel(table, kind, asked, learnt)
    elif any(asked):
        wanted = "a long table: unique_id, ds, y and columns of covariates"
        raise BadInput("no columns of covariates", wanted=wanted, got=", ".join(header)[:80], where=path)
    elif header and header[0].lower() in DATES:
        found = _wide(table, kind)
    elif bare:
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
    if frame.index.name or not isinstance(frame.index, pandas.RangeIndex):
        frame = frame.reset_index()
    columns = [
        ["" if gone else str(value) for value, gone in zip(frame[name], frame[name].isna(), strict=True)]
        for name in frame.columns
    ]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return Table(path, tuple(map(str, frame.columns)), rows, list(range(1, len(rows) + 1)))


def _wide(table: Table, kind: str) -> Panel:
    table, codes = _without_notes(table)
    dates, names = table.column(table.header[0]), table.header[1:]
    if not names:
        raise BadInput("no column of values", wanted="one for each series", where=table.path)
    everything = [np.arange(len(dates))]

    def at(row: int) -> str:
        return f"{table.place(row)}, {dates[row]}"

    times, of = times_of(dates, everything, np.array(["all"]), kind, at)
    check_times(times, of, at)
    spans = [_span(table, name) for name in names]
    series = [
        numbers(table.cells(name)[span], partial(_in_column, table, name, span.start))
        for name, span in zip(names, spans, strict=True)
    ]
    return replace(panel(series, names, [int(times[span.start]) for span in spans], of), codes=codes)


def _without_notes(table: Table) -> tuple[Table, np.ndarray | None]:
    """The table without the rows that FRED-MD and FRED-QD put above and below the dates, and the codes of one of them.

    Raises:
        BadInput: a code that is none.
    """
    notes, codes = 0, None
    while notes < len(table.rows) and table.rows[notes][0].strip().rstrip(":").lower() in ("transform", "factors"):
        if table.rows[notes][0].lower().startswith("transform"):
            codes = _codes(table, notes)
        notes += 1
    if codes is None:
        return table, None
    kept = [row for row in range(notes, len(table.rows)) if table.rows[row][0].strip()]  # blank dates end its files
    return Table(table.path, table.header, [table.rows[r] for r in kept], [table.lines[r] for r in kept]), codes


def _codes(table: Table, row: int) -> np.ndarray:
    cells = [cell.strip().removesuffix(".0") for cell in table.rows[row][1:]]
    for name, cell in zip(table.header[1:], cells, strict=True):
        if cell not in ("1", "2", "3", "4", "5", "6", "7"):
            where = f"{table.place(row)}: series {name}"
            raise BadInput("no code of a transform", wanted="1 to 7", got=repr(cell), where=where)
    return np.array(cells, np.int32)


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
