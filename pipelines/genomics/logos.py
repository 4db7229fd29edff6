"""Sequence logos and tracks of importance, drawn without a display."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipelines.genomics.motifs import Motif
from pipelines.plots import INK, saved

BASES = "ACGT"
LETTERS = {"A": "#588b4c", "C": "#2a6f97", "G": "#c99a2e", "T": "#c8553d"}
INCH = 0.16  # of a letter
LONGEST = 150  # positions whose letters can be told apart


def logo(axes: Axes, heights: np.ndarray) -> None:
    """Letters as high as (positions, 4) numbers, those below zero under the line."""
    import logomaker
    import pandas as pd

    logomaker.Logo(
        pd.DataFrame(heights, columns=list(BASES)), ax=axes, color_scheme=LETTERS, show_spines=False, flip_below=True
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
        right.set(ylabel="contribution", title=motif.consensus)
        for axes in (left, right):
            axes.title.set_fontsize(9)
            axes.set_xticks([])
    figure.suptitle(title, color=INK, fontsize=11)
    return saved(figure, path)


def track(letters: str, effects: np.ndarray, contributions: np.ndarray, title: str, path: Path) -> Path:
    """What each change does, and what each base contributes, of one sequence: its weightiest part where it is long."""
    first = _weightiest(contributions, LONGEST) if len(letters) > LONGEST else 0
    part = slice(first, first + LONGEST)
    letters, effects, contributions = letters[part], effects[part], contributions[part]
    figure = Figure(figsize=(max(5.0, INCH * len(letters)), 3.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    logo(above, np.array([[value if base == letter else 0.0 for base in BASES]
                          for letter, value in zip(letters, contributions, strict=True)]))  # fmt: skip
    above.set(ylabel="contribution")
    above.set_title(title, fontsize=10, loc="left", color=INK)
    limit = float(np.abs(effects).max()) or 1.0
    shown: Any = below.imshow(effects.T, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    below.set_yticks(range(4), list(BASES))
    below.set(xlabel="position", ylabel="changed to")
    below.xaxis.set_major_formatter(lambda place, _: f"{place + first + 1:.0f}")
    below.spines[:].set_visible(False)
    figure.colorbar(shown, ax=below, label="effect", pad=0.01)
    return saved(figure, path)


def _weightiest(contributions: np.ndarray, width: int) -> int:
    sums = np.convolve(np.abs(contributions), np.ones(width), mode="valid")
    return int(sums.argmax())


def meme(motifs: Sequence[tuple[str, Motif]], path: Path) -> Path:
    """Motifs by name in the minimal form of MEME, which other tools of the field read."""
    lines = ["MEME version 4", "", "ALPHABET= ACGT", "", "strands: + -", ""]
    for name, motif in motifs:
        lines += [
            f"MOTIF {'_'.join(name.split())}",  # what stands behind a blank is another name of it
            f"letter-probability matrix: alength= 4 w= {len(motif.frequencies)} nsites= {motif.windows}",
        ]
        lines += [" ".join(f"{share:.6f}" for share in row) for row in motif.frequencies]
        lines.append("")
    path.write_text("\n".join(lines))
    return path
