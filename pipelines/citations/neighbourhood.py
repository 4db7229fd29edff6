"""A figure of one paper's neighbourhood: who is how far, what each does to the answer, and what attention each gets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipelines import plots

if TYPE_CHECKING:
    from pipelines.citations.explain import Explanation, Part


def draw(answer: Explanation, path: Path) -> Path:
    """The paper in the middle, its neighbours on rings, lines as thick as effect or attention; words as bars beside.

    Args:
        answer: of `explain`.
        path: of the figure.
    """
    figure, (rings, bars) = plots.panels(2)
    attended = any(part.attention for part in answer.papers)
    strengths = [part.attention[0] if part.attention else 0 for part in answer.papers] if attended else None
    _rings(rings, answer, np.array(strengths or [abs(part.effect) for part in answer.papers]))
    rings.set_title("Attention of the first layer" if attended else "What each paper does to the answer")
    _bars(bars, answer.words)
    figure.suptitle(f"{answer.paper}: {answer.label}, probability {answer.probability:.2f}")
    return plots.saved(figure, path)


def _rings(axes: plots.Axes, answer: Explanation, strengths: np.ndarray) -> None:
    classes = sorted({answer.label, *(part.label for part in answer.papers)})
    colours = {name: plots.COLOURS[number % len(plots.COLOURS)] for number, name in enumerate(classes)}
    largest = max(strengths.max(initial=0), 1e-9)
    for number, (part, strength) in enumerate(zip(answer.papers, strengths, strict=True)):
        angle = 2 * np.pi * number / len(answer.papers)
        x, y = part.hops * np.cos(angle), part.hops * np.sin(angle)
        colour = plots.INK if part.effect >= 0 else plots.ACCENT
        axes.plot([0, x], [0, y], color=colour, linewidth=0.3 + 4 * strength / largest, zorder=0)
        axes.scatter(x, y, s=60, color=colours[part.label])
        axes.annotate(part.name, (x, y), xytext=(4, 4), textcoords="offset points", fontsize=7)
    axes.scatter(0, 0, s=140, color=colours[answer.label], edgecolors=plots.INK)
    for name, colour in colours.items():
        axes.scatter([], [], color=colour, label=name)
    axes.legend(frameon=False, fontsize=7, loc="lower left")
    axes.set(xticks=[], yticks=[], aspect="equal")
    axes.margins(0.2)
    axes.spines[:].set_visible(False)


def _bars(axes: plots.Axes, words: tuple[Part, ...]) -> None:
    effects = [part.effect for part in words]
    colours = [plots.INK if effect >= 0 else plots.ACCENT for effect in effects]
    axes.barh(range(len(words)), effects, color=colours)
    axes.set_yticks(range(len(words)), [part.name for part in words])
    axes.invert_yaxis()
    axes.set(xlabel="nats lost without it", title="Words of the paper")
