"""Inception V4: the modules of V3 made uniform, more of them, behind a stem that branches too."""

from __future__ import annotations

from typing import Literal

import keras

from arch.blocks import dropped, global_pool, require_rate, unmask
from arch.branches import FORK, Branch, Inception, check, join

# Filters and kernel size of each step of each branch; Szegedy 2017, figures 4, 7, 5, 8 and 6
_NEAR: tuple[Branch, ...] = (((96, 1),), ((64, 1), (96, 3)), ((64, 1), (96, 3), (96, 3)))
_FIRST_REDUCTION: tuple[Branch, ...] = (((384, 3),), ((192, 1), (224, 3), (256, 3)))
_FAR: tuple[Branch, ...] = (
    ((384, 1),),
    ((192, 1), (224, (1, 7)), (256, (7, 1))),
    ((192, 1), (192, (7, 1)), (224, (1, 7)), (224, (7, 1)), (256, (1, 7))),
)
_SECOND_REDUCTION: tuple[Branch, ...] = (
    ((192, 1), (192, 3)),
    ((256, 1), (256, (1, 7)), (320, (7, 1)), (320, 3)),
)
_COARSE: tuple[Branch, ...] = (
    ((256, 1),),
    ((384, 1), (256, FORK)),
    ((384, 1), (448, (3, 1)), (512, (1, 3)), (256, FORK)),
)


def inception_v4(
    inputs: keras.KerasTensor,
    *,
    modules: tuple[int, ...] = (4, 7, 3),
    widen: float = 1.0,
    stem: Literal["small", "imagenet"] = "small",
    dropout: float = 0.2,
) -> keras.KerasTensor:
    """Inception V4: more and more uniform modules than `inception` has, without residuals.

    A kernel of 1 x 7 places spans the last spatial axis, one of 7 x 1 the others; on sequences the latter is 1-wide.

    Args:
        inputs: (batch, one to three spatial axes, channels).
        modules: modules of each of the three kinds, before, between and behind the two that halve the axes.
        widen: factor on all widths, rounded.
        stem: one 3-wide convolution and padding throughout; or branches with strides of 8 and no padding at strides.
        dropout: share of the features dropped at the end, in [0, 1).

    Returns:
        (batch, 1536 * widen): the average over all positions.

    Raises:
        ValueError: where an option cannot work, or the input is too short.

    Source: Szegedy et al. 2017, section 3.1 and figures 3 to 9.
    """
    check("inception_v4", inputs, modules, widen, stem)
    require_rate("inception_v4", "dropout", dropout)
    net = Inception(widen, stem)
    x = net.conv(unmask(inputs), 384, 3, name="stem") if stem == "small" else _stem(unmask(inputs), net)
    for index in range(modules[0]):
        x = net.module(x, _NEAR, 96, name=f"near{index}")
    x = net.reduction(x, _FIRST_REDUCTION, name="reduction0")
    for index in range(modules[1]):
        x = net.module(x, _FAR, 128, name=f"far{index}")
    x = net.reduction(x, _SECOND_REDUCTION, name="reduction1")
    for index in range(modules[2]):
        x = net.module(x, _COARSE, 256, name=f"coarse{index}")
    return dropped(global_pool("inception_v4", x, "average"), dropout, name="dropout")


def _stem(x: keras.KerasTensor, net: Inception) -> keras.KerasTensor:
    """Three convolutions, then three times two branches side by side; what has a stride or ends a branch pads not."""
    x = net.conv(x, 32, 3, strides=2, padding="valid", name="stem0")
    x = net.conv(x, 32, 3, padding="valid", name="stem1")
    x = net.conv(x, 64, 3, name="stem2")
    x = net.reduction(x, (((96, 3),),), name="stem3")
    near = net.branch(x, ((64, 1),), name="stem4_branch0")
    far = net.branch(x, ((64, 1), (64, (7, 1)), (64, (1, 7))), name="stem4_branch1")
    ends = [net.conv(y, 96, 3, padding="valid", name=f"stem4_end{i}") for i, y in enumerate((near, far))]
    return net.reduction(join(ends, "stem4"), (((192, 3),),), name="stem5")
