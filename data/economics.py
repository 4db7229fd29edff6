"""Economic series: which ones, and how they are split in time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from data.economics_files import from_file
from data.economics_options import EconomicsData
from data.economics_panel import Panel, check_lengths, constant, owner
from data.economics_sources import COMPETITIONS, named
from data.economics_splits import boundaries, chosen, digest, divided
from data.economics_vintages import as_of_date, check_as_of, vintage_of
from data.economics_windows import Windows
from data.errors import BadInput
from data.splits import Splits

HORIZONS = {"yearly": 6, "quarterly": 8, "monthly": 18, "weekly": 13, "daily": 14, "hourly": 48, "other": 8}
LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)  # of the quantiles that are forecast
LOGS, GROWTH = (4, 5, 6), 7  # codes of transforms
LONGEST = 512  # values of a history that a model sees, unless more are asked for


def load(options: EconomicsData, seed: int) -> Splits:
    """Read, check, split in time.

    Args:
        options: where from, horizon, split.
        seed: of the series to choose by, where these are not all.

    Returns:
        Splits of rows (series, origin), with `history`, `target` and `scale` made around each batch
        (`data.economics_windows`). In meta: name, source, licence, files, sha256, unit, frequency, period, horizon,
        length (of a history), shortest, series, transform, levels, split_rule, dropped, covariates, and for each split
        rows and digest.

    Raises:
        BadInput: with series and date, whatever keeps the series from being forecast.
    """
    panel, about = read(options)
    return splits(panel, about, options, seed)


def folds(options: EconomicsData, k: int, *, seed: int) -> Iterator[Splits]:
    """K rolling origins: the newest values, then what lies a horizon before them, and so on, each without its future.

    Raises:
        BadInput: as `load`; a series too short for so many; a vintage, which earlier forecasts have not known.
    """
    panel, about = read(options)
    if options.as_of:
        raise BadInput("folds of one vintage", wanted="runs with several data.as_of", got=f"{k} folds")
    horizon = horizon_of(panel, options)
    for fold in range(k):
        check_lengths(panel, fold * horizon + 1, f"{k} folds")
        try:
            made = splits(panel.before(fold * horizon), about, options, seed)
        except BadInput as error:
            what = f"fold {fold + 1} of {k}, without the newest {fold * horizon} values: {error.what}"
            raise BadInput(what, wanted=error.wanted, got=error.got, where=error.where) from None
        rule = f"fold {fold + 1} of {k}, {fold} horizons before the end; {made.meta['split_rule']}"
        yield Splits(made.train, made.val, made.test, {**made.meta, "split_rule": rule, "fold": fold, "folds": k})


def splits(panel: Panel, about: Mapping[str, Any], options: EconomicsData, seed: int) -> Splits:
    """Series that were read, checked and split as `load` says."""
    horizon = horizon_of(panel, options)
    if panel.held and horizon > panel.held:
        raise BadInput("data.horizon is beyond the test values", wanted=f"at most {panel.held}", got=horizon)
    panel = panel if options.transform == "file" else replace(panel, codes=None)
    panel, dropped = without_constants(panel, options.constant, horizon)
    check_signs(panel, options.transform)
    stride = options.stride or horizon
    ends, rule = boundaries(panel, options.split, horizon, horizon + (options.origins - 1) * stride)
    length = options.history or int(min(panel.lengths.max() - horizon, LONGEST))
    choosing = chosen(ends[0] > panel.frequency.period, options.val_share, seed)
    if about.get("truth"):
        rule = f"{rule.replace('official', 'in time')}; as of {options.as_of}, test from vintage {about['truth']}"
    if not choosing.all():
        rule += f", of {choosing.sum():,} of the {len(panel):,} series"
    windows = Windows(panel, length, horizon, calendar=options.calendar != "none")
    rows = divided(windows, ends, choosing, stride, options.draws, options.recent)
    facts = {
        "unit": "one forecast of one series",
        "frequency": panel.frequency.name,
        "period": panel.frequency.period,
        "horizon": horizon,
        "length": length,
        "shortest": panel.frequency.period + 1 + lost(options.transform),
        "vintage": about.get("vintage", ""),
        "series": len(panel),
        "dropped": dropped,
        "transform": options.transform,
        "levels": list(LEVELS),
        "covariates": covariates(panel, options, ends[0]),
        "split_rule": rule,
        "rows": {name: part.size for name, part in rows.items()},
        "digest": {name: digest(panel, part, ends, name) for name, part in rows.items()},
    }
    return Splits(**rows, meta={**about, **facts})


def read(options: EconomicsData) -> tuple[Panel, dict[str, Any]]:
    """The series and what is known of their source."""
    if options.path:
        return of_path(options)
    return named(options.name, options.frequency or ("quarterly" if options.name in COMPETITIONS else ""))


def of_path(options: EconomicsData) -> tuple[Panel, dict[str, Any]]:
    """The series of a file, or of a folder of vintages as of a date."""

    def file(path: str) -> tuple[Panel, dict[str, Any]]:
        return from_file(path, options.frequency, options.asked)

    if Path(options.path).is_dir():
        return as_of_date(options.path, options.as_of, lambda panel: horizon_of(panel, options), file)
    check_as_of(options.path, options.as_of)
    panel, about = file(options.path)
    return panel, about | ({"vintage": vintage_of(options.path)} if options.as_of else {})


def horizon_of(panel: Panel, options: EconomicsData) -> int:
    """Values to forecast."""
    return options.horizon or panel.held or HORIZONS[panel.frequency.name]


def covariates(panel: Panel, options: EconomicsData, ends: np.ndarray) -> dict[str, Any]:
    """What a model must know of the covariates, by kind, those of the calendar among them; empty where there are none.

    Raises:
        BadInput: a calendar of series that have no dates or no seasons.
    """
    told = panel.covariates.facts(ends) if panel.covariates else {}
    if options.calendar == "season":
        of = panel.frequency
        if not of.unit or of.period == 1 or of.name == "weekly":
            got = f"{of.name} series" + ("" if of.unit else " without dates")
            raise BadInput("no calendar", wanted="dated months, quarters, days or hours", got=got)
        told["season"] = {"names": ["season"]}
    return told


def lost(transform: str) -> int:
    """Values by which what a model learns is shorter than a history, at most."""
    return 2 if transform in ("second_difference", "log_second_difference", "growth_difference", "file") else 0


def without_constants(panel: Panel, what: str, horizon: int) -> tuple[Panel, int]:
    """The panel without series that never move before the test values, and how many those were.

    Raises:
        BadInput: naming the first of them, where they are to be refused, or where nothing else is left.
    """
    still = constant(panel, panel.held or horizon)
    if not still.size or what == "keep":
        return panel, 0
    if what == "refuse" or len(still) == len(panel):
        wanted = "series that move, or data.constant drop or keep"
        got = f"{panel.series(int(still[0]))[0]:g} from {panel.date(int(still[0]), 0)} on, in {len(still):,} series"
        raise BadInput(
            "a constant series, which MASE cannot judge", wanted=wanted, got=got, where=panel.place(still[0])
        )
    return panel.take(np.setdiff1d(np.arange(len(panel)), still)), len(still)


def check_signs(panel: Panel, transform: str) -> None:
    """Refuse what has no logarithm, no growth, or no code of a transform.

    Raises:
        BadInput: naming series and date of the first such value.
    """
    if transform == "file" and panel.codes is None:
        raise BadInput("no transforms", wanted="FRED-MD's row of codes, or another data.transform", got="none")
    own = np.zeros(len(panel), int) if panel.codes is None or transform != "file" else panel.codes
    codes = np.repeat(own, panel.lengths)
    logs = np.isin(codes, LOGS) | transform.startswith("log")
    growth = (codes == GROWTH) | transform.startswith("growth")
    for what, wanted, wrong in (
        ("no logarithm", "values above 0", logs & (panel.values <= 0)),
        ("no growth", "values other than 0", growth & (panel.values == 0)),
    ):
        if wrong.any():
            place = int(wrong.argmax())
            raise BadInput(what, wanted=wanted, got=panel.values[place], where=panel.place(*owner(panel, place)))
