"""MixNets: inverted residuals whose depthwise convolutions look near and far at once."""

from __future__ import annotations

from typing import Literal

import keras

from arch.blocks import conv_norm, divisible, dropped, global_pool, require_one_of, require_rate, unmask
from arch.inverted import Block, check, for_stem, inverted_trunk, stem_strides

_NEAR, _3, _4, _5 = (3,), (3, 5, 7), (3, 5, 7, 9), (3, 5, 7, 9, 11)
_BOTH, _SECOND, _NO = (2, 2), (1, 2), (1, 1)
# Tan 2019b, figure 5: blocks, kernel sizes, expansion, filters, gate, stride, groups of expansion and projection
_SMALL = (
    (1, _NEAR, 1, 16, 0.0, 1, _NO),
    (1, _NEAR, 6, 24, 0.0, 2, _BOTH),
    (1, _NEAR, 3, 24, 0.0, 1, _BOTH),
    (1, _3, 6, 40, 0.5, 2, _NO),
    (3, (3, 5), 6, 40, 0.5, 1, _BOTH),
    (1, _3, 6, 80, 0.25, 2, _SECOND),
    (2, (3, 5), 6, 80, 0.25, 1, _SECOND),
    (1, _3, 6, 120, 0.5, 1, _BOTH),
    (2, _4, 3, 120, 0.5, 1, _BOTH),
    (1, _5, 6, 200, 0.5, 2, _NO),
    (2, _4, 6, 200, 0.5, 1, _SECOND),
)
_MEDIUM = (
    (1, _NEAR, 1, 24, 0.0, 1, _NO),
    (1, _3, 6, 32, 0.0, 2, _BOTH),
    (1, _NEAR, 3, 32, 0.0, 1, _BOTH),
    (1, _4, 6, 40, 0.5, 2, _NO),
    (3, (3, 5), 6, 40, 0.5, 1, _BOTH),
    (1, _3, 6, 80, 0.25, 2, _NO),
    (3, _4, 6, 80, 0.25, 1, _BOTH),
    (1, _NEAR, 6, 120, 0.5, 1, _NO),
    (3, _4, 3, 120, 0.5, 1, _BOTH),
    (1, _4, 6, 200, 0.5, 2, _NO),
    (3, _4, 6, 200, 0.5, 1, _SECOND),
)
_TABLES = {"small": _SMALL, "medium": _MEDIUM}
_RELU_ROWS = 3  # the first blocks have ReLU, the others swish


def mixnet(
    inputs: keras.KerasTensor,
    *,
    size: Literal["small", "medium"] = "small",
    widen: float = 1.0,
    stem: Literal["small", "imagenet"] = "small",
    dropout: float = 0.2,
    drop_path: float = 0.0,
) -> keras.KerasTensor:
    """MixNet: inverted residuals that share out their channels among kernels of 3 to 11 positions.

    Args:
        inputs: (batch, one to three spatial axes, channels).
        size: which of the two networks that were found; "medium" widened by 1.3 is the published large one.
        widen: factor on all widths, which are then rounded to multiples of 8.
        stem: "imagenet" halves the axes in the first convolution and in the second stage, "small" in neither.
        dropout: share of the features dropped at the end, in [0, 1).
        drop_path: share of examples for which the last block is dropped in training, rising from 0, in [0, 1).

    Returns:
        (batch, 1536): the average over all positions.

    Raises:
        ValueError: where an option cannot work, or the input is shorter than the total stride.

    Source: Tan and Le 2019b, "MixConv: Mixed depthwise convolutional kernels", figure 5.
    """
    require_one_of("mixnet", "size", size, _TABLES)
    require_rate("mixnet", "drop_path", drop_path)
    check("mixnet", inputs, widen, stem, dropout)
    first = divisible(_TABLES[size][0][3] * widen)
    x = conv_norm(unmask(inputs), first, 3, strides=stem_strides(stem), name="stem")
    x = inverted_trunk(x, for_stem(_blocks(size, first, widen), stem), drop_path)
    x = conv_norm(x, 1536, 1, name="head")
    return dropped(global_pool("mixnet", x, "average"), dropout, name="dropout")


def _blocks(size: str, before: int, widen: float) -> list[Block]:
    blocks = []
    for row, (count, sizes, expansion, filters, gate, strides, groups) in enumerate(_TABLES[size]):
        kind = "relu" if row < _RELU_ROWS else "silu"
        filters = divisible(filters * widen)
        for index in range(count):
            # the gate is a share of the channels that come in, whatever the expansion
            ratio, own = gate / expansion, 1 if index else strides
            hidden = before * expansion
            blocks.append(Block(filters, hidden, sizes, own, kind, ratio, gate_kind=kind, groups=groups))
            before = filters
    return blocks
