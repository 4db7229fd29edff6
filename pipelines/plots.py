"""Figures of a run, drawn without a display and without global state."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipelines.measures import BINS, MEASURES, expected_calibration_error, share_interval

INK, PALE, ACCENT = "#22313f", "#d5dbe1", "#c8553d"
FEWEST = 25  # rows of a bin whose accuracy is drawn
COLOURS = ("#2a6f97", "#c8553d", "#588b4c", "#8a5a9e", "#c99a2e", "#4f8f8b", "#9c6644", "#6c757d")
LETTERS = 24  # of a class' name; a longer one would leave no room for the figure
Bounds = Callable[[np.ndarray], tuple[float, float]]
ROC_CLASSES = 8  # more curves than this cannot be told apart


def learning_curves(history: Sequence[Mapping[str, float]], measure: str, path: Path, kept: int, why: str) -> Path:
    """Loss and one validation measure by epoch, the epoch marked whose weights are kept.

    Args:
        history: the values of each epoch.
        measure: of validation, to draw.
        path: file to write.
        kept: that epoch, counted from 1; 0 for none.
        why: it is kept.
    """
    epochs = np.arange(1, len(history) + 1)
    figure, (left, right) = panels(2)
    style = "o-" if len(history) == 1 else "-"  # a line through one point cannot be seen
    alike = measure == "nll"  # the loss and it are in one unit
    lines = left.plot(epochs, [h["loss"] for h in history], style, color=COLOURS[0], label="train loss")
    if f"val_{measure}" in history[0]:
        axes = left if alike else _beside(left, measure)
        values = MEASURES[measure].scale * np.array([h[f"val_{measure}"] for h in history], float)
        lines += axes.plot(epochs, values, style, color=COLOURS[1], label=f"validation {measure}")
    if kept:
        _mark(left, kept, f"kept: epoch {kept} ({why})", len(history))
    left.set(xlabel="epoch", ylabel="nats" if alike else "loss", title="Loss")
    left.legend(handles=lines, frameon=False)
    right.plot(epochs, [h["learning_rate"] for h in history], style, color=COLOURS[2])
    right.set(xlabel="epoch", ylabel="learning rate", title="Schedule at the end of each epoch")
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return saved(figure, path)


def _beside(axes: Axes, measure: str) -> Axes:
    """The same epochs with a measure's own scale on the right."""
    other = axes.twinx()
    other.spines["right"].set_visible(True)
    other.spines["top"].set_visible(False)
    other.set_ylabel(measure + (", %" if MEASURES[measure].scale == 100 else ""))
    return other


def _mark(axes: Axes, epoch: int, text: str, epochs: int) -> None:
    """A line at one of the epochs, its text on the side where there is more room."""
    axes.axvline(epoch, color=PALE, zorder=0)
    side = "left" if epoch < epochs / 2 else "right"
    axes.annotate(f" {text} ", (epoch, 0.98), xycoords=("data", "axes fraction"), fontsize=8, color=INK,
                  ha=side, va="top")  # fmt: skip


def roc_and_pr(truth: np.ndarray, probabilities: np.ndarray, names: Sequence[str], path: Path) -> Path:
    """ROC and precision-recall curves of the most frequent classes or labels, areas in the legend.

    Args:
        truth: (rows, names) bool, of each whether it is there.
        probabilities: (rows, names).
        names: of the classes or labels.
        path: of the figure.
    """
    from sklearn import metrics

    figure, (left, right) = panels(2)
    counts = truth.sum(0)
    for colour, index in zip(COLOURS, [i for i in np.argsort(-counts) if counts[i]][:ROC_CLASSES], strict=False):
        there, score, name = truth[:, index], probabilities[:, index], shown(names[index])
        if there.all():  # nothing to be told from
            continue
        fall_out, recall, _ = metrics.roc_curve(there, score)
        left.plot(fall_out, recall, color=colour, label=f"{metrics.auc(fall_out, recall):.3f}  {name}")
        precision, recall, _ = metrics.precision_recall_curve(there, score)
        area = metrics.average_precision_score(there, score)
        right.step(recall, precision, where="post", color=colour, label=f"{area:.3f}  {name}")
    left.plot([0, 1], [0, 1], color=PALE, zorder=0)
    left.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC, each against the rest")
    right.set(xlabel="recall", ylabel="precision", title="Precision and recall", ylim=(0, 1.02))
    if left.get_legend_handles_labels()[1]:
        for axes in (left, right):
            # The name last: matplotlib leaves out a label that begins with an underscore.
            axes.legend(frameon=False, title="area  name")
    return saved(figure, path)


