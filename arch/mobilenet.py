"""MobileNets: locality, where what is near and what belongs together are found by separate convolutions."""

from __future__ import annotations

from typing import Literal

import keras

from arch.blocks import (
    activation,
    conv_norm,
    divisible,
    dropped,
    global_pool,
    require,
    require_one_of,
    require_positive,
    unmask,
)
from arch.inverted import Block, check, depthwise_norm, for_stem, inverted_trunk, stem_strides

# Sandler 2018, table 2: filters, stride of the first block in each stage
_V2_STAGES = ((16, 1), (24, 2), (32, 2), (64, 2), (96, 1), (160, 2), (320, 1))
# Howard 2019, tables 1 and 2: kernel size, hidden channels, filters, gate, hard swish (else ReLU), stride
_V3_LARGE = (
    (3, 16, 16, False, False, 1),
    (3, 64, 24, False, False, 2),
    (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2),
    (5, 120, 40, True, False, 1),
    (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2),
    (3, 200, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 480, 112, True, True, 1),
    (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2),
    (5, 960, 160, True, True, 1),
    (5, 960, 160, True, True, 1),
)
_V3_SMALL = (
    (3, 16, 16, True, False, 2),
    (3, 72, 24, False, False, 2),
    (3, 88, 24, False, False, 1),
    (5, 96, 40, True, True, 2),
    (5, 240, 40, True, True, 1),
    (5, 240, 40, True, True, 1),
    (5, 120, 48, True, True, 1),
    (5, 144, 48, True, True, 1),
    (5, 288, 96, True, True, 2),
    (5, 576, 96, True, True, 1),
    (5, 576, 96, True, True, 1),
)
_V3 = {"large": (_V3_LARGE, 1280), "small": (_V3_SMALL, 1024)}


def mobilenet(
    inputs: keras.KerasTensor,
    *,
    blocks: tuple[int, ...] = (1, 2, 2, 6, 2),
    widen: float = 1.0,
    stem: Literal["small", "imagenet"] = "small",
    dropout: float = 0.0,
) -> keras.KerasTensor:
    """MobileNet V1: convolutions separated into a depthwise one, over places, and a 1-wide one, over channels.

    Args:
        inputs: (batch, one to three spatial axes, channels).
        blocks: separable convolutions in each stage; each stage after the first halves the axes and doubles the width.
        widen: factor on all widths, which are then rounded to multiples of 8.
        stem: "imagenet" halves the axes in the first convolution and in the second stage, "small" in neither.
        dropout: share of the features dropped at the end, in [0, 1).

    Returns:
        (batch, 64 * widen * 2 ** (stages - 1)): the average over all positions.

    Raises:
        ValueError: where an option cannot work, or the input is shorter than the total stride.

    Source: Howard et al. 2017, table 1; ReLU6 for ReLU, as in the authors' code.
    """
    require_positive("mobilenet", "blocks", blocks)
    check("mobilenet", inputs, widen, stem, dropout, 2 ** max(len(blocks), 2))
    x = conv_norm(unmask(inputs), divisible(32 * widen), 3, strides=stem_strides(stem), kind="relu6", name="stem")
    for stage, count in enumerate(blocks):
        for index in range(count):
            name = f"stage{stage}_block{index}"
            strides = 2 if not index and stage > (1 if stem == "small" else 0) else 1
            x = depthwise_norm(x, (3,), strides=strides, kind="relu6", name=f"{name}_depthwise")
            x = conv_norm(x, divisible((64 << stage) * widen), 1, kind="relu6", name=f"{name}_pointwise")
    return dropped(global_pool("mobilenet", x, "average"), dropout, name="dropout")


