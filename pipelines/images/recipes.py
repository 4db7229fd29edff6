"""The named runs of images; the first is what `train` takes."""

from __future__ import annotations

from typing import Any

from data.images import ImagesData
from pipelines.images.fit import ImagesFit
from pipelines.run import Model, Run

JORDAN = "Jordan 2024, 94% on CIFAR-10 in 3.29 seconds on a single GPU; Muon: Jordan et al. 2024"


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
        "shift": 0.125,
        "views": "moved",
    }
    return ImagesFit(**(usual | changes))


def _residual(**changes: Any) -> ImagesFit:
    """Momentum with decay as the residual papers have them, over one cycle; pictures moved by an eighth."""
    usual: dict[str, Any] = {
        "epochs": 30,
        "batch_size": 128,
        "learning_rate": 0.1,
        "schedule": "one_cycle",
        "warmup": 0.3,
        "optimizer": "sgd",
        "weight_decay": 5e-4,
        "keep": "last",
        "shift": 0.125,
    }
    return ImagesFit(**(usual | changes))


def _adam(**changes: Any) -> ImagesFit:
    """AdamW over half a cosine, for what momentum alone trains badly."""
    usual: dict[str, Any] = {
        "epochs": 30,
        "batch_size": 128,
        "learning_rate": 2e-3,
        "weight_decay": 0.05,
        "keep": "last",
        "shift": 0.125,
    }
    return ImagesFit(**(usual | changes))


# Batches: of a few hundred pictures an epoch is a few steps, in which normalization's own averages, of the weights that
# are trained, never meet the averaged weights that are judged. On digits' validation 8 are no better than 4.
FEW = 4
RESNET18 = {"blocks": (2, 2, 2, 2), "width": 64}

RECIPES: dict[str, Run] = dict(
    [
        _recipe(
            "fast",
            "whitened_cnn",
            {},
            _fast(recalibrate=FEW),
            JORDAN,
            result="digits, seeds 0 to 4: test accuracy 98.51 % (sd 0.50), support-vector machine 96.26",
        ),
        _recipe(
            "fast_grey",
            "whitened_cnn",
            {"widths": (32, 48, 56), "stem_pool": 1},
            _fast(epochs=18, batch_size=128, ema=0.99, shift=0.08, hole=0.2, views="mirrored"),
            JORDAN,
            result="Fashion-MNIST, five seeds: test accuracy 94.12 % (sd 0.17); MNIST, 30 epochs, five: 99.68 (0.02)",
        ),
        _recipe(
            "fast_colour",
            "whitened_cnn",
            {"widths": (32, 64, 128)},
            _fast(epochs=12, batch_size=128, ema=0.99, views="mirrored"),
            JORDAN,
            result="CIFAR-10 as JPEG of quality 75, three seeds: test accuracy 86.14 % (sd 0.25)",
        ),
        _recipe(
            "resnet20",
            "resnet",
            {"blocks": (3, 3, 3), "width": 16, "shortcut": "padding"},
            _residual(),
            "He et al. 2016, Deep residual learning, section 4.2",
        ),
        _recipe("resnet18", "resnet", RESNET18, _residual(), "He et al. 2016, with a stem for small pictures"),
        _recipe(
            "plain18",
            "resnet",
            {**RESNET18, "shortcut": "none"},
            _residual(),
            "He et al. 2016, the plain network: resnet18 without shortcuts",
        ),
        _recipe(
            "se_resnet18",
            "resnet",
            {**RESNET18, "se_ratio": 1 / 16},
            _residual(),
            "Hu et al. 2018, Squeeze-and-excitation networks",
        ),
        _recipe(
            "preact",
            "resnet",
            {**RESNET18, "block": "preact_basic"},
            _residual(),
            "He et al. 2016b, Identity mappings in deep residual networks",
        ),
        _recipe(
            "wide_resnet",
            "wide_resnet",
            {"blocks": (2, 2, 2), "widen": 4},
            _residual(),
            "Zagoruyko and Komodakis 2016, Wide residual networks: depth 16, width 4",
        ),
        _recipe(
            "resnext",
            "resnext",
            {"blocks": (2, 2, 2), "cardinality": 8, "group_width": 8},
            _residual(),
            "Xie et al. 2017, Aggregated residual transformations; narrower",
        ),
        _recipe(
            "densenet",
            "densenet",
            {"blocks": (6, 6, 6)},
            _residual(),
            "Huang et al. 2017, Densely connected convolutional networks: 40 layers, bottlenecks, growth 12",
        ),
        _recipe(
            "mobilenet", "mobilenet_v2", {}, _adam(), "Sandler et al. 2018, MobileNetV2, with a stem for small pictures"
        ),
        _recipe(
            "efficientnet",
            "efficientnet",
            {},
            _adam(),
            "Tan and Le 2019, EfficientNet-B0, with a stem for small pictures",
        ),
        _recipe(
            "inception",
            "inception",
            {"modules": (1, 1, 1), "widen": 0.25},
            _adam(),
            "Szegedy et al. 2016, Rethinking the Inception architecture; narrower",
        ),
        _recipe(
            "vit",
            "vit",
            {"patch_size": 4},
            _adam(epochs=60, warmup=0.2, clip_norm=1.0, hole=0.25),
            "Dosovitskiy et al. 2021, An image is worth 16x16 words; for small pictures",
        ),
        _recipe(
            "p4m",
            "group_cnn",
            {},
            _adam(),
            "Cohen and Welling 2016, Group equivariant convolutional networks",
        ),
        _recipe(
            "fine_tune",
            "pretrained",
            {"weights": "imagenet"},
            _adam(epochs=10, learning_rate=1e-3, layer_decay=0.97, views="mirrored"),
            "Yosinski et al. 2014, How transferable are features; rates: Howard and Ruder 2018",
        ),
        _recipe(
            "ensemble",
            "whitened_cnn",
            {},
            _fast(recalibrate=FEW),
            f"five of the fast recipe from different seeds, averaged as Lakshminarayanan et al. 2017 have it; {JORDAN}",
            seeds=5,
            combine="mean",
        ),
    ]
)
