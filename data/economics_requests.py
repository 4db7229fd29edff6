"""Files of histories for a model that is already trained, a piece at a time, and the dates that it answers for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from data.economics import known
from data.economics_panel import Panel, check_lengths
from data.economics_windows import Windows
from data.tables import Table

CHUNK = 4_096  # series at a time


def requests(path: str, metadata: Mapping[str, Any]) -> Iterator[tuple[Table, dict[str, Any]]]:
    """The series of a file as a served model takes them, checked, in order.

    Args:
        path: a table of series, as to train on.
        metadata: of the export.

    Yields:
        A row for every series and future date, `unique_id` and `ds`, and the inputs of the served function, one
        history a series.

    Raises:
        BadInput: with series and date.
    """
    panel, facts = known(path, metadata)
    check_lengths(panel, facts["shortest"], "a season and one")
    windows = Windows(panel, facts["length"], facts["horizon"])
    for start in range(0, len(panel), CHUNK):
        series = np.arange(start, min(start + CHUNK, len(panel)))
        columns = {"series": series, "origin": panel.lengths[series]}
        history = windows(columns, 0, -1)["history"]
        frequency = np.full(len(series), facts["period"], np.int64)
        yield _dates(path, panel, series, facts["horizon"]), {"history": history, "frequency": frequency}


def _dates(path: str, panel: Panel, series: np.ndarray, horizon: int) -> Table:
    rows = [
        [panel.ids[index], panel.date(index, int(panel.lengths[index]) + step)]
        for index in series
        for step in range(horizon)
    ]
    return Table(path, ("unique_id", "ds"), rows, list(range(2, len(rows) + 2)))