def confusion(labels: np.ndarray, guesses: np.ndarray, classes: Sequence[str], path: Path) -> Path:
    """Counts by true and predicted class, shaded by the share of the true class."""
    size = len(classes)
    table = np.bincount(labels * size + guesses, minlength=size * size).reshape(size, size)
    shares = table / np.maximum(table.sum(1, keepdims=True), 1)
    side = max(4.2, min(0.55 * size, 14.0) + 1.2)  # with room for the names and numbers of many classes
    figure = Figure(figsize=(side + 1, side), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [shown(name) for name in classes]
    crowded = size > 4 or max(map(len, names)) > 12
    slanted: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
    axes.set_xticks(range(size), names, fontsize=10 if size <= 24 else 6, **slanted)
    axes.set_yticks(range(size), names, fontsize=10 if size <= 24 else 6)
    for row, column in np.argwhere(table) if size <= 24 else ():
        share = f"\n{shares[row, column]:.{1 if size <= 6 else 0}%}" if size <= 12 else ""
        text = f"{table[row, column]:,}{share}"
        axes.text(
            column, row, text, ha="center", va="center", fontsize=8, color="white" if shares[row, column] > 0.5 else INK
        )
    axes.set(xlabel="predicted", ylabel="true", title="Confusion on test")
    axes.spines[:].set_visible(False)
    return saved(figure, path)


def in_bins(axes: Axes, values: np.ndarray, scores: np.ndarray, count: int, bounds: Bounds) -> np.ndarray:
    """Mean scores in bins of equal mass of values, with bars of their intervals: (bins, 2) where these end.

    Args:
        axes: to draw on.
        values: (rows,) that bins are of.
        scores: (rows,) whose means are drawn.
        count: bins, at most as many as rows.
        bounds: the scores of a bin -> the ends of the interval of their mean.
    """
    bins = np.array_split(np.argsort(values, kind="stable"), count)
    means, limits = np.array([scores[b].mean() for b in bins]), np.array([bounds(scores[b]) for b in bins])
    centres = [float(values[b].mean()) for b in bins]
    axes.errorbar(centres, means, yerr=np.abs(limits.T - means), fmt="o-", color=COLOURS[0], capsize=2)
    return limits


def reliability(labels: np.ndarray, probabilities: np.ndarray, path: Path) -> Path:
    """Accuracy against confidence in bins of equal mass, each with its 95 % interval, and how often which confidence.

    A bin has rows enough that its accuracy says something; the intervals are Wilson's, which all right have one of too.
    """
    confidence, correct = probabilities.max(1), probabilities.argmax(1) == labels
    error = expected_calibration_error(confidence, correct)
    figure, (left, right) = panels(2)
    left.plot([0, 1], [0, 1], color=PALE, zorder=0)
    count = max(1, min(BINS, len(confidence) // FEWEST))
    limits = in_bins(left, confidence, correct, count, lambda right: share_interval(right.sum(), len(right)))
    low = min(1 / probabilities.shape[1], limits.min())
    left.set(
        xlabel="confidence",
        ylabel="accuracy",
        title=f"Reliability: calibration error {error:.3f}",
        xlim=(low, 1.01),
        ylim=(low, 1.01),
    )
    right.hist(confidence, bins=30, color=COLOURS[0])
    right.set(xlabel="confidence", ylabel="rows, logarithmic", title="How sure it is", yscale="log")
    return saved(figure, path)


def classifier(labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str], folder: Path) -> list[Path]:
    """The figures that every classifier gets; none where it has diverged and its outputs are no numbers."""
    if not np.isfinite(probabilities).all():
        return []
    return [
        roc_and_pr(labels[:, None] == np.arange(len(classes)), probabilities, classes, folder / "roc_and_pr.png"),
        confusion(labels, probabilities.argmax(1), classes, folder / "confusion.png"),
        reliability(labels, probabilities, folder / "reliability.png"),
    ]


def predicted_values(values: np.ndarray, predictions: np.ndarray, path: Path) -> Path:
    """Predicted against true values, and the errors by the prediction."""
    figure, (left, right) = panels(2)
    ends = [min(values.min(), predictions.min()), max(values.max(), predictions.max())]
    left.plot(ends, ends, color=PALE, zorder=0)
    dots: dict[str, Any] = {"s": 6, "alpha": 0.5, "color": COLOURS[0], "linewidths": 0}
    left.scatter(values, predictions, **dots)
    left.set(xlabel="true", ylabel="predicted", title="Predictions on test")
    right.axhline(0, color=PALE, zorder=0)
    right.scatter(predictions, predictions - values, **dots)
    right.set(xlabel="predicted", ylabel="predicted minus true", title="Errors")
    return saved(figure, path)


def panels(count: int) -> tuple[Figure, Sequence[Axes]]:
    """A figure of so many panels side by side."""
    figure = Figure(figsize=(5.2 * count, 4.2), dpi=110, layout="constrained")
    axes = figure.subplots(1, count, squeeze=False)[0]
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)
    return figure, axes


def shown(name: str, letters: int = LETTERS) -> str:
    """A name out of the data as text of a figure: its middle left out where it is long, a dollar no formula's."""
    half = (letters - 1) // 2
    short = name if len(name) <= letters else f"{name[: letters - 1 - half]}…{name[-half:]}"
    return short.replace("$", r"\$")


def saved(figure: Figure, path: Path) -> Path:
    """The figure as a file, its folder made where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():  # a letter that the font lacks is drawn as a box, which says enough
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(path)
    return path
