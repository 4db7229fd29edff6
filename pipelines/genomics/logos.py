"""Sequence logos and tracks of importance, drawn without a display, and the numbers behind them as tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipelines.genomics.motifs import LETTERS, Motif
from pipelines.plots import INK, saved, shown

if TYPE_CHECKING:
    from pipelines.genomics.importance import Explained

COLOURS = {"A": "#588b4c", "C": "#2a6f97", "G": "#c99a2e", "T": "#c8553d"}
INCH = 0.16  # of a letter
LONGEST = 150  # positions whose letters can be told apart
NAME = 48  # letters of a sequence's name in a title


def logo(axes: Axes, heights: np.ndarray) -> None:
    """Letters as high as (positions, 4) numbers, those below zero under the line."""
    import logomaker
    import pandas as pd

    logomaker.Logo(
        pd.DataFrame(heights, columns=list(LETTERS)), ax=axes, color_scheme=COLOURS, show_spines=False, flip_below=True
    )
    axes.axhline(0, color=INK, linewidth=0.5)


def motif_logos(motifs: Sequence[Motif], title: str, path: Path) -> Path:
    """One line for each motif: bits by position, and contributions."""
    figure = Figure(figsize=(9, 0.5 + 1.9 * len(motifs)), layout="constrained")
    grid = figure.subplots(len(motifs), 2, squeeze=False)
    for number, (motif, (left, right)) in enumerate(zip(motifs, grid, strict=True), start=1):
        logo(left, motif.information)
        left.set(
            ylim=(0, 2), ylabel="bits", title=f"{number}: {motif.windows:,} places, {motif.share:.0%} of the weight"
        )
        logo(right, motif.contributions)
        right.set_ylabel("contribution", labelpad=8)
        right.set_title(motif.consensus)
        for axes in (left, right):
            axes.title.set_fontsize(9)
            axes.set_xticks([])
    figure.suptitle(title, color=INK, fontsize=11)
    return saved(figure, path)


def track(sequence: Explained, said: str, path: Path) -> Path:
    """What each change does, and what each base contributes, of one sequence: its weightiest part where it is long.

    Args:
        sequence: to draw.
        said: second line of the title, below the sequence's name.
        path: of the figure.
    """
    whole = len(sequence.text)
    first = _weightiest(sequence.contributions, LONGEST) if whole > LONGEST else 0
    part = slice(first, first + LONGEST)
    letters, effects, contributions = sequence.text[part], sequence.effects[part], sequence.contributions[part]
    figure = Figure(figsize=(max(5.0, INCH * len(letters)), 3.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    logo(above, np.array([[value if base == letter else 0.0 for base in LETTERS]
                          for letter, value in zip(letters, contributions, strict=True)]))  # fmt: skip
    above.set(ylabel="contribution")
    cropped = f", bases {first + 1:,} to {first + len(letters):,} of {whole:,}" if len(letters) < whole else ""
    above.set_title(f"{shown(sequence.name, NAME)}{cropped}\n{said}", fontsize=10, loc="left", color=INK)
    limit = float(np.abs(effects).max()) or 1.0
    drawn: Any = below.imshow(effects.T, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    below.set_yticks(range(4), list(LETTERS))
    below.set(xlabel="position", ylabel="changed to")
    step = 5 if len(letters) <= 40 else 10
    told = range(first + step - first % step, first + len(letters) + 1, step)
    below.set_xticks([place - first - 1 for place in told], [f"{place}" for place in told])
    below.spines[:].set_visible(False)
    figure.colorbar(drawn, ax=below, label="effect", pad=0.01)
    return saved(figure, path)


def _weightiest(contributions: np.ndarray, width: int) -> int:
    sums = np.convolve(np.abs(contributions), np.ones(width), mode="valid")
    return int(sums.argmax())
