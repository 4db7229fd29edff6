"""Convolutional networks that others have trained on a million photographs: those of `keras.applications`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, Literal, NamedTuple

import keras
from keras import ops

from arch.blocks import require, require_one_of, require_sides

CAFFE_MEAN = (103.939, 116.779, 123.68)  # of blue, green and red over ImageNet
TORCH_MEAN, TORCH_DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # of red, green and blue


class Backbone(NamedTuple):
    """One of the networks.

    Attributes:
        function: of `keras.applications`.
        form: what its weights were trained on, a key of `FORMS`.
        least: pixels that a side must have.
    """

    function: str
    form: str
    least: int = 32


BACKBONES = {
    "mobilenet": Backbone("MobileNet", "signs"),
    "mobilenet_v2": Backbone("MobileNetV2", "signs"),
    "mobilenet_v3_small": Backbone("MobileNetV3Small", "bytes"),
    "efficientnet_b0": Backbone("EfficientNetB0", "bytes"),
    "efficientnet_v2_b0": Backbone("EfficientNetV2B0", "bytes"),
    "resnet50": Backbone("ResNet50", "caffe"),
    "resnet50_v2": Backbone("ResNet50V2", "signs"),
    "densenet121": Backbone("DenseNet121", "torch"),
    "convnext_tiny": Backbone("ConvNeXtTiny", "bytes"),
    "inception_v3": Backbone("InceptionV3", "signs", 75),
}


def _between_signs(x: Any) -> Any:
    return keras.layers.Rescaling(1 / 127.5, -1.0, name="between_signs")(x)


def _as_caffe(x: Any) -> Any:
    return keras.layers.Rescaling(1.0, [-mean for mean in CAFFE_MEAN], name="centred")(ops.flip(x, axis=-1))


def _as_torch(x: Any) -> Any:
    scale = [1 / deviation for deviation in TORCH_DEVIATION]
    offset = [-mean * by for mean, by in zip(TORCH_MEAN, scale, strict=True)]
    return keras.layers.Rescaling(scale, offset, name="standardised")(x)


FORMS = {"bytes": lambda x: x, "signs": _between_signs, "caffe": _as_caffe, "torch": _as_torch}


def pretrained(
    inputs: keras.KerasTensor,
    *,
    backbone: Literal[
        "mobilenet",
        "mobilenet_v2",
        "mobilenet_v3_small",
        "efficientnet_b0",
        "efficientnet_v2_b0",
        "resnet50",
        "resnet50_v2",
        "densenet121",
        "convnext_tiny",
        "inception_v3",
    ] = "mobilenet_v2",
    weights: str = "",
) -> keras.KerasTensor:
    """A network of `keras.applications` without its head, its features averaged over the picture.

    Args:
        inputs: (batch, height, width, channels) of pixels from 0 to 255, one channel (taken three times) or three.
        backbone: which network.
        weights: `imagenet`, which Keras fetches; or a file that its `save_weights` wrote; random where empty.

    Returns:
        (batch, features).

    Raises:
        ValueError: where an option cannot work, or the file holds other weights.

    Source: the papers that the documentation of `keras.applications` names for each.
    """
    require_one_of("pretrained", "backbone", backbone, BACKBONES)
    chosen = BACKBONES[backbone]
    require(len(inputs.shape) == 4, "pretrained", "inputs must be (batch, height, width, channels)", inputs.shape)
    require(inputs.shape[-1] in (1, 3), "pretrained", "inputs must have one channel or three", inputs.shape)
    require_sides("pretrained", inputs, chosen.least)
    there = weights in ("", "imagenet") or Path(weights).is_file()
    require(there, "pretrained", "weights must be imagenet or a file", repr(weights))
    x = inputs if inputs.shape[-1] == 3 else ops.repeat(inputs, 3, axis=-1)
    theirs = _made(chosen.function, tuple(x.shape[1:]), weights)
    network = keras.models.clone_model(theirs, clone_function=_named())
    if weights:
        network.set_weights(theirs.get_weights())
    return network.call(FORMS[chosen.form](x))  # layer by layer: as one layer it could not be frozen in part


def _made(function: str, shape: tuple[int, ...], weights: str) -> keras.Model:
    """The network as Keras gives it, whose fetching of weights fails with a bare `Exception`."""
    try:
        make = getattr(keras.applications, function)
        return make(include_top=False, pooling="avg", input_shape=shape, weights=weights or None)
    except Exception as error:
        if weights != "imagenet":
            raise
        wanted = "weights must be a file where imagenet's cannot be fetched"
        raise ValueError(f"pretrained: {wanted}, got {error}") from None


def _named() -> Callable[[keras.layers.Layer], keras.layers.Layer]:
    """What copies layers one after the other under names of ours: theirs count on from network to network."""
    numbers = count()

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
        name = f"backbone{next(numbers)}_{type(layer).__name__.lower()}"
        return type(layer).from_config({**layer.get_config(), "name": name})

    return copied
