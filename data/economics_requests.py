"""Files of histories for a model that is already trained, a piece at a time, and the dates that it answers for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from data.economics_covariates import further, missing
from data.economics_known import known, windows_of
from data.economics_panel import Panel, check_lengths
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
    check_ahead(panel, facts, path)
    for start in range(0, len(panel), CHUNK):
        series = np.arange(start, min(start + CHUNK, len(panel)))
        inputs = inputs_at(panel, facts, series, panel.lengths[series])
        yield _dates(path, panel, series, facts["horizon"]), inputs


def inputs_at(panel: Panel, facts: Mapping[str, Any], series: np.ndarray, origin: np.ndarray) -> dict[str, Any]:
    """What a served model takes to forecast series from origins, positions in them."""
    made = windows_of(panel, facts)({"series": series, "origin": origin}, 0, -1)
    frequency = np.full(len(series), facts["period"], np.int64)
    return {**{name: made[name] for name in ("history", *further(facts))}, "frequency": frequency}


def check_ahead(panel: Panel, facts: Mapping[str, Any], path: str) -> None:
    """Refuse to forecast without the covariates of the dates to be forecast.

    Raises:
        BadInput: naming the pairs of series and date.
    """
    if "future" not in facts["covariates"]:
        return
    assert panel.covariates is not None
    origin = panel.lengths
    ahead = panel.covariates.windows(np.arange(len(panel)), origin, 0, facts["horizon"])["future"]
    gone = np.argwhere(~np.isfinite(ahead).all(2))
    if len(gone):
        pairs = [(panel.ids[index], panel.date(index, int(origin[index] + step))) for index, step in gone]
        raise missing(pairs, facts["covariates"]["future"]["names"], path)


def _dates(path: str, panel: Panel, series: np.ndarray, horizon: int) -> Table:
    rows = [
        [panel.ids[index], panel.date(index, int(panel.lengths[index]) + step)]
        for index in series
        for step in range(horizon)
    ]
    return Table(path, ("unique_id", "ds"), rows, list(range(2, len(rows) + 2)))
