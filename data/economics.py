"""Economic series: which ones, how they are split in time, and what a file for a trained model must hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from data.economics_covariates import Asked
from data.economics_files import UnknownFrequency, from_file
from data.economics_panel import Panel, check_lengths, constant, owner
from data.economics_sources import COMPETITIONS, named
from data.economics_splits import boundaries, chosen, digest, divided
from data.economics_windows import Windows, fixed_rows
from data.errors import BadInput
from data.given import options_of
from data.splits import Rows, Splits

HORIZONS = {"yearly": 6, "quarterly": 8, "monthly": 18, "weekly": 13, "daily": 14, "hourly": 48, "other": 8}
LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)  # of the quantiles that are forecast
LONGEST = 512  # values of a history that a model sees, unless more are asked for


@dataclass(frozen=True)
class EconomicsData:
    """Which series to learn from; without a path, those of a competition.

    Attributes:
        path: CSV, TSV or parquet with unique_id, ds, y; or ds and a column a series; or columns of numbers alone.
        name: published series where there is no path: m1, m3, tourism or macrodata.
        frequency: yearly to hourly, a code as QE, or values a season; of a file, where its dates do not tell it.
        horizon: values to forecast; 0 for the competition's own, else by the frequency: 6 years, 8 quarters, 18 months.
        history: newest values of a series that a model sees; 0 for all of the longest one, at most 512.
        draws: windows that are drawn from each series for an epoch, others in every epoch.
        recent: how many horizons before the end windows are drawn from; 0 for the whole series.
        split: last holds out a horizon for test and one for validation; fractions 20 % and 10 % of each series.
        val_share: share of the series, drawn by the seed, that are judged to choose by; others are learnt up to test.
        origins: forecasts of a horizon that are judged in each part, one behind the other; with split last.
        stride: values from one judged forecast to the next; 0 for a whole horizon.
        transform: what a model learns: values, their differences, logarithms, or differences of logarithms.
        constant: what is done about series that never move, which MASE cannot judge.
        window: newest values that a network reads; 0 for two horizons.
        seasons: auto divides seasons out before a network where a test finds any; none leaves them to it.
        unit: what a network's values are counted in: the mean level of the window, or its mean change.
        past: columns of a long table that are known up to the origin, as visits.
        future: columns that are known for the dates to be forecast too, in rows whose y is empty, as price.
        static: columns that hold one number or word for a series, as region.
        lags: of each past column, the periods by which it is published later; none for no delay.
        calendar: season tells a network which month, quarter, weekday or hour each step is.
    """

    path: str = ""
    name: str = "m3"
    frequency: str = ""
    horizon: int = 0
    history: int = 0
    draws: int = 16
    recent: int = 0
    split: Literal["last", "fractions"] = "last"
    origins: int = 1
    stride: int = 0
    val_share: float = 1.0
    transform: Literal["level", "difference", "log", "log_difference"] = "level"
    constant: Literal["refuse", "drop", "keep"] = "refuse"
    window: int = 0
    seasons: Literal["auto", "none"] = "auto"
    unit: Literal["change", "level"] = "change"
    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    lags: tuple[int, ...] = ()
    calendar: Literal["none", "season"] = "none"

    def __post_init__(self) -> None:
        """Refuse numbers that cannot work before anything is read."""
        for name, least in {"horizon": 0, "history": 0, "recent": 0, "stride": 0, "window": 0, "draws": 1}.items():
            if getattr(self, name) < least:
                raise BadInput(f"data.{name} cannot work", wanted=f"at least {least}", got=getattr(self, name))
        if self.origins < 1:
            raise BadInput("data.origins cannot work", wanted="at least 1", got=self.origins)
        if not 0 < self.val_share <= 1:
            raise BadInput("data.val_share cannot work", wanted="above 0, at most 1", got=self.val_share)
        if any(self.asked) and not self.path:
            raise BadInput("covariates are columns of a file", wanted="data.path", got=f"data.name {self.name}")
        if self.lags and (len(self.lags) != len(self.past) or min(self.lags) < 0):
            wanted = f"a number, 0 or more, for each of the {len(self.past)} columns of data.past"
            raise BadInput("data.lags cannot work", wanted=wanted, got=self.lags)

    @property
    def asked(self) -> Asked:
        """The columns that are covariates."""
        return Asked(self.past, self.future, self.static, self.lags)


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
        BadInput: as `load`; a series too short for so many.
    """
    panel, about = read(options)
    horizon = options.horizon or panel.held or HORIZONS[panel.frequency.name]
    for fold in range(k):
        check_lengths(panel, fold * horizon + 1, f"{k} folds")
        made = splits(panel.before(fold * horizon), about, options, seed)
        rule = f"fold {fold + 1} of {k}, {fold} horizons before the end; {made.meta['split_rule']}"
        yield Splits(made.train, made.val, made.test, {**made.meta, "split_rule": rule, "fold": fold, "folds": k})