def mobilenet_v2(
    inputs: keras.KerasTensor,
    *,
    blocks: tuple[int, ...] = (1, 2, 3, 4, 3, 3, 1),
    widen: float = 1.0,
    expansion: int = 6,
    stem: Literal["small", "imagenet"] = "small",
    dropout: float = 0.2,
) -> keras.KerasTensor:
    """MobileNet V2: inverted residuals, narrow maps added up and wide ones only inside of each block.

    Args:
        inputs: (batch, one to three spatial axes, channels).
        blocks: inverted residuals in each of the seven stages.
        widen: factor on all widths, which are then rounded to multiples of 8.
        expansion: hidden channels of a block in multiples of those that come in; the first stage has none.
        stem: "imagenet" halves the axes in the first convolution and in the second stage, "small" in neither.
        dropout: share of the features dropped at the end, in [0, 1).

    Returns:
        (batch, 1280), more where widen is above 1: the average over all positions.

    Raises:
        ValueError: where an option cannot work, or the input is shorter than the total stride.

    Source: Sandler et al. 2018, table 2.
    """
    require(len(blocks) == 7, "mobilenet_v2", "blocks must be seven numbers", blocks)
    require_positive("mobilenet_v2", "blocks", blocks)
    require_positive("mobilenet_v2", "expansion", expansion)
    check("mobilenet_v2", inputs, widen, stem, dropout)
    x = conv_norm(unmask(inputs), divisible(32 * widen), 3, strides=stem_strides(stem), kind="relu6", name="stem")
    rows: list[Block] = []
    before = x.shape[-1]
    for stage, ((filters, strides), count) in enumerate(zip(_V2_STAGES, blocks, strict=True)):
        width = divisible(filters * widen)
        for index in range(count):
            rows.append(Block(width, before * (expansion if stage else 1), strides=1 if index else strides))
            before = width
    x = inverted_trunk(x, for_stem(rows, stem))
    x = conv_norm(x, divisible(1280 * max(widen, 1.0)), 1, kind="relu6", name="head")
    return dropped(global_pool("mobilenet_v2", x, "average"), dropout, name="dropout")


def mobilenet_v3(
    inputs: keras.KerasTensor,
    *,
    size: Literal["large", "small"] = "large",
    widen: float = 1.0,
    stem: Literal["small", "imagenet"] = "small",
    dropout: float = 0.2,
) -> keras.KerasTensor:
    """MobileNet V3: inverted residuals with gates and hard swish, whose sizes were found by search.

    Args:
        inputs: (batch, one to three spatial axes, channels).
        size: which of the two networks that were found.
        widen: factor on the widths of all maps, which are then rounded to multiples of 8.
        stem: "imagenet" halves the axes in the first two strided convolutions, "small" in neither.
        dropout: share of the features dropped at the end, in [0, 1).

    Returns:
        (batch, 1280) for "large", (batch, 1024) for "small".

    Raises:
        ValueError: where an option cannot work, or the input is shorter than the total stride.

    Source: Howard et al. 2019, tables 1 and 2; the gate reads a quarter of the hidden channels.
    """
    require_one_of("mobilenet_v3", "size", size, _V3)
    check("mobilenet_v3", inputs, widen, stem, dropout)
    x = conv_norm(unmask(inputs), divisible(16 * widen), 3, strides=stem_strides(stem), kind="hard_silu", name="stem")
    blocks = _v3_blocks(size, x.shape[-1], widen)
    x = inverted_trunk(x, for_stem(blocks, stem))
    x = conv_norm(x, blocks[-1].hidden, 1, kind="hard_silu", name="head")
    x = global_pool("mobilenet_v3", x, "average")
    x = activation(keras.layers.Dense(_V3[size][1], name="features")(x), "hard_silu", name="features_hard_silu")
    return dropped(x, dropout, name="dropout")


def _v3_blocks(size: str, before: int, widen: float) -> list[Block]:
    """The blocks of the table; hidden channels stay in the table's proportion to those that come in."""
    blocks, unscaled = [], 16
    for kernel_size, hidden, filters, gated, hard, strides in _V3[size][0]:
        inner, width = divisible(before * hidden / unscaled), divisible(filters * widen)
        ratio = divisible(inner // 4) / inner if gated else 0.0
        kind = "hard_silu" if hard else "relu"
        blocks.append(Block(width, inner, (kernel_size,), strides, kind, ratio, gate="hard_sigmoid"))
        before, unscaled = width, filters
    return blocks
