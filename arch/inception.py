"""Inception V3: locality at several scales at once, wide kernels taken apart into rows and columns."""

from __future__ import annotations

from typing import Literal

import keras

from arch.blocks import dropped, global_pool, max_pool, require_rate, unmask
from arch.branches import FORK, Branch, Inception, check

# Filters and kernel size of each step of each branch; Szegedy 2016, figures 5, 10, 6 and 7 from the first to the last
_NEAR: tuple[Branch, ...] = (((64, 1),), ((48, 1), (64, 5)), ((64, 1), (96, 3), (96, 3)))
_FIRST_REDUCTION: tuple[Branch, ...] = (((384, 3),), ((64, 1), (96, 3), (96, 3)))
_SECOND_REDUCTION: tuple[Branch, ...] = (
    ((192, 1), (320, 3)),
    ((192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3)),
)
_COARSE: tuple[Branch, ...] = (((320, 1),), ((384, 1), (384, FORK)), ((448, 1), (384, 3), (384, FORK)))


def inception(
    inputs: keras.KerasTensor,
    *,
    modules: tuple[int, ...] = (3, 4, 2),
    widen: float = 1.0,
    stem: Literal["small", "imagenet"] = "small",
    dropout: float = 0.5,
) -> keras.KerasTensor:
    """Inception V3: modules of branches with kernels of 1 to 7 places side by side.

    A kernel of 1 x 7 places spans the last spatial axis, one of 7 x 1 the others; on sequences the latter is 1-wide.

    Args:
        inputs: (batch, one to three spatial axes, channels).
        modules: modules of each of the three kinds, before, between and behind the two that halve the axes.
        widen: factor on all widths, rounded.
        stem: one 3-wide convolution and padding throughout; or five, with strides of 8 and no padding at strides.
        dropout: share of the features dropped at the end, in [0, 1).

    Returns:
        (batch, 2048 * widen): the average over all positions.

    Raises:
        ValueError: where an option cannot work, or the input is too short.

    Source: Szegedy et al. 2016, table 1 and figures 5 to 10, without the auxiliary head; widths as in the code.
    """
    check("inception", inputs, modules, widen, stem)
    require_rate("inception", "dropout", dropout)
    net = Inception(widen, stem)
    x = _stem(unmask(inputs), net)
    for index in range(modules[0]):
        x = net.module(x, _NEAR, 64 if index else 32, name=f"near{index}")
    x = net.reduction(x, _FIRST_REDUCTION, name="reduction0")
    for index in range(modules[1]):
        x = net.module(x, _far(index, modules[1]), 192, name=f"far{index}")
    x = net.reduction(x, _SECOND_REDUCTION, name="reduction1")
    for index in range(modules[2]):
        x = net.module(x, _COARSE, 192, name=f"coarse{index}")
    return dropped(global_pool("inception", x, "average"), dropout, name="dropout")


def _far(index: int, modules: int) -> tuple[Branch, ...]:
    """The branches of a module with kernels of 7 places; inner widths grow from the first module to the last."""
    inner = 128 if not index else 192 if index == modules - 1 else 160
    twice = ((inner, 1), (inner, (7, 1)), (inner, (1, 7)), (inner, (7, 1)), (192, (1, 7)))
    return (((192, 1),), ((inner, 1), (inner, (1, 7)), (192, (7, 1))), twice)


def _stem(x: keras.KerasTensor, net: Inception) -> keras.KerasTensor:
    if net.stem == "small":
        return net.conv(x, 192, 3, name="stem")
    x = net.conv(x, 32, 3, strides=2, padding="valid", name="stem0")
    x = net.conv(x, 32, 3, padding="valid", name="stem1")
    x = net.conv(x, 64, 3, name="stem2")
    x = max_pool(x, 3, strides=2, padding="valid", name="stem2_pool")
    x = net.conv(x, 80, 1, name="stem3")
    x = net.conv(x, 192, 3, padding="valid", name="stem4")
    return max_pool(x, 3, strides=2, padding="valid", name="stem4_pool")
