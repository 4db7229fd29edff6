"""The data options of economics: which series to learn from, and how they are read and split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from data.economics_covariates import Asked
from data.errors import BadInput


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
        val_share: share of the series, drawn by the seed, but 30 at least, that are judged to choose by; others are
            learnt up to test.
        origins: forecasts of a horizon that are judged in each part, one behind the other; with split last.
        stride: values from one judged forecast to the next; 0 for a whole horizon.
        transform: what a model learns in place of values, as their differences or logarithms; file takes the code of
            each series, 1 to 7, from FRED-MD's row of transforms.
        as_of: date of the forecast, as 2015-01, where path is a folder of vintages, files named after their months.
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
    transform: Literal[
        "level", "difference", "second_difference", "log", "log_difference", "log_second_difference",
        "growth_difference", "file",
    ] = "level"  # fmt: skip
    constant: Literal["refuse", "drop", "keep"] = "refuse"
    window: int = 0
    seasons: Literal["auto", "none"] = "auto"
    unit: Literal["change", "level"] = "change"
    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    lags: tuple[int, ...] = ()
    calendar: Literal["none", "season"] = "none"
    as_of: str = ""

    def __post_init__(self) -> None:
        """Refuse numbers that cannot work before anything is read."""
        for name, least in {"horizon": 0, "history": 0, "recent": 0, "stride": 0, "window": 0, "draws": 1}.items():
            if getattr(self, name) < least:
                raise BadInput(f"data.{name} cannot work", wanted=f"at least {least}", got=getattr(self, name))
        if self.origins < 1:
            raise BadInput("data.origins cannot work", wanted="at least 1", got=self.origins)
        if self.origins > 1 and self.split != "last":
            raise BadInput("data.origins cannot work", wanted="data.split last", got=f"data.split {self.split}")
        if self.origins > 1 and self.as_of:
            wanted = "1 beside data.as_of: earlier forecasts have not known this vintage"
            raise BadInput("data.origins cannot work", wanted=wanted, got=self.origins)
        if not 0 < self.val_share <= 1:
            raise BadInput("data.val_share cannot work", wanted="above 0, at most 1", got=self.val_share)
        if any(self.asked) and not self.path:
            raise BadInput("covariates are columns of a file", wanted="data.path", got=f"data.name {self.name}")
        columns = [*self.past, *self.future, *self.static, "unique_id", "ds", "y"]
        if twice := [name for name in columns if columns.count(name) > 1]:
            wanted = "each once, in data.past, data.future or data.static, and not the series itself"
            raise BadInput("a column that is asked for twice", wanted=wanted, got=twice[0])
        if self.lags and (len(self.lags) != len(self.past) or min(self.lags) < 0):
            wanted = f"a number, 0 or more, for each of the {len(self.past)} columns of data.past"
            raise BadInput("data.lags cannot work", wanted=wanted, got=self.lags)

    @property
    def asked(self) -> Asked:
        """The columns that are covariates."""
        return Asked(self.past, self.future, self.static, self.lags)
