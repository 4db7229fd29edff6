"""Vintages: a folder with what was published each month, of which none is read that is later than the forecast's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from data.economics_panel import Panel, panel
from data.errors import BadInput

NAME = re.compile(r"(\d{4}-(?:0[1-9]|1[0-2]))(?!\d)")
Read = Callable[[str], tuple[Panel, dict[str, Any]]]


def vintage_of(path: str) -> str:
    """The month that a file's name begins with, as 2015-01.csv or 2015-01-md.csv; empty where it does not."""
    found = NAME.match(Path(path).name)
    return found[1] if found else ""


def check_as_of(path: str, as_of: str) -> None:
    """Refuse a file that was published behind the date of the forecast.

    Raises:
        BadInput: that; or a file of which nobody knows when it was published.
    """
    if not as_of:
        return
    if not (vintage := vintage_of(path)):
        raise BadInput("a file of no known vintage", wanted="a name as 2015-01.csv", got=Path(path).name, where=path)
    if vintage > as_of:
        raise BadInput("a later vintage than the forecast's date", wanted=f"{as_of} or before", got=vintage, where=path)


def as_of_date(folder: str, as_of: str, horizon: Callable[[Panel], int], read: Read) -> tuple[Panel, dict[str, Any]]:
    """What was known at a date, with what came after it as it stands in the newest vintage, held out for test.

    A later vintage may count in other units, as an index of another base year: what came is linked to what was known at
    the last date that was known, by ratio, or by difference where a value is not positive.

    Args:
        folder: of files named after their month.
        as_of: the date of the forecast, as 2015-01.
        horizon: panel -> values to hold out.
        read: path -> the series of one file and what is known of them.

    Returns:
        The series and what is known of them: also `vintage`, that of `truth`, and the series that are `gone` since.

    Raises:
        BadInput: no date, or no vintage at it or before.
    """
    files = {vintage: str(path) for path in sorted(Path(folder).glob("*.csv")) if (vintage := vintage_of(path.name))}
    if not files:
        raise BadInput("no vintages", wanted="files named as 2015-01.csv", got="none", where=folder)
    if not NAME.fullmatch(as_of):
        wanted = f"data.as_of with a month, {min(files)} to {max(files)}"
        raise BadInput("vintages without the date of a forecast", wanted=wanted, got=as_of or "none", where=folder)
    if not (known := [vintage for vintage in files if vintage <= as_of]):
        raise BadInput("no vintage so early", wanted=f"{as_of} or before", got=f"{min(files)} at first", where=folder)
    then, now = max(known), max(files)
    found, about = read(files[then])
    about = {**about, "vintage": then}
    if then == now:
        return found, about
    later, about_later = read(files[now])
    linked, gone = followed(found, later, horizon(found))
    both = {key: {**about[key], **about_later[key]} for key in ("files", "sha256")}
    return linked, {**about, **both, "truth": now, "gone": gone}


def followed(known: Panel, later: Panel, horizon: int) -> tuple[Panel, list[str]]:
    """Each series with its next values from a later vintage, and the names of those that it does not have.

    Raises:
        BadInput: none of the series goes on.
    """
    place = {name: index for index, name in enumerate(later.ids)}
    kept, series = [], []
    for index, name in enumerate(known.ids):
        past = known.series(index)
        ahead = _next(past[-1], later, place.get(name, -1), int(known.first[index]) + len(past), horizon)
        if len(ahead) == horizon:
            kept.append(index)
            series.append(np.concatenate([past, ahead]))
    if not kept:
        where = known.place(0, int(known.lengths[0]) + horizon - 1)
        raise BadInput(
            "no series goes on", wanted=f"{horizon} later values", got="none in the newest file", where=where
        )
    gone = sorted(set(known.ids) - {known.ids[index] for index in kept})
    chosen = known.take(np.array(kept))
    made = panel(series, chosen.ids, chosen.first, chosen.frequency, held=horizon)
    return replace(made, codes=chosen.codes), gone


def _next(last: float, later: Panel, index: int, period: int, horizon: int) -> np.ndarray:
    """Values from a period on, linked to the one before it; fewer than the horizon where they are not known."""
    if index < 0:
        return np.zeros(0)
    values, at = later.series(index), period - int(later.first[index])
    if at < 1 or at + horizon > len(values):
        return np.zeros(0)
    ahead, same = values[at : at + horizon], values[at - 1]
    return ahead * (last / same) if min(last, same) > 0 else ahead + (last - same)


def check_not_before(path: str, facts: Mapping[str, Any]) -> None:
    """Refuse a vintage that is older than the one a model has learnt from: it would forecast what it has seen.

    Raises:
        BadInput: that.
    """
    learnt, vintage = facts.get("vintage", ""), vintage_of(path)
    if learnt and vintage and vintage < learnt:
        wanted = f"one of {learnt}, which the model has learnt from, or later"
        raise BadInput("an earlier vintage than the model's", wanted=wanted, got=vintage, where=path)
