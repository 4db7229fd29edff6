"""Residual networks: local patterns as in `cnn`, deep, where each block corrects what the one before gave."""

from __future__ import annotations

from typing import Literal

import keras

from arch.blocks import require_positive
from arch.residual import Plan, trunk


def resnet(
    inputs: keras.KerasTensor,
    *,
    blocks: tuple[int, ...] = (3, 3, 3),
    width: int = 16,
    block: Literal["basic", "bottleneck", "preact_basic", "preact_bottleneck"] = "basic",
    stem: Literal["small", "imagenet"] = "small",
    shortcut: Literal["projection", "padding", "none"] = "projection",
    se_ratio: float = 0.0,
    drop_path: float = 0.0,
) -> keras.KerasTensor:
    """Residual network on sequences, images or volumes; the defaults are the ResNet-20 of small images.

    Args:
        inputs: (batch, one to three spatial axes, channels).
        blocks: residual blocks in each stage; each stage after the first halves the axes and doubles the width.
        width: filters of the first stage; a bottleneck block gives four times as many channels.
        block: two 3-wide convolutions, or 1-3-1 with the stride in the 3; "preact" normalizes before each of them.
        stem: one 3-wide convolution, or a 7-wide one with stride 2 and max pooling with stride 2.
        shortcut: where shapes change, a 1-wide convolution or zeros in the new channels; "none" is the plain network.
        se_ratio: size of the squeeze-and-excitation gate as a share of the block's channels, 0 for no gate.
        drop_path: share of examples for which the last block is dropped in training, rising from 0, in [0, 1).

    Returns:
        (batch, width * 2 ** (stages - 1)), four times that with bottlenecks: the average over all positions.

    Raises:
        ValueError: where an option cannot work, or the input is shorter than the total stride.

    Source: He et al. 2016 (shortcuts A and B, sections 3.3 and 4.2) and He et al. 2016b ("preact"); the stride of a
    bottleneck is in its 3-wide convolution ("v1.5"), convolutions have no biases; gates as in Hu et al. 2018.
    """
    outer = 4 * width if "bottleneck" in block else width
    plan = Plan("resnet", blocks, width, width, outer, block, stem, se_ratio, drop_path, shortcut=shortcut)
    return trunk(inputs, plan)


def resnext(
    inputs: keras.KerasTensor,
    *,
    blocks: tuple[int, ...] = (3, 3, 3),
    cardinality: int = 8,
    group_width: int = 64,
    width: int = 64,
    stem: Literal["small", "imagenet"] = "small",
    se_ratio: float = 0.0,
    drop_path: float = 0.0,
) -> keras.KerasTensor:
    """Residual network of bottlenecks whose middle convolution works in groups; defaults: ResNeXt-29 8x64d.

    Args:
        inputs: (batch, one to three spatial axes, channels).
        blocks: residual blocks in each stage; each stage after the first halves the axes and doubles the widths.
        cardinality: groups of the middle convolution; 1 with a larger group_width is the wide bottleneck network.
        group_width: filters of each group in the first stage.
        width: filters of the stem; the first stage's blocks give four times as many channels.
        stem: one 3-wide convolution, or a 7-wide one with stride 2 and max pooling with stride 2.
        se_ratio: size of the squeeze-and-excitation gate as a share of the block's channels, 0 for no gate.
        drop_path: share of examples for which the last block is dropped in training, rising from 0, in [0, 1).

    Returns:
        (batch, 4 * width * 2 ** (stages - 1)): the average over all positions.

    Raises:
        ValueError: where an option cannot work, or the input is shorter than the total stride.

    Source: Xie et al. 2017, form (c); Zagoruyko and Komodakis 2016 for the wide bottlenecks.
    """
    require_positive("resnext", "cardinality", cardinality)
    require_positive("resnext", "group_width", group_width)
    inner = cardinality * group_width
    plan = Plan(
        "resnext", blocks, width, inner, 4 * width, "bottleneck", stem, se_ratio, drop_path, cardinality=cardinality
    )
    return trunk(inputs, plan)


def wide_resnet(
    inputs: keras.KerasTensor,
    *,
    blocks: tuple[int, ...] = (4, 4, 4),
    widen: int = 10,
    width: int = 16,
    stem: Literal["small", "imagenet"] = "small",
    dropout: float = 0.0,
    se_ratio: float = 0.0,
    drop_path: float = 0.0,
) -> keras.KerasTensor:
    """Shallow, wide residual network of pre-activation basic blocks; the defaults are the WRN-28-10.

    Args:
        inputs: (batch, one to three spatial axes, channels).
        blocks: residual blocks in each stage; (n, n, n) is the paper's depth 6 n + 4.
        widen: factor between the stem's width and the first stage's.
        width: filters of the stem.
        stem: one 3-wide convolution, or a 7-wide one with stride 2 and max pooling with stride 2.
        dropout: share of values dropped between a block's two convolutions, in [0, 1).
        se_ratio: size of the squeeze-and-excitation gate as a share of the block's channels, 0 for no gate.
        drop_path: share of examples for which the last block is dropped in training, rising from 0, in [0, 1).

    Returns:
        (batch, width * widen * 2 ** (stages - 1)): the average over all positions.

    Raises:
        ValueError: where an option cannot work, or the input is shorter than the total stride.

    Source: Zagoruyko and Komodakis 2016.
    """
    require_positive("wide_resnet", "widen", widen)
    wide = width * widen
    plan = Plan("wide_resnet", blocks, width, wide, wide, "preact_basic", stem, se_ratio, drop_path, dropout=dropout)
    return trunk(inputs, plan)
