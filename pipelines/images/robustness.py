"""`robustness`: how accuracy falls when pictures get worse, and what the views of a picture are worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.errors import counted
from data.splits import Rows
from pipelines.cli import model_and_file
from pipelines.domain import Domain
from pipelines.flags import parse, positional
from pipelines.trained import open_trained

SEVERITIES = (1, 2, 3)
MOST = 2_000  # pictures that are judged


@dataclass(frozen=True)
class RobustnessFlags:
    """Flags of `robustness`.

    Attributes:
        json: print one JSON object on stdout, everything else on stderr.
    """

    json: bool = False


def main(domain: Domain, arguments: Sequence[str], program: str) -> dict[str, Any]:
    """Accuracy of a model on its run's test pictures, or on a folder of classes, corrupted in several ways.

    Raises:
        BadInput: no such model, or pictures that cannot be read.
    """
    words, rest = positional(arguments)
    flags = parse(RobustnessFlags, rest, program, "robustness [MODEL] [FOLDER]: accuracy on worse pictures.")
    model, folder = model_and_file(words)
    trained = open_trained(domain, model)
    from pipelines.engine import predict
    from pipelines.images.views import judge_once
    from pipelines.report import Report
    from pipelines.verbs import test_rows

    export = trained.export
    rows = domain.rows(folder, export.metadata) if folder else test_rows(domain, export)
    some = np.sort(np.random.default_rng(0).permutation(rows.size)[:MOST])
    image, label = rows["image"][some], rows["label"][some]

    def accuracy(pixels: np.ndarray) -> float:
        return float(np.mean(predict(trained.model, Rows({"image": pixels})).argmax(1) == label))

    report, clean = Report(flags.json), accuracy(image)
    report.note(
        f"{export.name} version {export.version} on {counted(len(some), 'picture')}; accuracy as they are {clean:.1%}"
    )
    report.note(f"{'corruption':<12}" + "".join(f"{severity:>8}" for severity in SEVERITIES))
    found = {}
    for name, corrupt in CORRUPTIONS.items():
        found[name] = [accuracy(corrupt(image, severity)) for severity in SEVERITIES]
        report.note(f"{name:<12}" + "".join(f"{value:>8.1%}" for value in found[name]))
    views = judge_once(trained.model)  # last: the model is another one from here on
    once = accuracy(image) if views > 1 else clean
    if views > 1:
        report.note(f"as they are, one view of each in place of {views}: {once:.1%}")
    head = {"schema": 1, "domain": domain.name, "model": export.name, "version": export.version}
    return head | {"rows": len(some), "clean": clean, "views": views, "clean_one_view": once, "corrupted": found}


def noise(pixels: np.ndarray, severity: int) -> np.ndarray:
    """Normal noise of deviation 10, 20, 40 grey levels."""
    added = np.random.default_rng(0).normal(0, 5 * 2**severity, pixels.shape)
    return _bytes(pixels + added)


def blur(pixels: np.ndarray, severity: int) -> np.ndarray:
    """A Gaussian of deviation 0.5, 1, 1.5 pixels."""
    from scipy.ndimage import gaussian_filter

    return _bytes(gaussian_filter(pixels.astype(np.float32), (0, severity / 2, severity / 2, 0), mode="nearest"))


def dark(pixels: np.ndarray, severity: int) -> np.ndarray:
    """0.7, 0.5, 0.3 of the light."""
    return _bytes(pixels * (0.9 - 0.2 * severity))


def contrast(pixels: np.ndarray, severity: int) -> np.ndarray:
    """0.7, 0.5, 0.3 of the distance from each picture's mean."""
    mean = pixels.mean((1, 2, 3), keepdims=True)
    return _bytes(mean + (pixels - mean) * (0.9 - 0.2 * severity))


def jpeg(pixels: np.ndarray, severity: int) -> np.ndarray:
    """As JPEG of quality 50, 25, 10."""
    from data.image_decoding import decode
    from data.image_fitting import encode_jpeg

    quality = {1: 50, 2: 25, 3: 10}[severity]
    return decode([encode_jpeg(picture, quality) for picture in pixels], pixels.shape[1:]).pixels


def shift(pixels: np.ndarray, severity: int) -> np.ndarray:
    """Moved down and right by 5, 10, 15 % of the side, the border repeated."""
    for axis in (1, 2):
        size = pixels.shape[axis]
        index = np.maximum(np.arange(size) - max(1, round(0.05 * severity * size)), 0)
        pixels = np.take(pixels, index, axis)
    return pixels


def turn(pixels: np.ndarray, severity: int) -> np.ndarray:
    """Turned by 10, 20, 30 degrees, the border repeated."""
    from scipy.ndimage import rotate

    turned = rotate(pixels.astype(np.float32), 10 * severity, (1, 2), reshape=False, order=1, mode="nearest")
    return _bytes(turned)


def _bytes(pixels: np.ndarray) -> np.ndarray:
    return np.clip(np.round(pixels), 0, 255).astype(np.uint8)


CORRUPTIONS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "noise": noise,
    "blur": blur,
    "dark": dark,
    "contrast": contrast,
    "jpeg": jpeg,
    "shift": shift,
    "turn": turn,
}
