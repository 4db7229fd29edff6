"""Residual networks by their papers' names.

Exact figures are those of the papers' networks as torchvision 0.29 and timm 1.0 build them, counted on shapes alone.
Where a paper prints millions only, `tests/laws/test_published.py` compares those.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from arch.variants.published import Variant, cifar, imagenet

_A: dict[str, Any] = {"shortcut": "padding"}
_50, _101, _152 = (3, 4, 6, 3), (3, 4, 23, 3), (3, 8, 36, 3)


def _resnet(blocks: tuple[int, ...], parameters: int, multiply_adds: int | None = None, **options: Any) -> Variant:
    source = "Hu 2018, table 1" if "se_ratio" in options else "He 2016, table 1"
    options = {"blocks": blocks, "width": 64, "stem": "imagenet", **options}
    return imagenet("resnet", source, parameters, multiply_adds, **options)


def _resnext(
    blocks: tuple[int, ...], paths: tuple[int, int], source: str, parameters: int, multiply_adds: int, **options: Any
) -> Variant:
    options = {"blocks": blocks, "width": 64, "stem": "imagenet", **options}
    options |= {"cardinality": paths[0], "group_width": paths[1]}
    return imagenet("resnext", source, parameters, multiply_adds, **options)


def _cifar_resnet(depth: int, parameters: int, multiply_adds: int | None = None, **options: Any) -> Variant:
    """Depth 6 n + 2 with option A shortcuts, He et al. 2016, section 4.2."""
    options = {"blocks": ((depth - 2) // 6,) * 3, **_A, **options}
    return cifar("resnet", "He 2016, section 4.2", parameters, multiply_adds, **options)


def _wide_resnet(depth: int, widen: int, parameters: int | None = None, multiply_adds: int | None = None) -> Variant:
    blocks = ((depth - 4) // 6,) * 3
    return cifar("wide_resnet", "Zagoruyko 2016, table 4", parameters, multiply_adds, blocks=blocks, widen=widen)


VARIANTS: dict[str, Variant] = {
    # bottlenecks with the stride in the 3x3 (v1.5), bias-free convolutions
    "resnet18": _resnet((2, 2, 2, 2), 11689512, 1814073344),
    "resnet34": _resnet(_50, 21797672, 3663761408),
    "resnet50": _resnet(_50, 25557032, 4089184256, block="bottleneck"),
    "resnet101": _resnet(_101, 44549160, 7801405440, block="bottleneck"),
    "resnet152": _resnet(_152, 60192808, 11513626624, block="bottleneck"),
    "se_resnet18": _resnet((2, 2, 2, 2), 11778592, se_ratio=1 / 16),
    "se_resnet34": _resnet(_50, 21958868, se_ratio=1 / 16),
    "se_resnet50": _resnet(_50, 28088024, 4091699200, block="bottleneck", se_ratio=1 / 16),
    "se_resnet101": _resnet(_101, 49326872, 7806148608, block="bottleneck", se_ratio=1 / 16),
    "se_resnet152": _resnet(_152, 66821848, 11520204800, block="bottleneck", se_ratio=1 / 16),
    "wide_resnet50_2": _resnext(_50, (1, 128), "Zagoruyko 2016, table 8", 68883240, 11398021120),
    "wide_resnet101_2": _resnext(_101, (1, 128), "Zagoruyko 2016, as torchvision builds it", 126886696, 22753050624),
    "resnext50_32x4d": _resnext(_50, (32, 4), "Xie 2017, table 1", 25028904, 4230479872),
    "resnext101_32x4d": _resnext(_101, (32, 4), "Xie 2017, table 3", 44177704, 7969996800),
    "resnext101_32x8d": _resnext(_101, (32, 8), "Xie 2017, as torchvision builds it", 88791336, 16414015488),
    "resnext101_64x4d": _resnext(_101, (64, 4), "Xie 2017, table 4", 83455272, 15460270080),
    "se_resnext50_32x4d": _resnext(_50, (32, 4), "Hu 2018, table 2", 27559896, 4232994816, se_ratio=1 / 16),
    "se_resnext101_32x4d": _resnext(_101, (32, 4), "Hu 2018, table 2", 48955416, 7974739968, se_ratio=1 / 16),
    # 32 x 32
    "cifar_resnet20": _cifar_resnet(20, 269722, 40550000),
    "cifar_resnet32": _cifar_resnet(32, 464154),
    "cifar_resnet44": _cifar_resnet(44, 658586),
    "cifar_resnet56": _cifar_resnet(56, 853018, 125490000),
    "cifar_resnet110": _cifar_resnet(110, 1727962, 252890000),
    "cifar_resnet1202": _cifar_resnet(1202, 19421274),
    "cifar_resnet18": cifar(
        "resnet", "He 2016, a 3x3 stem and no max pooling", 11173962, 555422720, blocks=(2, 2, 2, 2), width=64
    ),
    # the plain network of the same paper: no shortcuts, and as many weights, since shortcuts by padding have none
    "cifar_plain20": _cifar_resnet(20, 269722, 40550000, shortcut="none"),
    "cifar_plain56": _cifar_resnet(56, 853018, 125490000, shortcut="none"),
    "stochastic_depth110": replace(_cifar_resnet(110, 1727962, drop_path=0.5), source="Huang 2016, section 4"),
    "preact_resnet110": cifar("resnet", "He 2016b, table 2", 1727962, blocks=(18,) * 3, block="preact_basic", **_A),
    "preact_resnet164": cifar("resnet", "He 2016b, table 4", 1703258, blocks=(18,) * 3, block="preact_bottleneck"),
    "preact_resnet1001": cifar("resnet", "He 2016b, table 4", blocks=(111,) * 3, block="preact_bottleneck"),
    "wide_resnet40_1": _wide_resnet(40, 1),
    "wide_resnet40_2": _wide_resnet(40, 2),
    "wide_resnet40_4": _wide_resnet(40, 4),
    "wide_resnet40_8": _wide_resnet(40, 8),
    "wide_resnet28_12": _wide_resnet(28, 12),
    "wide_resnet22_8": _wide_resnet(22, 8),
    "wide_resnet22_10": _wide_resnet(22, 10),
    "wide_resnet16_10": _wide_resnet(16, 10),
    "wide_resnet16_8": _wide_resnet(16, 8, 10961370),
    "wide_resnet28_10": _wide_resnet(28, 10, 36479194, 5243000000),
    "shake_shake26_2x32d": cifar("shake_shake", "Gastaldi 2017, table 1", width=32),
    "shake_shake26_2x64d": cifar("shake_shake", "Gastaldi 2017, table 1", width=64),
    "shake_shake26_2x96d": cifar("shake_shake", "Gastaldi 2017, table 1", width=96),
    "resnext29_8x64d": cifar("resnext", "Xie 2017, table 7", 34426698, cardinality=8, group_width=64),
    "resnext29_16x64d": cifar("resnext", "Xie 2017, table 7", 68155210, cardinality=16, group_width=64),
}