def splits(panel: Panel, about: Mapping[str, Any], options: EconomicsData, seed: int) -> Splits:
    """Series that were read, checked and split as `load` says."""
    horizon = options.horizon or panel.held or HORIZONS[panel.frequency.name]
    if panel.held and horizon > panel.held:
        raise BadInput("data.horizon is beyond the test values", wanted=f"at most {panel.held}", got=horizon)
    panel, dropped = without_constants(panel, options.constant, horizon)
    check_signs(panel, options.transform)
    stride, length = options.stride or horizon, options.history or int(min(panel.lengths.max() - horizon, LONGEST))
    ends, rule = boundaries(panel, options.split, horizon, horizon + (options.origins - 1) * stride)
    choosing = chosen(len(panel), options.val_share, seed)
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
        "shortest": panel.frequency.period + 1,
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
        return from_file(options.path, options.frequency, options.asked)
    return named(options.name, options.frequency or ("quarterly" if options.name in COMPETITIONS else ""))


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
        got = f"{panel.series(int(still[0]))[0]:g} at all times, in {len(still):,} series"
        raise BadInput(
            "a constant series, which MASE cannot judge", wanted=wanted, got=got, where=panel.place(still[0])
        )
    return panel.take(np.setdiff1d(np.arange(len(panel)), still)), len(still)


def check_signs(panel: Panel, transform: str) -> None:
    """Refuse what has no logarithm.

    Raises:
        BadInput: naming series and date of the first such value.
    """
    if not transform.startswith("log"):
        return
    if (wrong := np.flatnonzero(panel.values <= 0)).size:
        where = panel.place(*owner(panel, int(wrong[0])))
        raise BadInput("no logarithm", wanted="values above 0", got=panel.values[wrong[0]], where=where)


def labelled_rows(path: str, metadata: Mapping[str, Any]) -> Rows:
    """The newest horizon of each series of a file, to judge a trained model on.

    Raises:
        BadInput: with series and date; another frequency than the model's.
    """
    panel, facts = known(path, metadata)
    check_lengths(panel, facts["horizon"] + facts["shortest"], "a horizon, a season and one before")
    last = panel.lengths - facts["horizon"]
    return fixed_rows(panel, windows_of(panel, facts), last, last, 1)


def windows_of(panel: Panel, facts: Mapping[str, Any]) -> Windows:
    """What makes the windows of a model that is there already."""
    return Windows(panel, facts["length"], facts["horizon"], calendar="season" in facts["covariates"])


def known(path: str, metadata: Mapping[str, Any]) -> tuple[Panel, Mapping[str, Any]]:
    """The series of a file for a model that is there already, and the facts of its data.

    Raises:
        BadInput: another frequency than the model's.
    """
    facts, asked = metadata["data"], options_of(EconomicsData, metadata).asked
    learnt = facts["covariates"].get("static", {}).get("names", ())
    try:
        panel, _ = from_file(path, "", asked, learnt)
    except UnknownFrequency:
        panel, _ = from_file(path, facts["frequency"], asked, learnt)
    if panel.frequency.name not in (facts["frequency"], "other"):
        raise BadInput("series of another frequency", wanted=facts["frequency"], got=panel.frequency.name, where=path)
    if "season" in facts["covariates"] and not panel.frequency.unit:
        raise BadInput("no calendar", wanted="dates", got="numbers", where=path)
    check_signs(panel, facts["transform"])
    return panel, facts
