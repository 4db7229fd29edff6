"""The named runs of images; the first is what `train` takes."""

from __future__ import annotations

from typing import Any

from data.images import ImagesData
from pipelines.images.fit import ImagesFit
from pipelines.run import Model, Run

JORDAN = "Jordan 2024, 94% on CIFAR-10 in 3.29 seconds on a single GPU"


def _recipe(
    name: str, builder: str, options: dict[str, Any], fit: ImagesFit, source: str, **further: Any
) -> tuple[str, Run]:
    fields: dict[str, Any] = {"data": ImagesData(), "source": source} | further
    return name, Run("images", name, model=Model(builder, options), fit=fit, **fields)


def _fast(**changes: Any) -> ImagesFit:
    """Muon, a line to zero, averaged weights, the last of which are kept."""
    usual: dict[str, Any] = {
        "epochs": 40,
        "batch_size": 64,
        "learning_rate": 5e-3,
        "schedule": "linear",
        "warmup": 0.1,
        "optimizer": "muon",
        "weight_decay": 0.05,
        "label_smoothing": 0.1,
        "ema": 0.98,
        "keep": "last",
        "shift": 1,
        "views": "moved",
    }
    return ImagesFit(**(usual | changes))


RECIPES: dict[str, Run] = dict(
    [
        _recipe("fast", "whitened_cnn", {}, _fast(), f"{JORDAN}; Muon: Jordan et al. 2024"),
    ]
)
