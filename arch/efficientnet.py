"""EfficientNets: inverted residuals whose depth, width and resolution grow together."""

from __future__ import annotations

from math import ceil
from typing import Literal, NamedTuple

import keras

from arch.blocks import conv_norm, divisible, dropped, global_pool, require, require_rate, unmask
from arch.inverted import Block, check, for_stem, inverted_trunk, stem_strides

# Tan 2019, table 1: expansion, filters, blocks, stride of the first one, kernel size
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)


class Scale(NamedTuple):
    """Factors on the depth and width of EfficientNet-B0, and the side of its pictures."""

    depth: float
    width: float
    resolution: int


def compound_scale(phi: float, resolution: int = 224) -> Scale:
    """Depth, width and resolution that spend 2 ** phi times the multiply-adds, near enough, in fixed proportion.

    Args:
        phi: the compound coefficient, at least 0; 0 is the network as it stands.
        resolution: side of the pictures for phi = 0.

    Raises:
        ValueError: for a negative phi.

    Source: Tan and Le 2019, equation 3: 1.2 ** phi, 1.1 ** phi and 1.15 ** phi. The published B1 to B7 are rounded by
    hand from there.
    """
    require(phi >= 0, "efficientnet", "phi must be at least 0", phi)
    return Scale(1.2**phi, 1.1**phi, round(resolution * 1.15**phi))


def efficientnet(
    inputs: keras.KerasTensor,
    *,
    phi: float = 0.0,
    widen: float = 1.0,
    deepen: float = 1.0,
    stem: Literal["small", "imagenet"] = "small",
    dropout: float = 0.2,
    drop_path: float = 0.2,
) -> keras.KerasTensor:
    """EfficientNet: MobileNet V2's blocks with gates and swish, scaled in depth and width together.

    Args:
        inputs: (batch, one to three spatial axes, channels).
        phi: compound coefficient, at least 0: depth grows by 1.2 ** phi and width by 1.1 ** phi.
        widen: a further factor on all widths, which are then rounded to multiples of 8.
        deepen: a further factor on the blocks of each stage, rounded up.
        stem: "imagenet" halves the axes in the first convolution and in the second stage, "small" in neither.
        dropout: share of the features dropped at the end, in [0, 1).
        drop_path: share of examples for which the last block is dropped in training, rising from 0, in [0, 1).

    Returns:
        (batch, 1280 * widen * 1.1 ** phi): the average over all positions.

    Raises:
        ValueError: where an option cannot work, or the input is shorter than the total stride.

    Source: Tan and Le 2019, table 1 and section 3.3; `compound_scale` gives the resolution that belongs to phi.
    """
    scale = compound_scale(phi)
    require(deepen > 0, "efficientnet", "deepen must be positive", deepen)
    require_rate("efficientnet", "drop_path", drop_path)
    check("efficientnet", inputs, widen, stem, dropout)
    width = widen * scale.width
    x = conv_norm(unmask(inputs), divisible(32 * width), 3, strides=stem_strides(stem), kind="silu", name="stem")
    x = inverted_trunk(x, for_stem(_blocks(x.shape[-1], width, deepen * scale.depth), stem), drop_path)
    x = conv_norm(x, divisible(1280 * width), 1, kind="silu", name="head")
    return dropped(global_pool("efficientnet", x, "average"), dropout, name="dropout")


def _blocks(before: int, width: float, depth: float) -> list[Block]:
    blocks = []
    for expansion, filters, count, strides, size in _STAGES:
        filters = divisible(filters * width)
        for index in range(ceil(count * depth)):
            # a quarter of the channels that come in, whatever the expansion
            gate = 0.25 / expansion
            own = 1 if index else strides
            blocks.append(Block(filters, before * expansion, (size,), own, "silu", gate, gate_kind="silu"))
            before = filters
    return blocks
