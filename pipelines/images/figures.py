"""Figures of the test pictures: what they are taken for, mistakes, labels that may be wrong, first filters."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

import keras
import numpy as np
from matplotlib.figure import Figure

from data.splits import Rows
from pipelines import plots
from pipelines.task import Meta

GRID = (4, 8)  # rows and columns of pictures
CELL, WORDS = 1.6, 0.35  # inches of a picture with the words above it, and of these alone
FILTERS = 96  # that are shown
NAME = 12  # letters of a class above a picture


def figures(outputs: Mapping[str, np.ndarray], rows: Rows, meta: Meta, folder: Path) -> list[Path]:
    """Those of every classifier, and pictures: examples, surest mistakes, doubtful labels; a table of the mistakes."""
    labels, probabilities = np.asarray(rows["label"]), outputs["probabilities"]
    drawn = plots.classifier(labels, probabilities, meta["classes"], folder)
    if not drawn:
        return drawn
    guesses, sure = probabilities.argmax(1), probabilities.max(1)
    some = np.random.default_rng(0).permutation(len(labels))
    wrong = np.flatnonzero(guesses != labels)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")]
    doubtful = likely_label_errors(labels, probabilities)
    shown = {"examples": (some, "Test pictures: label, → what else it was taken for"),
             "mistakes": (wrong, "Surest mistakes on test: label → what it was taken for"),
             "label_errors": (doubtful, "Labels that may be wrong: label → what it was taken for")}  # fmt: skip
    for name, (which, title) in shown.items():
        if len(which):
            drawn.append(grid(rows, which, probabilities, meta["classes"], title, folder / f"{name}.png"))
    if len(listed := np.concatenate([wrong, np.setdiff1d(doubtful, wrong)])):
        drawn.append(table(rows, listed, set(doubtful), probabilities, meta["classes"], folder / "mistakes.csv"))
    return drawn


def table(
    rows: Rows, which: np.ndarray, doubtful: Set[int], probabilities: np.ndarray, classes: Sequence[str], path: Path
) -> Path:
    """Pictures that were mistaken as lines: which file, taken for what, and whether its label may be what is wrong."""
    places = rows.kept.get("places") or range(rows.size)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["picture", "label", "taken_for", "probability", "probability_of_label", "label_may_be_wrong"])
        for row in which.tolist():
            own, label, guess = probabilities[row], rows["label"][row], probabilities[row].argmax()
            chances = f"{own[guess]:.4f}", f"{own[label]:.4f}"
            writer.writerow([places[row], classes[label], classes[guess], *chances, int(row in doubtful)])
    return path


def likely_label_errors(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Rows that the model is surer to be of another class than it usually is of that class, the surest first.

    Source: Northcutt et al. 2021, "Confident learning", equation 2: a class' threshold is the mean probability of it
        over the rows that carry it.
    """
    classes = probabilities.shape[1]
    own = probabilities[np.arange(len(labels)), labels]
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    thresholds = np.bincount(labels, own, classes) / counts
    thresholds[np.bincount(labels, minlength=classes) == 0] = np.inf
    guesses = np.where(probabilities >= thresholds, probabilities, 0).argmax(1)
    found = np.flatnonzero(
        (guesses != labels) & (probabilities[np.arange(len(labels)), guesses] >= thresholds[guesses])
    )
    margin = probabilities[found, guesses[found]] - own[found]
    return found[np.argsort(-margin, kind="stable")]


def grid(
    rows: Rows, which: np.ndarray, probabilities: np.ndarray, classes: Sequence[str], title: str, path: Path
) -> Path:
    """Pictures with what they are and, in colour where it is something else, what they are taken for and how surely."""
    which = which[: GRID[0] * GRID[1]]
    down, across = -(-len(which) // GRID[1]), GRID[1]
    width, height = 1.25 * across, CELL * down + 0.3
    figure = Figure(figsize=(width, height), dpi=110)
    figure.suptitle(title, fontsize=11, y=1 - 0.08 / height, va="top")
    # Laid out by hand: finding a layout of so many panels takes seconds.
    margins = {"left": 0.01, "right": 0.99, "bottom": 0.05 / height, "top": 1 - (0.3 + WORDS) / height}
    places = {**margins, "wspace": 0.07, "hspace": WORDS / (CELL - WORDS)}
    panels = figure.subplots(down, across, squeeze=False, gridspec_kw=places).ravel()
    for axes in panels:
        axes.set_axis_off()
    for axes, row in zip(panels, which, strict=False):
        picture, label, guess = rows["image"][row], rows["label"][row], int(probabilities[row].argmax())
        axes.imshow(picture[..., 0] if picture.shape[-1] == 1 else picture, cmap="gray", vmin=0, vmax=255)
        other = "" if guess == label else f"→ {plots.shown(classes[guess], NAME)} "
        told = f"{plots.shown(classes[label], NAME)}\n{other}{probabilities[row, guess]:.0%}"
        axes.set_title(told, fontsize=7, color=plots.ACCENT if other else plots.INK, pad=2)
    return plots.saved(figure, path)


def portraits(model: keras.Model, folder: Path) -> list[Path]:
    """The filters of the first convolution of a network, where they are larger than a pixel and can be seen."""
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is not None and len(kernel.shape) == 4 and kernel.shape[0] > 1 and kernel.shape[2] in (1, 3):
            return [filters(keras.ops.convert_to_numpy(kernel), folder / "filters.png")]
    return []


def filters(kernel: np.ndarray, path: Path) -> Path:
    """(height, width, 1 or 3, filters) as pictures, each with its own contrast around zero, which is grey."""
    count = min(kernel.shape[-1], FILTERS)
    across = min(count, 12)
    figure = Figure(figsize=(0.8 * across, 0.8 * -(-count // across) + 0.5), dpi=110, layout="constrained")
    figure.suptitle(f"First filters ({count} of {kernel.shape[-1]})", fontsize=9)
    for number, axes in enumerate(figure.subplots(-(-count // across), across, squeeze=False).flat):
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(color=plots.PALE, visible=number < count)  # white ones end somewhere
        if number < count:
            one = kernel[..., number]
            shown = 0.5 + 0.5 * one / max(float(np.abs(one).max()), 1e-12)
            axes.imshow(shown[..., 0] if shown.shape[-1] == 1 else shown, cmap="gray", vmin=0, vmax=1)
    return plots.saved(figure, path)
