"""How much a forecaster leans on each covariate: the error when it is dealt out anew among the series."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data.economics_covariates import KINDS
from data.splits import Rows
from pipelines.economics.scores import smape

REPEATS = 10
CHUNK = 1_024  # rows at a time


class Importance(NamedTuple):
    """Of one covariate.

    Attributes:
        name: of the column.
        kind: past, future, static or season.
        rise: by how much sMAPE rises without it, in points, the mean over the repeats.
        deviation: over the repeats.
    """

    name: str
    kind: str
    rise: float
    deviation: float


def importances(model: Any, rows: Rows, meta: Mapping[str, Any], seed: int = 0) -> tuple[float, list[Importance]]:
    """The error of a model's forecasts, and its rise for each covariate, the largest first.

    A covariate is taken from another row, all of its dates together: what it is like stays, what it has to do with this
    series is gone. One that all rows share, as a holiday, is moved in time instead. Words of one static column go
    together.

    Source: Breiman 2001, Random forests, section 10; Fisher et al. 2019, section 3.
    """
    batch, random = rows.batch(np.arange(rows.size)), np.random.default_rng(seed)
    inputs = {name: batch[name] for name in model.input}
    target = batch["target"].astype(np.float64)

    def error(given: Mapping[str, np.ndarray]) -> float:
        pieces = [{name: values[i : i + CHUNK] for name, values in given.items()} for i in range(0, rows.size, CHUNK)]
        means = [np.asarray(model.predict_on_batch(piece))[..., 0] for piece in pieces]
        return smape(np.concatenate(means).astype(np.float64), target)

    whole, found = error(inputs), []
    for kind, name, places in columns(meta["covariates"]):
        rises = []
        for _ in range(REPEATS):
            changed = inputs[kind].copy()
            changed[places] = dealt(changed[places], kind, meta["period"], random)
            rises.append(error({**inputs, kind: changed}) - whole)
        found.append(Importance(name, kind, float(np.mean(rises)), float(np.std(rises, ddof=1))))
    return whole, sorted(found, key=lambda one: -one.rise)


def dealt(values: np.ndarray, kind: str, period: int, random: np.random.Generator) -> np.ndarray:
    """A covariate of other rows, (rows, ...), or of another time where all rows have the same."""
    if values.shape[0] > 1 and not np.array_equal(values[1:], values[:-1], equal_nan=True):
        return values[random.permutation(len(values))]
    if kind == "season":
        return (values + random.integers(1, period)) % period
    return np.roll(values, random.integers(1, values.shape[1]), axis=1) if kind != "static" else values


def columns(covariates: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, Any]]:
    """(kind, name, where it stands in a batch) of each covariate."""
    for kind in (kind for kind in KINDS if kind in covariates):
        stems = [name.partition("=")[0] if kind == "static" else name for name in covariates[kind]["names"]]
        for stem in dict.fromkeys(stems):
            own = [i for i, other in enumerate(stems) if other == stem]
            yield kind, stem, Ellipsis if kind == "season" else (Ellipsis, own)


def write(path: Path, whole: float, found: Sequence[Importance]) -> None:
    """A row for each covariate."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["covariate", "kind", "smape", "smape_without", "rise", "deviation"])
        for one in found:
            numbers = (whole, whole + one.rise, one.rise, one.deviation)
            writer.writerow([one.name, one.kind, *(f"{number:.4f}" for number in numbers)])


def draw(path: Path, found: Sequence[Importance]) -> Path:
    """Bars, the largest on top."""
    from pipelines import plots

    figure, (axes,) = plots.panels(1)
    names = [f"{one.name} ({one.kind})" for one in found][::-1]
    rises, spreads = [one.rise for one in found][::-1], [one.deviation for one in found][::-1]
    axes.barh(names, rises, xerr=spreads, color=plots.COLOURS[0])
    axes.axvline(0, color=plots.PALE, zorder=0)
    axes.set(xlabel="rise of sMAPE, points", title=f"Dealt out anew among series, {REPEATS} times")
    return plots.saved(figure, path)
