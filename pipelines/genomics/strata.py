"""Where a model is good: its accuracy by what sequences are made of and by how long they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from arch.dna import base_table
from data.sequences import Sequences
from pipelines.plots import COLOURS, PALE, panels, saved

BINS = 8


def accuracy_by_content(correct: np.ndarray, sequences: Sequences | np.ndarray, path: Path) -> Path:
    """Accuracy in bins of equal mass of GC content, and of length where lengths differ; bars are 95 % intervals.

    Args:
        correct: (rows,) bool.
        sequences: (rows, length) codes, or a column of them.
        path: of the figure.
    """
    codes = sequences[np.arange(len(sequences))]
    bases, lengths = base_table()[codes], (codes != 0).sum(1)
    content = bases[..., 1:3].sum((1, 2)) / np.maximum(lengths, 1)
    vary = len(np.unique(lengths)) > 1
    figure, axes = panels(1 + vary)
    _draw(axes[0], correct, 100 * content, "GC content, %")
    if vary:
        _draw(axes[1], correct, lengths, "length, bases")
    return saved(figure, path)


def _draw(axes: Axes, correct: np.ndarray, values: np.ndarray, what: str) -> None:
    bins = [b for b in np.array_split(np.argsort(values, kind="stable"), BINS) if len(b)]
    centres = [float(np.mean(values[b])) for b in bins]
    bounds = np.array([_interval(int(correct[b].sum()), len(b)) for b in bins])
    shares = np.array([correct[b].mean() for b in bins])
    axes.axhline(100 * float(correct.mean()), color=PALE, zorder=0)
    errors = np.abs(bounds.T - shares)
    axes.errorbar(centres, 100 * shares, yerr=100 * errors, fmt="o-", color=COLOURS[0], capsize=2)
    axes.set(xlabel=what, ylabel="accuracy, %", title=f"Accuracy by {what.split(',')[0]}, on test")


def _interval(hits: int, count: int) -> tuple[float, float]:
    """Wilson's interval of a share, 95 % (Wilson 1927)."""
    z = 1.96
    share, spread = hits / count, z * np.sqrt(hits * (count - hits) / count**3 + (z / (2 * count)) ** 2)
    middle, scale = share + z**2 / (2 * count), 1 + z**2 / count
    return float((middle - spread) / scale), float((middle + spread) / scale)
