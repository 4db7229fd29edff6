"""`explain`: which places of a picture made the answer, laid over it: Grad-CAM and integrated gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import BadInput
from pipelines.cli import names_model
from pipelines.domain import Domain
from pipelines.flags import parse, positional
from pipelines.images.pictures import pictures
from pipelines.trained import open_trained

SMOOTH = 1 / 40  # of the side: the deviation over which contributions are summed to be seen
MOST = 64  # pictures that are explained at once


@dataclass(frozen=True)
class ExplainFlags:
    """Flags of `explain`.

    Attributes:
        out: folder for a figure of each picture.
        steps: points on the way from a grey picture to this one, over which gradients are averaged.
        json: print one JSON object on stdout, everything else on stderr.
    """

    out: str = "explained"
    steps: int = 32
    json: bool = False


def main(domain: Domain, arguments: Sequence[str], program: str) -> dict[str, Any]:
    """Draw what decided about pictures.

    Raises:
        BadInput: no such model or picture, or a model that is no single network.
    """
    words, rest = positional(arguments)
    flags = parse(
        ExplainFlags, rest, program, "explain [MODEL] PICTURE_OR_FOLDER ...: which places of a picture decided."
    )
    model = words.pop(0) if words and names_model(words[0]) else ""
    if not words:
        wanted = "explain [MODEL] PICTURE_OR_FOLDER ..."
        raise BadInput("explain: no picture", wanted=wanted, got=" ".join(arguments) or "nothing")
    trained = open_trained(domain, model)
    from pipelines import plots
    from pipelines.images.saliency import Salience
    from pipelines.report import Report

    salience, classes = Salience(trained.model), trained.export.metadata["classes"]
    paths, pixels, named = pictures(words, trained.export, MOST)
    report, found = Report(flags.json), []
    report.note(
        f"{trained.export.name} version {trained.export.version}, learnt on {trained.export.metadata['data']['name']}"
    )
    if named > MOST:
        report.note(f"the first {MOST} of {named:,} pictures")
    logits = salience.logits(pixels)
    answers = logits.argmax(1)
    maps = salience.grad_cam(pixels, answers)
    parts, gap = salience.integrated_gradients(pixels, answers, flags.steps)
    chances = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    for row, path in enumerate(paths):
        label, chance = classes[answers[row]], float(chances[row, answers[row]])
        place = Path(flags.out) / f"{row:03}_{path.stem}.png"
        draw(pixels[row], None if maps is None else maps[row], parts[row], f"{plots.shown(label)} {chance:.1%}", place)
        found.append({"path": str(path), "label": label, "probability": chance, "figure": str(place)})
        report.note(f"{path}: {label}, probability {chance:.3f}; drawn: {place}")
    head = {"schema": 1, "domain": domain.name, "model": trained.export.name, "version": trained.export.version}
    return head | {"explanations": found, "largest_gap": gap}


def draw(pixels: np.ndarray, cam: np.ndarray | None, parts: np.ndarray, title: str, path: Path) -> Path:
    """The picture, where its classes' features are, and which pixels speak for (blue) and against (red) the answer."""
    from scipy.ndimage import gaussian_filter

    from pipelines import plots

    picture = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    grey = pixels.mean(-1)
    figure, panels = plots.panels(3 if cam is not None else 2)
    panels[0].imshow(picture, cmap="gray", vmin=0, vmax=255)
    panels[0].set_title(title)
    if cam is not None:
        panels[1].imshow(grey, cmap="gray", vmin=0, vmax=255)
        box = (-0.5, pixels.shape[1] - 0.5, pixels.shape[0] - 0.5, -0.5)
        panels[1].imshow(cam, cmap="inferno", alpha=0.55, extent=box, interpolation="bilinear")
        panels[1].set_title("Grad-CAM")
    # A pixel's own share jumps from one to the next: what can be seen is their sum over a neighbourhood.
    parts = gaussian_filter(parts, SMOOTH * max(parts.shape))
    most = max(float(np.quantile(np.abs(parts), 0.995)), 1e-9)
    panels[-1].imshow(grey, cmap="gray", vmin=0, vmax=255, alpha=0.35)
    panels[-1].imshow(parts, cmap="RdBu", vmin=-most, vmax=most, alpha=0.8, interpolation="bilinear")
    panels[-1].set_title("Integrated gradients: blue for it, red against")
    for axes in panels:
        axes.set_axis_off()
    return plots.saved(figure, path)
