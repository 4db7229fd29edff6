"""Figures of a forecaster's test rows: chosen series, errors by step, coverage, and what is left in the residuals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data.economics import LEVELS
from data.splits import Rows
from pipelines import plots
from pipelines.economics.baselines import rivals
from pipelines.economics.scores import percents, smape
from pipelines.task import Meta

GREYS = ("#6c757d", "#b8c0c8")
SHOWN = {"good": 0.1, "usual": 0.5, "bad": 0.9}  # quantiles of the error at which series are chosen to be drawn
PAST = 4  # horizons of history that are drawn


def figures(outputs: Mapping[str, np.ndarray], rows: Rows, meta: Meta, folder: Path) -> list[Path]:
    """All figures; none where a forecast is no number, as of a model that has diverged."""
    mean, quantiles = outputs["mean"], outputs["quantiles"]
    if not np.isfinite(mean).all():
        return []
    batch = rows.batch(np.arange(rows.size))
    target = batch["target"]
    return [
        forecasts(mean, quantiles, batch, _places(rows), folder / "forecasts.png"),
        by_step({"forecast": mean, **_others(rows, target)}, target, batch["scale"], folder / "error_by_step.png"),
        coverage(quantiles, target, folder / "coverage.png"),
        residuals(mean, target, batch["scale"], folder / "residuals.png"),
    ]


def forecasts(
    mean: np.ndarray, quantiles: np.ndarray, batch: Mapping[str, np.ndarray], places: list[tuple[str, str]], path: Path
) -> Path:
    """Histories, what came, and what was said, with intervals of 80 and 95 %: a good, a usual and a bad forecast.

    Args:
        mean: (rows, horizon).
        quantiles: (rows, horizon, levels).
        batch: `history` and `target` of the rows.
        places: of each row the series and the origin.
        path: file to draw into.
    """
    target, horizon = batch["target"], mean.shape[1]
    errors = np.mean(np.abs(mean - target) / (np.abs(mean) + np.abs(target) + 1e-9), axis=1)
    order = np.argsort(errors)
    chosen = {int(order[int(share * (len(order) - 1))]): kind for kind, share in SHOWN.items()}
    figure, panels = plots.panels(len(chosen))
    for axes, (row, kind) in zip(panels, chosen.items(), strict=True):
        past = batch["history"][row][-PAST * horizon :]
        axes.plot(np.arange(1 - len(past), 1), past, color=plots.INK, label="history")
        onward, last = np.arange(horizon + 1), past[-1:]  # lines go on from the last value
        axes.plot(onward, [*last, *target[row]], color=plots.INK, linestyle=":", label="what came")
        for low, high, strength in ((0, 6, 0.15), (1, 5, 0.25)):
            label = f"{LEVELS[high] - LEVELS[low]:.0%}"
            below, above = ([*last, *quantiles[row, :, end]] for end in (low, high))
            axes.fill_between(onward, below, above, color=plots.COLOURS[0], alpha=strength, linewidth=0, label=label)
        axes.plot(onward, [*last, *mean[row]], color=plots.COLOURS[0], label="forecast")
        name, origin = places[row]
        kind = f"{kind}, " if len(chosen) == len(SHOWN) else ""
        axes.set(title=f"{kind}{name}: sMAPE {200 * errors[row]:.1f} %", xlabel=f"steps from {origin}")
    panels[0].legend(frameon=False, fontsize=8)
    return plots.saved(figure, path)


def by_step(forecasts: Mapping[str, np.ndarray], target: np.ndarray, scale: np.ndarray, path: Path) -> Path:
    """Errors by how far ahead, in percent and in units of the seasonal naive forecast's, of each forecaster by name."""
    known = scale > 0
    figure, (left, right) = plots.panels(2)
    steps = np.arange(1, target.shape[1] + 1)
    for (name, mean), colour in zip(forecasts.items(), (plots.COLOURS[0], *GREYS), strict=False):
        style: dict[str, Any] = {"color": colour, "label": name, "zorder": 3 if name == "forecast" else 2}
        left.plot(steps, percents(mean, target).mean(0), "o-", **style)
        if known.any():
            right.plot(steps, (np.abs(mean - target)[known] / scale[known, None]).mean(0), "o-", **style)
    left.set(xlabel="steps ahead", ylabel="sMAPE, %", title="Symmetric percentage error", ylim=(0, None))
    right.set(xlabel="steps ahead", ylabel="scaled error", title="Error over the seasonal naive's", ylim=(0, None))
    left.legend(frameon=False)
    return plots.saved(figure, path)


