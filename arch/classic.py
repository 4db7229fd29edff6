"""The first convolutional networks: local patterns, ever wider, and dense layers that read the last maps whole."""

from __future__ import annotations

from typing import Literal

import keras

from arch.blocks import (
    activation,
    average_pool,
    batch_norm,
    conv,
    dropped,
    global_pool,
    max_pool,
    require,
    require_maps,
    require_one_of,
    require_positive,
    require_rate,
    require_sides,
    unmask,
)

_PADDINGS = {1: keras.layers.ZeroPadding1D, 2: keras.layers.ZeroPadding2D, 3: keras.layers.ZeroPadding3D}


def lenet(
    inputs: keras.KerasTensor,
    *,
    widths: tuple[int, ...] = (6, 16),
    kernel_size: int = 5,
    units: tuple[int, ...] = (120, 84),
    kind: Literal["tanh", "relu", "sigmoid"] = "tanh",
    padding: Literal["valid", "same"] = "valid",
) -> keras.KerasTensor:
    """LeNet-5: convolutions with average pooling between them, then dense layers.

    Args:
        inputs: (batch, one to three spatial axes, channels).
        widths: filters of each convolution, one number a convolution.
        kernel_size: positions that a kernel spans along every axis.
        units: widths of the dense layers.
        kind: nonlinearity behind every convolution and dense layer.
        padding: "valid" loses kernel_size - 1 positions a convolution, "same" loses none.

    Returns:
        (batch, units[-1]), or the flattened maps where units is empty.

    Raises:
        ValueError: where an option cannot work, or the input is too short.

    Source: LeCun et al. 1998, section II.B; the third layer reads all maps, pooling has no weights, classes are not
    coded as pictures. The paper's 32 x 32 is a digit of 28 x 28 with a border of two.
    """
    require_positive("lenet", "widths", widths)
    require_positive("lenet", "kernel_size", kernel_size)
    require_one_of("lenet", "kind", kind, ("tanh", "relu", "sigmoid"))
    require_one_of("lenet", "padding", padding, ("valid", "same"))
    require_maps("lenet", inputs, 2 ** len(widths))
    if padding == "valid":
        require_sides("lenet", inputs, _least_side(len(widths), kernel_size))
    x = unmask(inputs)
    for index, filters in enumerate(widths):
        x = conv(x, filters, kernel_size, padding=padding, use_bias=True, name=f"conv{index}")
        x = activation(x, kind, name=f"conv{index}_{kind}")
        x = average_pool(x, 2, padding=padding, name=f"pool{index}")
    return _dense("lenet", x, units, kind, 0.0)


def _least_side(convolutions: int, kernel_size: int) -> int:
    """The shortest side of which a position is left, convolutions and pools of 2 being without padding."""
    side = 1
    for _ in range(convolutions):
        side = 2 * side + kernel_size - 1
    return side


def alexnet(
    inputs: keras.KerasTensor,
    *,
    widths: tuple[int, ...] = (64, 192, 384, 256, 256),
    units: tuple[int, ...] = (4096, 4096),
    stem: Literal["small", "imagenet"] = "small",
    dropout: float = 0.5,
) -> keras.KerasTensor:
    """AlexNet: five convolutions, three overlapping max poolings, dense layers with dropout.

    Args:
        inputs: (batch, one to three spatial axes, channels).
        widths: filters of the five convolutions.
        units: widths of the dense layers.
        stem: a 3-wide first convolution and padding throughout; or 11-wide with stride 4, pooling without padding.
        dropout: share of values dropped before each dense layer, in [0, 1).

    Returns:
        (batch, units[-1]), or the flattened maps where units is empty.

    Raises:
        ValueError: where an option cannot work, or the input is too short.

    Source: Krizhevsky et al. 2012 in the single tower of Krizhevsky 2014, without response normalization.
    """
    require(len(widths) == 5, "alexnet", "widths must be five numbers", widths)
    require_positive("alexnet", "widths", widths)
    require_one_of("alexnet", "stem", stem, ("small", "imagenet"))
    require_rate("alexnet", "dropout", dropout)
    require_maps("alexnet", inputs, 8)
    padding = "same" if stem == "small" else "valid"
    if stem == "imagenet":
        require_sides("alexnet", inputs, 63)
    x = unmask(inputs)
    for index, filters in enumerate(widths):
        x = _alexnet_stem(x, filters, stem) if not index else _alexnet_conv(x, filters, index)
        x = activation(x, name=f"conv{index}_relu")
        if index in (0, 1, 4):
            x = max_pool(x, 3, strides=2, padding=padding, name=f"pool{index}")
    return _dense("alexnet", x, units, "relu", dropout)


def _alexnet_stem(x: keras.KerasTensor, filters: int, stem: str) -> keras.KerasTensor:
    if stem == "small":
        return conv(x, filters, 3, use_bias=True, name="conv0")
    # "same" would put three places before and four behind, and give a 56th position
    x = _PADDINGS[len(x.shape) - 2](2, name="conv0_padding")(x)
    return conv(x, filters, 11, strides=4, padding="valid", use_bias=True, name="conv0")


def _alexnet_conv(x: keras.KerasTensor, filters: int, index: int) -> keras.KerasTensor:
    return conv(x, filters, 5 if index == 1 else 3, use_bias=True, name=f"conv{index}")


def vgg(
    inputs: keras.KerasTensor,
    *,
    blocks: tuple[int, ...] = (2, 2, 3, 3),
    width: int = 64,
    norm: Literal["batch", "none"] = "batch",
    units: tuple[int, ...] = (512,),
    dropout: float = 0.5,
) -> keras.KerasTensor:
    """VGG: stages of 3-wide convolutions, each ended by max pooling, then dense layers with dropout.

    Args:
        inputs: (batch, one to three spatial axes, channels).
        blocks: convolutions in each stage.
        width: filters of the first stage, doubled with each stage up to eight times as many.
        norm: batch normalization behind each convolution or none; convolutions have biases in either case.
        units: widths of the dense layers; none gives the flattened maps.
        dropout: share of values dropped before each dense layer, in [0, 1).

    Returns:
        (batch, units[-1]), or the flattened maps where units is empty.

    Raises:
        ValueError: where an option cannot work, or the input is shorter than the total stride.

    Source: Simonyan and Zisserman 2015, table 1, columns A, B, D and E; Ioffe and Szegedy 2015 for the normalization.
    """
    require_positive("vgg", "blocks", blocks)
    require_positive("vgg", "width", width)
    require_one_of("vgg", "norm", norm, ("batch", "none"))
    require_rate("vgg", "dropout", dropout)
    require_maps("vgg", inputs, 2 ** len(blocks))
    x = unmask(inputs)
    for stage, count in enumerate(blocks):
        for index in range(count):
            name = f"stage{stage}_conv{index}"
            x = conv(x, width << min(stage, 3), 3, use_bias=True, name=name)
            x = batch_norm(x, name=f"{name}_norm") if norm == "batch" else x
            x = activation(x, name=f"{name}_relu")
        x = max_pool(x, 2, name=f"stage{stage}_pool")
    return _dense("vgg", x, units, "relu", dropout)


def _dense(who: str, x: keras.KerasTensor, units: tuple[int, ...], kind: str, dropout: float) -> keras.KerasTensor:
    """The flattened maps through dense layers, values dropped before each."""
    if units:
        require_positive(who, "units", units)
    x = global_pool(who, x, "flatten")
    for index, width in enumerate(units):
        x = dropped(x, dropout, name=f"dense{index}_dropout")
        x = keras.layers.Dense(width, activation=kind, name=f"dense{index}")(x)
    return x
