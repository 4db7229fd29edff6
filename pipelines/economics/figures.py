"""Figures of a forecaster's test rows: chosen series, errors by step, coverage, and what is left in the residuals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from data.economics import LEVELS
from data.splits import Rows
from pipelines import plots
from pipelines.task import Meta

SHOWN = (0.1, 0.5, 0.9)  # quantiles of the error at which series are chosen to be drawn
PAST = 4  # horizons of history that are drawn


def figures(outputs: Mapping[str, np.ndarray], rows: Rows, meta: Meta, folder: Path) -> list[Path]:
    """All figures; none where a forecast is no number, as of a model that has diverged."""
    mean, quantiles = outputs["mean"], outputs["quantiles"]
    if not np.isfinite(mean).all():
        return []
    batch = rows.batch(np.arange(rows.size))
    target = batch["target"]
    return [
        forecasts(mean, quantiles, batch, _names(rows), folder / "forecasts.png"),
        by_step(mean, target, batch["scale"], folder / "error_by_step.png"),
        coverage(quantiles, target, folder / "coverage.png"),
        residuals(mean, target, batch["scale"], folder / "residuals.png"),
    ]


def forecasts(
    mean: np.ndarray, quantiles: np.ndarray, batch: Mapping[str, np.ndarray], names: list[str], path: Path
) -> Path:
    """Histories, what came, and what was said, with intervals of 80 and 95 %: a good, a usual and a bad forecast."""
    target, horizon = batch["target"], mean.shape[1]
    errors = np.mean(np.abs(mean - target) / (np.abs(mean) + np.abs(target) + 1e-9), axis=1)
    order = np.argsort(errors)
    figure, panels = plots.panels(len(SHOWN))
    for axes, share in zip(panels, SHOWN, strict=True):
        row = order[int(share * (len(order) - 1))]
        ahead, past = np.arange(1, horizon + 1), batch["history"][row][-PAST * horizon :]
        axes.plot(np.arange(1 - len(past), 1), past, color=plots.INK, label="history")
        axes.plot(ahead, target[row], color=plots.INK, linestyle=":", label="what came")
        for low, high, strength in ((0, 6, 0.15), (1, 5, 0.25)):
            label = f"{LEVELS[high] - LEVELS[low]:.0%}"
            ends = quantiles[row, :, low], quantiles[row, :, high]
            axes.fill_between(ahead, *ends, color=plots.COLOURS[0], alpha=strength, linewidth=0, label=label)
        axes.plot(ahead, mean[row], color=plots.COLOURS[0], label="forecast")
        axes.set(title=f"{names[row]}: sMAPE {200 * errors[row]:.1f} %", xlabel="steps from the origin")
    panels[0].legend(frameon=False, fontsize=8)
    return plots.saved(figure, path)


def by_step(mean: np.ndarray, target: np.ndarray, scale: np.ndarray, path: Path) -> Path:
    """Errors by how far ahead, in percent and in units of the seasonal naive forecast's."""
    apart = np.abs(mean - target)
    known = scale > 0
    figure, (left, right) = plots.panels(2)
    steps = np.arange(1, mean.shape[1] + 1)
    share = 200 * apart / (np.abs(mean) + np.abs(target) + 1e-9)
    left.plot(steps, share.mean(0), "o-", color=plots.COLOURS[0])
    left.set(xlabel="steps ahead", ylabel="sMAPE, %", title="Symmetric percentage error", ylim=(0, None))
    if known.any():
        right.plot(steps, (apart[known] / scale[known, None]).mean(0), "o-", color=plots.COLOURS[1])
    right.set(xlabel="steps ahead", ylabel="scaled error", title="Error over the seasonal naive's", ylim=(0, None))
    return plots.saved(figure, path)


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
    right.set(xlabel="steps ahead", ylabel="share within", title="Intervals on test")
    right.legend(frameon=False)
    return plots.saved(figure, path)


def residuals(mean: np.ndarray, target: np.ndarray, scale: np.ndarray, path: Path) -> Path:
    """Errors in units of the seasonal naive's, and how much those of two steps have in common."""
    known = scale > 0
    errors = (target - mean)[known] / scale[known, None] if known.any() else target - mean
    figure, (left, right) = plots.panels(2)
    left.hist(np.clip(errors.ravel(), -5, 5), bins=60, color=plots.COLOURS[0])
    left.set(xlabel="error, within ±5", ylabel="forecasts", title="Scaled errors on test")
    centred = errors - errors.mean(0)
    spread = np.sqrt((centred**2).mean(0)) + 1e-12
    together = (centred.T @ centred) / len(centred) / np.outer(spread, spread)
    lags = np.arange(mean.shape[1])
    right.bar(lags, [np.diagonal(together, int(lag)).mean() for lag in lags], color=plots.COLOURS[1])
    right.set(xlabel="steps apart", ylabel="correlation", title="Errors of one forecast")
    return plots.saved(figure, path)


def _names(rows: Rows) -> list[str]:
    panel = rows.around.panel  # type: ignore[union-attr]
    return [panel.ids[index] for index in rows["series"][np.arange(rows.size)]]
