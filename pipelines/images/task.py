"""What pictures tell the engine: bytes of pixels in, classes out, encoded pictures of any size at the served end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

import arch
from arch import heads
from arch.whitened import adapt_to
from data.image_requests import sendable
from data.splits import Rows
from pipelines.classify import cross_entropy, equal_weights, evaluate, probabilities, validate
from pipelines.finetuning import freeze, take_up
from pipelines.images.augmentation import augmented
from pipelines.images.baselines import baselines
from pipelines.images.figures import figures, portraits
from pipelines.images.fit import fit_of
from pipelines.images.serving import serving
from pipelines.images.views import MeanOfViews, Views
from pipelines.run import Run
from pipelines.task import Batch, Meta, Objective, Task

SMALL = 32  # pixels of a side, below which strides and patches may be too much for a picture
EXAMPLES = 400_000  # pixels of training pictures from which a whitening is computed


class Pixels(NamedTuple):
    """What the trunk takes.

    Attributes:
        x: (batch, height, width, channels) of mean 0 and variance 1, or from 0 to 255 for the builders that want bytes.
        classes: number of classes.
        views: of each picture outside training.
    """

    x: keras.KerasTensor
    classes: int
    views: int


def inputs(run: Run, meta: Meta) -> tuple[dict[str, keras.KerasTensor], Pixels]:
    """uint8 pixels, their standardised form, and the views of it that are judged."""
    image = keras.Input((meta["height"], meta["width"], meta["channels"]), dtype="uint8", name="image")
    wanted = fit_of(run).views
    views = Views(mirrored=wanted != "one" and meta["mirror"], moved=wanted == "moved", name="views")
    x = keras.layers.Rescaling(*_scaling(run, meta), name="scaling")(image)
    return {"image": image}, Pixels(views(x), len(meta["classes"]), views.count)


def _scaling(run: Run, meta: Meta) -> tuple[list[float], list[float]]:
    """Factor and summand of each channel."""
    if run.model.builder in arch.BYTES:
        return [1.0] * meta["channels"], [0.0] * meta["channels"]
    scale = [1.0 / deviation for deviation in meta["deviation"]]
    return scale, [-mean * by for mean, by in zip(meta["mean"], scale, strict=True)]


def trunk(run: Run) -> Callable[..., keras.KerasTensor]:
    """The builder, the head, and the mean over the views."""
    build = arch.builder(run.model.builder)

    def logits(pixels: Pixels, **options: Any) -> keras.KerasTensor:
        try:
            features = build(pixels.x, **options)
        except ValueError as error:
            small = min(pixels.x.shape[1:3]) < SMALL
            raise ValueError(f"{error}{'; --data.size makes pictures larger' if small else ''}") from error
        freeze(pixels.x, features, fit_of(run).frozen)
        out = heads.multi_class(features, pixels.classes)
        return MeanOfViews(pixels.views, dtype="float32", name="mean_of_views")(out) if pixels.views > 1 else out

    return logits


def start(model: keras.Model, run: Run, rows: Rows) -> str:
    """Whiten the first layer, of a model that has such a layer, by some training pictures; take over other weights."""
    pixels = int(np.prod(rows["image"].shape[1:3]))
    some = np.random.default_rng(0).permutation(rows.size)[: max(1, EXAMPLES // pixels)]
    adapt_to(model, {"image": rows["image"][np.sort(some)]})
    return take_up(model, run)


def objective(model: keras.Model, batch: Batch, run: Run, training: bool) -> Objective:
    """Cross-entropy, in training on moved and mirrored pictures."""
    if training:
        image = augmented(batch["image"], batch["mirrored"], batch["draws"], fit_of(run))
        batch = {**batch, "image": image}
    return cross_entropy(model, batch, run, training)


def raw(rows: Rows) -> dict[str, Any]:
    """The pictures as a client sends them: encoded, with nothing lost."""
    return {"image_bytes": sendable(rows["image"][np.arange(rows.size)])}


TASK = Task(
    inputs=inputs,
    trunk=trunk,
    head=lambda features, meta: features,
    objective=objective,
    named=lambda outputs, meta: {"probabilities": probabilities(outputs)},
    evaluate=evaluate,
    validate=validate,
    baselines=baselines,
    plots=figures,
    serving=serving,
    raw=raw,
    weights=equal_weights,
    measures=("accuracy",),
    portraits=portraits,
    start=start,
)
