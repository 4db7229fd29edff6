"""`reconcile`: a model's forecasts of series that are sums of others, changed so that they add up."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import numpy as np

from data.economics_known import known
from data.economics_panel import Panel, check_lengths
from data.economics_requests import check_ahead, inputs_at
from data.errors import BadInput
from pipelines.domain import Domain
from pipelines.economics.hierarchy import Method, Sums, reconciled, summing
from pipelines.economics.scores import smape
from pipelines.flags import parse, positional
from pipelines.output import files_of, whole_file

TIMES = 36  # at most, of the errors that mint weighs series by
FEWEST = 3  # at least
ERRORS = f", {FEWEST} errors for mint; other methods need none"


@dataclass(frozen=True)
class ReconcileFlags:
    """Flags of `reconcile`.

    Attributes:
        out: file for the forecasts; stdout where there is none.
        method: bottom_up adds up the leaves' forecasts; the others spread what does not add up over all series, ols
            evenly, structural by how many leaves each has, mint by the model's own errors of late.
        json: print one JSON object on stdout, everything else on stderr; needs out.
    """

    out: str = ""
    method: Method = "mint"
    json: bool = False


def main(domain: Domain, arguments: Sequence[str], program: str) -> dict[str, Any]:
    """Write forecasts that add up, and tell how far apart they were.

    Quantiles move with their mean. `base` and `reconciled` are the errors on the newest horizon that is known.

    Raises:
        BadInput: no such model or file, sums of what is not there, series that end at different times.
    """
    words, flags = positional(arguments)
    told = parse(ReconcileFlags, flags, program, f"{program} [MODEL] FILE SUMS")
    if not 2 <= len(words) <= 3 or (told.json and not told.out):
        wanted = "reconcile [MODEL] FILE SUMS, with --out FILE beside --json"
        raise BadInput("reconcile: which series and sums", wanted=wanted, got=" ".join(words) or "nothing")
    from pipelines.quiet import start_tensorflow

    start_tensorflow()
    from pipelines.report import Report
    from pipelines.verbs import Served, find

    export = find(domain, words[0] if len(words) == 3 else "")
    panel, facts = known(words[-2], export.metadata)
    check_together(panel, words[-2])
    fewest = facts["shortest"] + facts["horizon"] + (FEWEST if told.method == "mint" else 0)
    check_lengths(panel, fewest, f"a season and one, a horizon to judge by{ERRORS if told.method == 'mint' else ''}")
    check_ahead(panel, facts, words[-2])
    sums, served, horizon = summing(words[-1], panel.ids), Served(export), facts["horizon"]

    def forecasts(back: int) -> dict[str, np.ndarray]:
        return served(inputs_at(panel, facts, np.arange(len(panel)), panel.lengths - back))

    answer = forecasts(0)
    moved = added_up(panel, facts, forecasts, 0, sums, told.method) - answer["mean"]
    with whole_file(told.out, *words[-2:], *files_of(export)) as target:
        write(target, panel, facts, answer, moved)
    truth = np.stack([panel.series(i)[-horizon:] for i in range(len(panel))])
    base = forecasts(horizon)["mean"].astype(np.float64)
    judged = added_up(panel, facts, forecasts, horizon, sums, told.method)
    gap = float(np.abs(answer["mean"] - reconciled(answer["mean"], sums, "bottom_up")).max())
    errors = {"base": {"smape": smape(base, truth)}, "reconciled": {"smape": smape(judged, truth)}}
    if told.out:
        was, became = (errors[name]["smape"] for name in ("base", "reconciled"))
        text = f"{told.out}: {len(panel):,} series, which were up to {gap:.6g} apart"
        Report(told.json).note(f"{text}; sMAPE on the newest {horizon} values {was:.2f}, made to add up {became:.2f}")
    return {
        "schema": 1,
        "domain": domain.name,
        "model": export.name,
        "method": told.method,
        "out": told.out,
        "largest_gap": gap,
        "scores": errors,
    }


def write(target: TextIO, panel: Panel, facts: Any, answer: Mapping[str, np.ndarray], moved: np.ndarray) -> None:
    """A row for every series and date, the quantiles moved with their mean."""
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(["unique_id", "ds", "mean", *(f"quantiles_{level}" for level in facts["levels"])])
    for index, name in enumerate(panel.ids):
        values = np.column_stack([answer["mean"][index], answer["quantiles"][index]]) + moved[index][:, None]
        for step, row in enumerate(values.tolist()):
            date = panel.date(index, int(panel.lengths[index]) + step)
            writer.writerow([name, date, *(f"{value:.9g}" for value in row)])


def added_up(panel: Panel, facts: Any, forecasts: Any, back: int, sums: Sums, method: Method) -> np.ndarray:
    """The forecasts from so many values before the end, reconciled by what was known then, (series, steps)."""
    mean, errors = forecasts(back)["mean"].astype(np.float64), None
    if method == "mint":
        times = min(TIMES, int(panel.lengths.min()) - back - facts["shortest"])
        came = [np.array([panel.series(i)[-back - k] for i in range(len(panel))]) for k in range(1, times + 1)]
        errors = np.stack([came[k - 1] - forecasts(back + k)["mean"][:, 0] for k in range(1, times + 1)])
    return reconciled(mean, sums, method, errors)


def check_together(panel: Panel, path: str) -> None:
    """Refuse series that do not end at the same date: there is nothing to add up.

    Raises:
        BadInput: naming the first that does not end with the others.
    """
    last = panel.first + panel.lengths
    if (other := np.flatnonzero(last != last[0])).size:
        index = int(other[0])
        wanted = f"all up to {panel.date(0, int(panel.lengths[0]) - 1)}"
        where = f"{path}: {panel.place(index, int(panel.lengths[index]) - 1)}"
        raise BadInput("series that end at different dates", wanted=wanted, where=where)
