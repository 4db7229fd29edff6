"""Networks without residuals by their papers' names: LeNet, AlexNet, VGG, DenseNet, Inception.

Exact figures are those of the papers' networks as torchvision 0.29, timm 1.0 and Keras build them, counted on shapes
alone.
"""

from __future__ import annotations

from typing import Any

from arch.variants.published import Variant, cifar, imagenet

_A, _B, _D, _E = (1, 1, 2, 2, 2), (2, 2, 2, 2, 2), (2, 2, 3, 3, 3), (2, 2, 4, 4, 4)


def _vgg(blocks: tuple[int, ...], parameters: int, multiply_adds: int, norm: str = "none") -> Variant:
    source = "Simonyan 2015, table 1" if norm == "none" else "Simonyan 2015, with batch normalization"
    return imagenet("vgg", source, parameters, multiply_adds, blocks=blocks, units=(4096, 4096), norm=norm)


def _cifar_vgg(blocks: tuple[int, ...], parameters: int) -> Variant:
    source = "Simonyan 2015 for 32 x 32: batch normalization, one dense layer"
    return cifar("vgg", source, parameters, blocks=blocks, units=())


def _densenet(
    blocks: tuple[int, ...],
    growth_rate: int,
    parameters: int | None = None,
    multiply_adds: int | None = None,
    table: str = "table 1",
) -> Variant:
    options: dict[str, Any] = {
        "blocks": blocks,
        "growth_rate": growth_rate,
        "width": 2 * growth_rate,
        "stem": "imagenet",
    }
    return imagenet("densenet", f"Huang 2017, {table}", parameters, multiply_adds, **options)


def _cifar_densenet_bc(depth: int, growth_rate: int, parameters: int | None) -> Variant:
    """Three blocks of (depth - 4) / 6 layers, Huang et al. 2017, section 3."""
    blocks = ((depth - 4) // 6,) * 3
    return cifar(
        "densenet", "Huang 2017, table 2", parameters, blocks=blocks, growth_rate=growth_rate, width=2 * growth_rate
    )


def _cifar_densenet(depth: int, growth_rate: int, parameters: int | None) -> Variant:
    """Without bottlenecks and compression: three blocks of (depth - 4) / 3 layers behind a stem of 16 filters."""
    options: dict[str, Any] = {"blocks": ((depth - 4) // 3,) * 3, "growth_rate": growth_rate, "width": 16}
    return cifar("densenet", "Huang 2017, table 2", parameters, **options, expansion=0, compression=1.0)


VARIANTS: dict[str, Variant] = {
    "lenet5": Variant("lenet", {}, (32, 32, 1), 10, "multi_class", "LeCun 1998, section II.B", 61706, 416520),
    "alexnet": imagenet("alexnet", "Krizhevsky 2014", 61100840, 714188480, stem="imagenet"),
    "vgg11": _vgg(_A, 132863336, 7609090048),
    "vgg13": _vgg(_B, 133047848, 11308466176),
    "vgg16": _vgg(_D, 138357544, 15470264320),
    "vgg19": _vgg(_E, 143667240, 19632062464),
    "vgg11_bn": _vgg(_A, 132868840, 7609090048, "batch"),
    "vgg13_bn": _vgg(_B, 133053736, 11308466176, "batch"),
    "vgg16_bn": _vgg(_D, 138365992, 15470264320, "batch"),
    "vgg19_bn": _vgg(_E, 143678248, 19632062464, "batch"),
    "cifar_vgg11_bn": _cifar_vgg(_A, 9231114),
    "cifar_vgg13_bn": _cifar_vgg(_B, 9416010),
    "cifar_vgg16_bn": _cifar_vgg(_D, 14728266),
    "cifar_vgg19_bn": _cifar_vgg(_E, 20040522),
    "densenet121": _densenet((6, 12, 24, 16), 32, 7978856, 2834161664),
    "densenet161": _densenet((6, 12, 36, 24), 48, 28681000, 7727907072, "as torchvision builds it"),
    "densenet169": _densenet((6, 12, 32, 32), 32, 14149480, 3359843328),
    "densenet201": _densenet((6, 12, 48, 32), 32, 20013928, 4291365888),
    "densenet264": _densenet((6, 12, 64, 48), 32),
    "densenet40_12": _cifar_densenet(40, 12, 1019722),
    "densenet100_12": _cifar_densenet(100, 12, None),
    "densenet_bc100_12": _cifar_densenet_bc(100, 12, 769162),
    "densenet_bc250_24": _cifar_densenet_bc(250, 24, None),
    "densenet_bc190_40": _cifar_densenet_bc(190, 40, None),
    "inception_v3": imagenet("inception", "Szegedy 2016", 23834568, 5713216096, side=299, stem="imagenet"),
    "inception_v4": imagenet("inception_v4", "Szegedy 2017", 42679816, 12253974624, side=299, stem="imagenet"),
}
