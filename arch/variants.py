"""The published configurations by their papers' names. Reading the table imports no Keras; `model` builds one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from arch import builder


@dataclass(frozen=True)
class Variant:
    """A builder with the options of a publication.

    Attributes:
        builder: key in `arch.BUILDERS`.
        options: the builder's options that differ from its defaults.
        input_shape: without the batch.
        classes: outputs of the head, 0 where there is none.
        head: key in `arch.heads.HEADS`, or "none" for the bare features.
        source: the publication.
        parameters: trainable parameters, exact.
        multiply_adds: as published; convolutions, dense layers, attention products; rounded where it ends in zeros.
    """

    builder: str
    options: Mapping[str, Any]
    input_shape: tuple[int, ...]
    classes: int
    head: str
    source: str
    parameters: int | None = None
    multiply_adds: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))


def _imagenet(
    builder: str,
    blocks: tuple[int, ...],
    source: str,
    parameters: int,
    multiply_adds: int | None = None,
    **options: Any,
) -> Variant:
    options = {"blocks": blocks, "width": 64, "stem": "imagenet", **options}
    return Variant(builder, options, (224, 224, 3), 1000, "multi_class", source, parameters, multiply_adds)


def _cifar(
    builder: str,
    blocks: tuple[int, ...],
    source: str,
    parameters: int,
    multiply_adds: int | None = None,
    **options: Any,
) -> Variant:
    options = {"blocks": blocks, **options}
    return Variant(builder, options, (32, 32, 3), 10, "multi_class", source, parameters, multiply_adds)


def _cifar_resnet(depth: int, parameters: int, multiply_adds: int | None = None) -> Variant:
    """Depth 6 n + 2 with option A shortcuts, He et al. 2016, section 4.2."""
    blocks = ((depth - 2) // 6,) * 3
    return _cifar("resnet", blocks, "He 2016, section 4.2", parameters, multiply_adds, shortcut="padding")


def _wide_resnet(depth: int, widen: int, parameters: int, multiply_adds: int | None = None) -> Variant:
    blocks = ((depth - 4) // 6,) * 3
    return _cifar("wide_resnet", blocks, "Zagoruyko 2016, table 4", parameters, multiply_adds, widen=widen)


def _recurrent(cell: str, source: str, parameters: int) -> Variant:
    return Variant("recurrent", {"cell": cell, "units": (128,)}, (100, 64), 0, "none", source, parameters)


VARIANTS: dict[str, Variant] = {
    # He 2016, table 1; bottlenecks with the stride in the 3x3 (v1.5), bias-free convolutions
    "resnet18": _imagenet("resnet", (2, 2, 2, 2), "He 2016, table 1", 11689512, 1814000000),
    "resnet34": _imagenet("resnet", (3, 4, 6, 3), "He 2016, table 1", 21797672),
    "resnet50": _imagenet("resnet", (3, 4, 6, 3), "He 2016, table 1", 25557032, 4089000000, block="bottleneck"),
    "resnet101": _imagenet("resnet", (3, 4, 23, 3), "He 2016, table 1", 44549160, block="bottleneck"),
    "resnet152": _imagenet("resnet", (3, 8, 36, 3), "He 2016, table 1", 60192808, 11514000000, block="bottleneck"),
    "se_resnet50": _imagenet(
        "resnet", (3, 4, 6, 3), "Hu 2018, table 1", 28088024, 4092000000, block="bottleneck", se_ratio=1 / 16
    ),
    "wide_resnet50_2": _imagenet(
        "resnext", (3, 4, 6, 3), "Zagoruyko 2016, table 8", 68883240, 11398000000, cardinality=1, group_width=128
    ),
    "wide_resnet101_2": _imagenet(
        "resnext", (3, 4, 23, 3), "Zagoruyko 2016", 126886696, cardinality=1, group_width=128
    ),
    "resnext50_32x4d": _imagenet(
        "resnext", (3, 4, 6, 3), "Xie 2017, table 1", 25028904, 4230000000, cardinality=32, group_width=4
    ),
    "resnext101_32x8d": _imagenet(
        "resnext", (3, 4, 23, 3), "Xie 2017, as torchvision builds it", 88791336, cardinality=32, group_width=8
    ),
    # 32 x 32
    "cifar_resnet20": _cifar_resnet(20, 269722, 40550000),
    "cifar_resnet32": _cifar_resnet(32, 464154),
    "cifar_resnet44": _cifar_resnet(44, 658586),
    "cifar_resnet56": _cifar_resnet(56, 853018, 125490000),
    "cifar_resnet110": _cifar_resnet(110, 1727962, 252890000),
    "cifar_resnet1202": _cifar_resnet(1202, 19421274),
    "cifar_resnet18": _cifar(
        "resnet", (2, 2, 2, 2), "He 2016 with a 3x3 stem and no max pooling", 11173962, 555422720, width=64
    ),
    "preact_resnet164": _cifar("resnet", (18, 18, 18), "He 2016b, table 4", 1703258, block="preact_bottleneck"),
    "wide_resnet16_8": _wide_resnet(16, 8, 10961370),
    "wide_resnet28_10": _wide_resnet(28, 10, 36479194, 5243000000),
    "resnext29_8x64d": _cifar("resnext", (3, 3, 3), "Xie 2017, table 7", 34426698, cardinality=8, group_width=64),
    "resnext29_16x64d": _cifar("resnext", (3, 3, 3), "Xie 2017, table 7", 68155210, cardinality=16, group_width=64),
    # single layers without a head; one bias vector per gate, as Keras has it
    "lstm128_on_64": _recurrent("lstm", "Hochreiter and Schmidhuber 1997", 98816),
    "gru128_on_64": _recurrent("gru", "Cho 2014, reset after the product", 74496),
    "rnn128_on_64": _recurrent("rnn", "Elman 1990", 24704),
}


def variant(name: str, *, input_shape: tuple[int, ...] | None = None, classes: int | None = None) -> Variant:
    """The variant of this name, for another input or other classes where given; published figures then fall away.

    Raises:
        ValueError: when the table does not hold the name; the nearest names are told.
    """
    if name not in VARIANTS:
        near = get_close_matches(name, VARIANTS, n=3, cutoff=0.4) or sorted(VARIANTS)
        raise ValueError(f"variants: name must be one of {', '.join(near)}, got {name}")
    found = VARIANTS[name]
    if input_shape in (None, found.input_shape) and classes in (None, found.classes):
        return found
    changed = replace(found, input_shape=input_shape or found.input_shape, parameters=None, multiply_adds=None)
    return changed if classes is None else replace(changed, classes=classes)


def model(chosen: Variant) -> Any:
    """The Keras model of a variant: input, builder, head; its weights are random."""
    import keras

    from arch.heads import HEADS

    inputs = keras.Input(chosen.input_shape, name="inputs")
    outputs = builder(chosen.builder)(inputs, **chosen.options)
    if chosen.head != "none":
        outputs = HEADS[chosen.head](outputs, chosen.classes)
    return keras.Model(inputs, outputs, name=chosen.builder)