def _others(rows: Rows, target: np.ndarray) -> dict[str, np.ndarray]:
    """Naive2 and the baseline with the smallest error, to be drawn beside."""
    told = {name: rival.mean for name, rival in rivals(rows).items()}
    best = min(told, key=lambda name: smape(told[name].astype(np.float64), target))
    return {name: told[name] for name in dict.fromkeys((best, "naive2"))}


def coverage(quantiles: np.ndarray, target: np.ndarray, path: Path) -> Path:
    """How often what came lies below each quantile, and within the intervals at each step."""
    figure, (left, right) = plots.panels(2)
    below = (target[..., None] <= quantiles).mean((0, 1))
    left.plot([0, 1], [0, 1], color=plots.PALE, zorder=0)
    left.plot(LEVELS, below, "o-", color=plots.COLOURS[0])
    left.set(xlabel="level", ylabel="share below", title="Quantiles on test")
    steps = np.arange(1, target.shape[1] + 1)
    for colour, (low, high) in zip(plots.COLOURS, ((1, 5), (0, 6)), strict=False):
        within = ((quantiles[..., low] <= target) & (target <= quantiles[..., high])).mean(0)
        wanted = LEVELS[high] - LEVELS[low]
        right.plot(steps, within, "o-", color=colour, label=f"{wanted:.0%}")
        right.axhline(wanted, color=colour, linestyle=":")
    low_end = min(0.5, right.get_ylim()[0])
    right.set(xlabel="steps ahead", ylabel="share within", title="Intervals on test", ylim=(low_end, 1.02))
    right.legend(frameon=False, title="dotted: wanted")
    return plots.saved(figure, path)


def residuals(mean: np.ndarray, target: np.ndarray, scale: np.ndarray, path: Path) -> Path:
    """Errors in units of the seasonal naive's, and how much those of two steps have in common."""
    known = scale > 0
    errors = (target - mean)[known] / scale[known, None] if known.any() else target - mean
    figure, (left, right) = plots.panels(2)
    left.hist(np.clip(errors.ravel(), -5, 5), bins=int(np.clip(errors.size // 10, 10, 60)), color=plots.COLOURS[0])
    left.set(xlabel="error; those beyond ±5 stand at the ends", ylabel="forecasts", title="Scaled errors on test")
    centred = errors - errors.mean(0)
    spread = np.sqrt((centred**2).mean(0)) + 1e-12
    together = (centred.T @ centred) / len(centred) / np.outer(spread, spread)
    lags = np.arange(mean.shape[1])
    right.bar(lags, [np.diagonal(together, int(lag)).mean() for lag in lags], color=plots.COLOURS[1])
    right.set(xlabel="steps apart", ylabel="correlation", title="Errors of one forecast")
    return plots.saved(figure, path)


def _places(rows: Rows) -> list[tuple[str, str]]:
    """Of each row the series and, where there are dates, the last that is known."""
    panel = rows.around.panel  # type: ignore[union-attr]
    pairs = zip(rows["series"][:].tolist(), rows["origin"][:].tolist(), strict=True)
    dated = panel.frequency.unit
    return [(panel.ids[index], panel.date(index, at - 1) if dated else "the origin") for index, at in pairs]
