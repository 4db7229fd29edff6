"""Dilated convolutions: locality at growing distances, every place kept."""

from __future__ import annotations

from typing import Literal

import keras

from arch.blocks import (
    POOLS,
    activation,
    batch_norm,
    conv,
    dropped,
    global_pool,
    require_maps,
    require_one_of,
    require_positive,
    require_rate,
    unmask,
)


def dilated_cnn(
    inputs: keras.KerasTensor,
    *,
    width: int = 32,
    dilations: tuple[int, ...] = (1, 1, 2, 4, 8, 16, 1),
    kernel_size: int = 3,
    norm: Literal["batch", "none"] = "batch",
    dropout: float = 0.0,
    pool: Literal["average", "max", "flatten", "none"] = "average",
) -> keras.KerasTensor:
    """Context network: convolutions whose places lie ever further apart, and a last 1-wide one; nothing is strided.

    Each layer sees `(kernel_size - 1) * dilation` more positions than the one before; the defaults see 67.

    Args:
        inputs: (batch, one to three spatial axes, channels).
        width: filters of every convolution.
        dilations: distance of a kernel's places along every axis, one number a convolution.
        kernel_size: places of a kernel along every axis.
        norm: normalization between convolution and ReLU; with "none" the convolutions have biases.
        dropout: share of values dropped behind the last ReLU, in [0, 1).
        pool: how the last maps become a vector; "none" gives the maps.

    Returns:
        (batch, width), or the flattened maps, or (batch, spatial axes, width).

    Raises:
        ValueError: where an option cannot work.

    Source: Yu and Koltun 2016, table 1, the basic context module, with the batch normalization of Ioffe and Szegedy
    2015 and He's initialization in place of the identity.
    """
    require_positive("dilated_cnn", "width", width)
    require_positive("dilated_cnn", "dilations", dilations)
    require_positive("dilated_cnn", "kernel_size", kernel_size)
    require_one_of("dilated_cnn", "norm", norm, ("batch", "none"))
    require_rate("dilated_cnn", "dropout", dropout)
    require_one_of("dilated_cnn", "pool", pool, POOLS)
    require_maps("dilated_cnn", inputs)
    x = unmask(inputs)
    for index, dilation in enumerate(dilations):
        x = conv(x, width, kernel_size, dilation_rate=dilation, use_bias=norm == "none", name=f"conv{index}")
        x = batch_norm(x, name=f"conv{index}_norm") if norm == "batch" else x
        x = activation(x, name=f"conv{index}_relu")
    x = conv(dropped(x, dropout, name="dropout"), width, 1, use_bias=True, name="mix")
    return global_pool("dilated_cnn", x, pool)
