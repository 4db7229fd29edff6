"""`explain`: a forecast of an interpretable N-BEATS taken apart: level, trend, seasonality, and seasons put back."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import BadInput
from pipelines.domain import Domain
from pipelines.flags import parse, positional
from pipelines.trained import open_trained

PARTS = ("level", "trend", "seasonality", "seasons")
DRAWN = 3  # series on the figure


@dataclass(frozen=True)
class ExplainFlags:
    """Flags of `explain`.

    Attributes:
        out: folder for parts.csv and parts.png.
        json: print one JSON object on stdout, everything else on stderr.
    """

    out: str = "explained"
    json: bool = False


def main(domain: Domain, arguments: Sequence[str], program: str) -> dict[str, Any]:
    """Write the parts of every forecast for the series of a file.

    The parts are those of the networks alone, means over members, and add up to their mean forecast.

    Raises:
        BadInput: no such model or file, or a model whose forecasts have no parts.
    """
    words, flags = positional(arguments)
    told = parse(ExplainFlags, flags, program, f"{program} [MODEL] FILE")
    if not 1 <= len(words) <= 2:
        raise BadInput("explain: which series", wanted="explain [MODEL] FILE", got=" ".join(words) or "nothing")
    trained = open_trained(domain, words[0] if len(words) == 2 else "")
    export = trained.export
    pieces = list(domain.requests(words[-1], export.metadata))
    parts = taken_apart(trained.model, np.concatenate([columns["history"] for _, columns in pieces]))
    rows = [row for table, _ in pieces for row in table.rows]
    folder = Path(told.out)
    write(folder / "parts.csv", rows, parts)
    draw(folder / "parts.png", rows, parts)
    return {"schema": 1, "domain": domain.name, "model": export.name, "rows": len(rows), "out": str(folder)}


def taken_apart(model: Any, history: np.ndarray) -> dict[str, np.ndarray]:
    """The parts of the networks' mean forecast, each (series, horizon); together they are the forecast.

    Raises:
        BadInput: where the network has no parts, or forecasts something else than values.
    """
    import keras

    blocks = {kind: [n for n in _names(model) if n.endswith(f"_{kind}_forecast")] for kind in ("trend", "seasonality")}
    if not all(blocks.values()) or "restored" in _names(model):
        wanted = "one trained with nbeats --model.basis interpretable and data.transform level"
        raise BadInput("a model whose forecasts have no parts", wanted=wanted, got=model.name)
    outputs = {
        "by": model.get_layer("past_window").output[1],
        "seasons": model.get_layer("past_seasons").output[1:],
        **{kind: [model.get_layer(name).output for name in names] for kind, names in blocks.items()},
    }
    found = keras.Model(model.input, outputs).predict({"history": history}, batch_size=256, verbose=0)
    last, unit = found["by"][:, :1], found["by"][:, 1:]
    factors, shifts = found["seasons"]
    trend, seasonality = (unit * np.sum([x.mean(1) for x in found[kind]], axis=0) for kind in blocks)
    level = last + np.zeros_like(trend)
    seasonless = level + trend + seasonality
    return {
        "level": level,
        "trend": trend,
        "seasonality": seasonality,
        "seasons": seasonless * factors + shifts - seasonless,
    }


def _names(model: Any) -> list[str]:
    return [layer.name for layer in model.layers]


def write(path: Path, rows: Sequence[Sequence[str]], parts: Mapping[str, np.ndarray]) -> None:
    """A row for every series and date."""
    columns = [parts[name].reshape(-1) for name in PARTS]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["unique_id", "ds", *PARTS, "forecast"])
        for row, values in zip(rows, np.stack([*columns, sum(columns)], axis=1).tolist(), strict=True):
            writer.writerow([*row, *(f"{value:.6g}" for value in values)])


def draw(path: Path, rows: Sequence[Sequence[str]], parts: Mapping[str, np.ndarray]) -> Path:
    """The parts of the first series, side by side."""
    from pipelines import plots

    horizon = parts["level"].shape[1]
    figure, panels = plots.panels(min(DRAWN, len(parts["level"])))
    for number, axes in enumerate(panels):
        steps = np.arange(1, horizon + 1)
        for name, colour in zip(PARTS[1:], plots.COLOURS, strict=False):
            axes.plot(steps, parts[name][number], "o-", color=colour, label=name)
        axes.axhline(0, color=plots.PALE, zorder=0)
        axes.set(title=f"{rows[number * horizon][0]}: beside its level", xlabel="steps ahead")
    panels[0].legend(frameon=False)
    return plots.saved(figure, path)
