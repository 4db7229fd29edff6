"""Gated residual networks: each block learns how much of its correction to let through."""

from __future__ import annotations

from typing import Literal

import keras

from arch.blocks import require_one_of
from arch.residual import Plan, trunk


def gated_resnet(
    inputs: keras.KerasTensor,
    *,
    blocks: tuple[int, ...] = (3, 3, 3),
    width: int = 16,
    gate: Literal["highway", "scalar"] = "highway",
    stem: Literal["small", "imagenet"] = "small",
    dropout: float = 0.0,
    drop_path: float = 0.0,
) -> keras.KerasTensor:
    """Pre-activation residual network whose branches h pass gates, t h + (1 - t) x or x + g h.

    Args:
        inputs: (batch, one to three spatial axes, channels).
        blocks: residual blocks in each stage; each stage after the first halves the axes and doubles the width.
        width: filters of the first stage.
        gate: "highway" gives every place and channel its t, seen from the block's input; "scalar" a block one g.
        stem: one 3-wide convolution, or a 7-wide one with stride 2 and max pooling with stride 2.
        dropout: share of values dropped between a block's two convolutions, in [0, 1).
        drop_path: share of examples for which the last block is dropped in training, rising from 0, in [0, 1).

    Returns:
        (batch, width * 2 ** (stages - 1)): the average over all positions.

    Raises:
        ValueError: where an option cannot work, or the input is shorter than the total stride.

    Source: Srivastava et al. 2015, equation 3 (t = sigmoid(conv(x) - 2), a 1-wide convolution); Savarese and Figueiredo
    2017 (g = relu(k), k = 1 at the start). Both around the blocks of He et al. 2016b.
    """
    require_one_of("gated_resnet", "gate", gate, ("highway", "scalar"))
    plan = Plan(
        "gated_resnet", blocks, width, width, width, "preact_basic", stem, 0.0, drop_path, dropout=dropout, gate=gate
    )
    return trunk(inputs, plan)
