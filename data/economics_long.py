"""Long tables: a row for each series and date, with covariates beside the values."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from data.economics_cells import check_times, numbers, times_of
from data.economics_covariates import Asked, Covariates, encoded
from data.economics_panel import Panel, panel
from data.errors import BadInput
from data.tables import Table


def long_panel(table: Table, kind: str, asked: Asked, learnt: Sequence[str]) -> Panel:
    """The series of a long table: unique_id, ds, y, and covariates; behind the last y there may be dates to forecast.

    Args:
        table: the file.
        kind: frequency; empty to tell it from the dates.
        asked: columns that are covariates.
        learnt: static features of the model that they are for; empty to learn from them.

    Raises:
        BadInput: naming series and date, whatever keeps them from being forecast.
    """
    for name in (*asked.past, *asked.future, *asked.static):
        if name not in table.header:
            raise BadInput(f"no column {name!r}", wanted="a covariate", got=", ".join(table.header), where=table.path)
    names = np.array(table.column("unique_id"))
    ids, first_row, of_row = np.unique(names, return_index=True, return_inverse=True)
    order = np.argsort(of_row, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(of_row))[:-1])
    times, of = times_of(table.column("ds"), rows, ids, kind, lambda row: _at(table, row))
    for part in rows:
        check_times(times[part], of, partial(_at_of, table, part))
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


def _at_of(table: Table, rows: np.ndarray, number: int) -> str:
    """The place of one of these rows."""
    return _at(table, int(rows[number]))


def _at(table: Table, row: int) -> str:
    return f"{table.place(row)}: series {table.column('unique_id')[row]}, {table.column('ds')[row]}"
