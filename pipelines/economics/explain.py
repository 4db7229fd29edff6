"""`explain`: a forecast of an interpretable N-BEATS taken apart, and what the covariates of any model are worth."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import BadInput
from pipelines.domain import Domain
from pipelines.economics import importance
from pipelines.economics.importance import importances
from pipelines.flags import parse, positional
from pipelines.trained import open_trained

DRAWN = 3  # series on the figure


@dataclass(frozen=True)
class ExplainFlags:
    """Flags of `explain`.

    Attributes:
        out: folder for parts.csv and parts.png, importance.csv and importance.png.
        json: print one JSON object on stdout, everything else on stderr.
    """

    out: str = "explained"
    json: bool = False


def main(domain: Domain, arguments: Sequence[str], program: str) -> dict[str, Any]:
    """Write the parts of every forecast for the series of a file, and the importance of each covariate.

    The parts are those of the networks alone, means over members, and add up to their mean forecast. The importance is
    judged on the newest horizon of each series whose values are there.

    Raises:
        BadInput: no such model or file, or a model whose forecasts have no parts.
    """
    words, flags = positional(arguments)
    told = parse(ExplainFlags, flags, program, f"{program} [MODEL] FILE")
    if not 1 <= len(words) <= 2:
        raise BadInput("explain: which series", wanted="explain [MODEL] FILE", got=" ".join(words) or "nothing")
    trained = open_trained(domain, words[0] if len(words) == 2 else "")
    from pipelines.report import Report

    export, folder, report = trained.export, Path(told.out), Report(told.json)
    answer = {"schema": 1, "domain": domain.name, "model": export.name, "out": str(folder)}
    if export.metadata["data"]["covariates"]:
        rows = domain.rows(words[-1], export.metadata)
        whole, found = importances(trained.model, rows, export.metadata["data"])
        importance.write(folder / "importance.csv", whole, found)
        importance.draw(folder / "importance.png", found)
        answer |= {"smape": whole, "importance": {one.name: one.rise for one in found}}
        report.note(f"{rows.size:,} forecasts, sMAPE {whole:.2f}; without a covariate it is so much higher:")
        for one in found:
            report.note(f"  {one.name:<20}{one.kind:<8}{one.rise:>8.2f} ± {one.deviation:.2f}")
        if not parted(trained.model):
            report.note(f"drawn in {folder}; these forecasts have no parts: basis interpretable of nbeats has")
            return {**answer, "rows": rows.size}
    pieces = list(domain.requests(words[-1], export.metadata))
    parts = taken_apart(trained.model, joined([columns for _, columns in pieces]))
    dates = [row for table, _ in pieces for row in table.rows]
    write(folder / "parts.csv", dates, parts)
    draw(folder / "parts.png", dates, parts)
    report.note(f"{', '.join(parts)} of {len(dates):,} forecasts; written and drawn in {folder}")
    return {**answer, "rows": len(dates)}


def joined(pieces: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """What several pieces of a file hold, less what only a served function takes."""
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0] if name != "frequency"}


def parted(model: Any) -> bool:
    """Whether the forecasts of a model have parts."""
    names = _names(model)
    kinds = [any(name.endswith(f"_{kind}_forecast") for name in names) for kind in ("trend", "seasonality")]
    return all(kinds) and "restored" not in names


def taken_apart(model: Any, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The parts of the networks' mean forecast, each (series, horizon); together they are the forecast.

    `level` is the last value, of a seasonal series without its season; `seasonality` is what the network's own waves
    and the seasons that were taken out before it make together.

    Raises:
        BadInput: where the network has no parts, or forecasts something else than values.
    """
    import keras

    if not parted(model):
        wanted = "one trained with nbeats --model.basis interpretable and data.transform level"
        raise BadInput("a model whose forecasts have no parts", wanted=wanted, got=model.name)
    blocks = {kind: [n for n in _names(model) if n.endswith(f"_{kind}_forecast")] for kind in ("trend", "seasonality")}
    outputs = {
        "by": model.get_layer("past_window").output[1],
        "seasons": model.get_layer("past_seasons").output[1:],
        **{kind: [model.get_layer(name).output for name in names] for kind, names in blocks.items()},
    }
    if "covariates_correction" in _names(model):
        outputs["covariates"] = model.get_layer("covariates_correction").output
    found = keras.Model(model.input, outputs).predict(dict(inputs), batch_size=256, verbose=0)
    last, unit = found["by"][:, :1], found["by"][:, 1:]
    factors, shifts = found["seasons"]
    trend, seasonality = (unit * np.sum([x.mean(1) for x in found[kind]], axis=0) for kind in blocks)
    level = last + np.zeros_like(trend)
    further = {"covariates": unit * found["covariates"]} if "covariates" in found else {}
    seasonless = level + trend + seasonality + sum(further.values())
    given_back = seasonless * factors + shifts - seasonless
    return {"level": level, "trend": trend, "seasonality": seasonality + given_back, **further}


def _names(model: Any) -> list[str]:
    return [layer.name for layer in model.layers]


def write(path: Path, rows: Sequence[Sequence[str]], parts: Mapping[str, np.ndarray]) -> None:
    """A row for every series and date."""
    columns = [values.reshape(-1) for values in parts.values()]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["unique_id", "ds", *parts, "forecast"])
        for row, values in zip(rows, np.stack([*columns, sum(columns)], axis=1).tolist(), strict=True):
            writer.writerow([*row, *(f"{value:.9g}" for value in values)])


def draw(path: Path, rows: Sequence[Sequence[str]], parts: Mapping[str, np.ndarray]) -> Path:
    """The parts of the first series, side by side."""
    from pipelines import plots

    horizon = parts["level"].shape[1]
    figure, panels = plots.panels(min(DRAWN, len(parts["level"])))
    for number, axes in enumerate(panels):
        steps = np.arange(1, horizon + 1)
        for name, colour in zip(list(parts)[1:], plots.COLOURS, strict=False):
            axes.plot(steps, parts[name][number], "o-", color=colour, label=name)
        axes.axhline(0, color=plots.PALE, zorder=0)
        axes.set(
            title=f"{rows[number * horizon][0]}: beside its level",
            xlabel=f"steps ahead, the first {rows[number * horizon][1]}",
        )
    panels[0].legend(frameon=False)
    return plots.saved(figure, path)
