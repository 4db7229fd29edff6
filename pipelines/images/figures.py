"""Figures of the test pictures: what they are taken for, the surest mistakes, labels that may be wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from data.splits import Rows
from pipelines import plots
from pipelines.task import Meta

GRID = (4, 8)  # rows and columns of pictures
DOUBTED = 0.9  # probability of another class from which a label may be wrong


def figures(outputs: Mapping[str, np.ndarray], rows: Rows, meta: Meta, folder: Path) -> list[Path]:
    """Those of every classifier, and pictures: examples, the surest mistakes, doubtful labels."""
    labels, probabilities = np.asarray(rows["label"]), outputs["probabilities"]
    drawn = plots.classifier(labels, probabilities, meta["classes"], folder)
    if not drawn:
        return drawn
    guesses, sure = probabilities.argmax(1), probabilities.max(1)
    some = np.random.default_rng(0).permutation(len(labels))
    wrong = np.flatnonzero(guesses != labels)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")]
    doubtful = likely_label_errors(labels, probabilities)
    shown = {"examples": (some, "Test pictures"), "mistakes": (wrong, "Surest mistakes on test"),
             "label_errors": (doubtful, "Labels that may be wrong")}  # fmt: skip
    for name, (which, title) in shown.items():
        if len(which):
            drawn.append(grid(rows, which, probabilities, meta["classes"], title, folder / f"{name}.png"))
    return drawn


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
    down, across = GRID
    which = which[: down * across]
    figure = Figure(figsize=(1.25 * across, 1.55 * down + 0.4), dpi=110, layout="constrained")
    figure.suptitle(title)
    for axes, row in zip(figure.subplots(down, across).flat, [*which, *[None] * (down * across)], strict=False):
        axes.set_axis_off()
        if row is None:
            continue
        picture, guess = np.asarray(rows["image"][row]), int(probabilities[row].argmax())
        axes.imshow(picture[..., 0] if picture.shape[-1] == 1 else picture, cmap="gray", vmin=0, vmax=255)
        right = guess == rows["label"][row]
        told = f"{_short(classes[guess])} {probabilities[row, guess]:.0%}"
        told = told if right else f"{_short(classes[rows['label'][row]])}\nnot {told}"
        axes.set_title(told, fontsize=7, color=plots.INK if right else plots.ACCENT, pad=2)
    return plots.saved(figure, path)


def _short(name: str) -> str:
    return name if len(name) <= 12 else name[:11] + "."
