"""Where a model is good: its accuracy or error by what sequences are made of and by how long they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from arch.dna import base_table
from data.sequences import Sequences
from pipelines.measures import share_interval
from pipelines.plots import PALE, Bounds, in_bins, panels, saved

BINS = 8


def accuracy_by_content(correct: np.ndarray, sequences: Sequences | np.ndarray, path: Path) -> Path:
    """Accuracy in bins of equal mass of GC content, and of length where lengths differ; bars are 95 % intervals.

    Args:
        correct: (rows,) bool of classes, or (rows, labels) of sets of labels.
        sequences: (rows, length) codes, or a column of them.
        path: of the figure.
    """
    percent = 100 * correct.reshape(len(correct), -1).mean(1)
    return _by_content(percent, sequences, path, "accuracy, %", _shares)


def error_by_content(errors: np.ndarray, sequences: Sequences | np.ndarray, path: Path) -> Path:
    """Mean absolute error in the bins of `accuracy_by_content`, of (rows,) errors."""
    return _by_content(np.abs(errors), sequences, path, "mean absolute error", _means)


def _by_content(
    scores: np.ndarray, sequences: Sequences | np.ndarray, path: Path, measure: str, bounds: Bounds
) -> Path:
    codes = sequences[np.arange(len(sequences))]
    bases, lengths = base_table()[codes], (codes != 0).sum(1)
    content = bases[..., 1:3].sum((1, 2)) / np.maximum(lengths, 1)
    vary = len(np.unique(lengths)) > 1
    figure, axes = panels(1 + vary)
    _draw(axes[0], scores, 100 * content, "GC content, %", measure, bounds)
    if vary:
        _draw(axes[1], scores, lengths, "length, bases", measure, bounds)
    return saved(figure, path)


def _draw(axes: Axes, scores: np.ndarray, values: np.ndarray, what: str, measure: str, bounds: Bounds) -> None:
    axes.axhline(float(scores.mean()), color=PALE, zorder=0)
    in_bins(axes, values, scores, min(BINS, len(scores)), bounds)
    title = f"{measure.split(',')[0].capitalize()} by {what.split(',')[0]}, on test"
    axes.set(xlabel=what, ylabel=measure, title=title)


def _shares(percent: np.ndarray) -> tuple[float, float]:
    """Of rows that are right in so many percent; the labels of a row are not taken for rows of their own."""
    low, high = share_interval(float(percent.sum()) / 100, len(percent))
    return 100 * low, 100 * high


def _means(scores: np.ndarray) -> tuple[float, float]:
    """Of a mean of what is never below 0, by its deviation."""
    half = 1.96 * float(scores.std()) / np.sqrt(len(scores))
    return max(0.0, float(scores.mean()) - half), float(scores.mean()) + half
