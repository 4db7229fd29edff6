"""Convolutional networks for which a turned, or mirrored, picture is the same picture."""

from __future__ import annotations

from typing import Literal

import keras

from arch.blocks import (
    activation,
    batch_norm,
    dropped,
    global_pool,
    require,
    require_maps,
    require_one_of,
    require_positive,
    require_rate,
    unmask,
)
from arch.planar_groups import (
    GROUPS,
    GroupBatchNormalization,
    GroupConv2D,
    GroupPooling2D,
    LiftingConv2D,
    require_kernel,
)
from arch.steerable import Magnitudes, Remodulate, SteerableConv2D


def group_cnn(
    inputs: keras.KerasTensor,
    *,
    group: Literal["p4", "p4m"] = "p4m",
    widths: tuple[int, ...] = (8, 8, 16, 16, 32),
    kernel_size: tuple[int, ...] = (3, 3),
    pointwise: int = 0,
    pool_after: tuple[int, ...] = (2, 4),
    dropout: float = 0.0,
) -> keras.KerasTensor:
    """Convolutions over the symmetries of the square: features do not change when the picture is turned by quarters.

    Each layer is a convolution, batch normalization and ReLU. The symmetry is exact for any height and width: pooling
    windows are 2 wide where a side is even and 3 wide where it is odd, so that they lie symmetrically.

    Args:
        inputs: (batch, height, width, channels).
        group: turns by quarters alone, or mirror images too.
        widths: filters of each layer, each of which has 4 or 8 images.
        kernel_size: height and width of all kernels, equal and odd.
        pointwise: of the layers, how many at the end have kernels of 1 x 1.
        pool_after: layers, counted from 1, behind which max pooling halves height and width; 0 for none.
        dropout: share of values dropped behind each pooling, in [0, 1).

    Returns:
        (batch, widths[-1]): the largest answer over the group, averaged over all places.

    Raises:
        ValueError: where an option cannot work, a kernel is not square, or the input is smaller than the total stride.

    Source: Cohen and Welling 2016. Their All-CNN-C has strides in place of pooling, which on sides of even length
    choose places that lie otherwise in the turned picture.
    """
    _check(inputs, group, widths, kernel_size, pointwise, pool_after, dropout)
    x = unmask(inputs)
    for layer, filters in enumerate(widths, 1):
        size = kernel_size if layer <= len(widths) - pointwise else (1, 1)
        convolution = LiftingConv2D if layer == 1 else GroupConv2D
        x = convolution(filters, size, group, name=f"layer{layer}_conv")(x)
        x = GroupBatchNormalization(group, name=f"layer{layer}_norm")(x)
        x = activation(x, name=f"layer{layer}_relu")
        if layer in pool_after:
            x = dropped(_halved(x, "max", name=f"layer{layer}_pool"), dropout, name=f"layer{layer}_dropout")
    x = GroupPooling2D(group, name="group_pool")(x)
    return global_pool("group_cnn", x, "average")


def _check(
    inputs: keras.KerasTensor,
    group: str,
    widths: tuple[int, ...],
    kernel_size: tuple[int, ...],
    pointwise: int,
    pool_after: tuple[int, ...],
    dropout: float,
) -> None:
    who, layers = "group_cnn", len(widths)
    require_one_of(who, "group", group, GROUPS)
    require_positive(who, "widths", widths)
    require_kernel(who, kernel_size)
    require(0 <= pointwise < layers, who, f"pointwise must be at least 0 and below the layers ({layers})", pointwise)
    require_rate(who, "dropout", dropout)
    _check_places(who, inputs, layers, pool_after)


def _check_places(who: str, inputs: keras.KerasTensor, layers: int, pool_after: tuple[int, ...]) -> None:
    within = all(0 <= layer <= layers for layer in pool_after)
    require(within, who, f"pool_after must name layers, 1 to {layers}", pool_after)
    require(len(inputs.shape) == 4, who, "inputs must be (batch, height, width, channels)", inputs.shape)
    require(None not in inputs.shape[1:], who, "inputs must have known sizes", inputs.shape)
    require_maps(who, inputs, 2 ** len([layer for layer in pool_after if layer]))


def _halved(x: keras.KerasTensor, kind: str, *, name: str) -> keras.KerasTensor:
    """Pooling with stride 2 whose windows lie symmetrically: 2 wide along even sides, 3 wide along odd ones."""
    layer = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}[kind]
    windows = tuple(2 if size % 2 == 0 else 3 for size in x.shape[1:-1])
    return layer(windows, strides=2, padding="same", name=name)(x)


def steerable_cnn(
    inputs: keras.KerasTensor,
    *,
    orders: int = 3,
    widths: tuple[int, ...] = (8, 8, 16, 16),
    kernel_size: tuple[int, ...] = (5, 5),
    pool_after: tuple[int, ...] = (2,),
    dropout: float = 0.0,
) -> keras.KerasTensor:
    """Convolutions with circular harmonics: features do not change when the picture is turned by any angle.

    Each layer is a steerable convolution, and batch normalization and ReLU of the magnitudes. Exact for quarter turns;
    for other angles as exact as the grid is fine.

    Args:
        inputs: (batch, height, width, channels).
        orders: orders of the fields, 0 to orders - 1; order m picks up m times the angle by which the picture turns.
        widths: channels of each order, for each layer.
        kernel_size: height and width of all kernels, equal, odd and at least 3.
        pool_after: layers, counted from 1, behind which average pooling halves height and width; 0 for none.
        dropout: share of channels of the features dropped, in [0, 1).

    Returns:
        (batch, orders * widths[-1]): the magnitudes of all orders, averaged over all places.

    Raises:
        ValueError: where an option cannot work, a kernel is not square, or the input is smaller than the total stride.

    Source: Worrall et al. 2017, "Harmonic networks"; rings of Gaussian profile as in Weiler et al. 2018.
    """
    who = "steerable_cnn"
    require_positive(who, "orders", orders)
    require_positive(who, "widths", widths)
    require_kernel(who, kernel_size)
    require(kernel_size[0] >= 3, who, "kernel_size must be at least 3", kernel_size)
    require_rate(who, "dropout", dropout)
    _check_places(who, inputs, len(widths), pool_after)
    x, given = unmask(inputs), 0
    for layer, filters in enumerate(widths, 1):
        name = f"layer{layer}"
        x = SteerableConv2D(filters, kernel_size, orders, given, name=f"{name}_conv")(x)
        sizes = Magnitudes(orders, name=f"{name}_magnitudes")(x)
        kept = activation(batch_norm(sizes, name=f"{name}_norm"), name=f"{name}_relu")
        x, given = Remodulate(orders, name=f"{name}_remodulate")([x, sizes, kept]), orders
        if layer in pool_after:
            x = _halved(x, "average", name=f"{name}_pool")
    x = global_pool(who, Magnitudes(orders, name="magnitudes")(x), "average")
    return dropped(x, dropout, name="dropout")
