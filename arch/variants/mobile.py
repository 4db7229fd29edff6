"""MobileNets, EfficientNets and MixNets by their papers' names.

Exact figures are those of the papers' networks as torchvision 0.29, timm 1.0 and Keras build them, counted on shapes
alone; multiply-adds are not given for widths of which only Keras counts the parameters.
"""

from __future__ import annotations

from typing import Any

from arch.variants.published import Variant, imagenet

# Tan 2019's code: factors on width and depth, and the side of the pictures, of B0 to B8
_SCALES = (
    (1.0, 1.0, 224),
    (1.0, 1.1, 240),
    (1.1, 1.2, 260),
    (1.2, 1.4, 300),
    (1.4, 1.8, 380),
    (1.6, 2.2, 456),
    (1.8, 2.6, 528),
    (2.0, 3.1, 600),
    (2.2, 3.6, 672),
)


def _mobile(
    builder: str, source: str, parameters: int, multiply_adds: int | None = None, widen: float = 1.0, **options: Any
) -> Variant:
    return imagenet(builder, source, parameters, multiply_adds, widen=widen, stem="imagenet", **options)


def _v1(widen: float, parameters: int, multiply_adds: int | None = None) -> Variant:
    return _mobile("mobilenet", "Howard 2017, tables 1 and 6", parameters, multiply_adds, widen)


def _v2(widen: float, parameters: int, multiply_adds: int | None = None) -> Variant:
    return _mobile("mobilenet_v2", "Sandler 2018, tables 2 and 4", parameters, multiply_adds, widen)


def _v3(size: str, widen: float, parameters: int, multiply_adds: int) -> Variant:
    return _mobile("mobilenet_v3", "Howard 2019, tables 1 to 3", parameters, multiply_adds, widen, size=size)


def _efficientnet(number: int, parameters: int, multiply_adds: int) -> Variant:
    widen, deepen, side = _SCALES[number]
    options = {"widen": widen, "deepen": deepen, "stem": "imagenet"}
    return imagenet("efficientnet", "Tan 2019, table 2", parameters, multiply_adds, side=side, **options)


def _mixnet(size: str, widen: float, parameters: int, multiply_adds: int) -> Variant:
    return _mobile("mixnet", "Tan 2019b, table 2", parameters, multiply_adds, widen, size=size)


VARIANTS: dict[str, Variant] = {
    "mobilenet_v1": _v1(1.0, 4231976, 568740352),
    "mobilenet_v1_025": _v1(0.25, 470072),
    "mobilenet_v1_050": _v1(0.5, 1331592),
    "mobilenet_v1_075": _v1(0.75, 2585560),
    "mobilenet_v2": _v2(1.0, 3504872, 300774272),
    "mobilenet_v2_035": _v2(0.35, 1677128, 59285808),
    "mobilenet_v2_050": _v2(0.5, 1968680, 97131840),
    "mobilenet_v2_075": _v2(0.75, 2636424, 209069792),
    "mobilenet_v2_130": _v2(1.3, 5386792),
    "mobilenet_v2_140": _v2(1.4, 6108776, 582195824),
    "mobilenet_v3_large": _v3("large", 1.0, 5483032, 216589760),
    "mobilenet_v3_large_075": _v3("large", 0.75, 3993528, 154560624),
    "mobilenet_v3_small": _v3("small", 1.0, 2542856, 56510400),
    "mobilenet_v3_small_075": _v3("small", 0.75, 2041872, 43399344),
    "efficientnet_b0": _efficientnet(0, 5288548, 385814752),
    "efficientnet_b1": _efficientnet(1, 7794184, 686802832),
    "efficientnet_b2": _efficientnet(2, 9109994, 993561872),
    "efficientnet_b3": _efficientnet(3, 12233232, 1827141392),
    "efficientnet_b4": _efficientnet(4, 19341616, 4393771024),
    "efficientnet_b5": _efficientnet(5, 30389784, 10266384752),
    "efficientnet_b6": _efficientnet(6, 43040704, 19067593536),
    "efficientnet_b7": _efficientnet(7, 66347960, 37745884192),
    "efficientnet_b8": _efficientnet(8, 87413142, 62597461568),
    "mixnet_s": _mixnet("small", 1.0, 4134606, 239173360),
    "mixnet_m": _mixnet("medium", 1.0, 5014382, 339172672),
    "mixnet_l": _mixnet("medium", 1.3, 7329252, 555251792),
}
