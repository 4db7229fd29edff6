"""Plain convolutional networks: what is near belongs together, wherever it stands."""

from __future__ import annotations

from typing import Literal

import keras

from arch.blocks import (
    POOLS,
    activation,
    batch_norm,
    conv,
    global_pool,
    max_pool,
    require,
    require_maps,
    require_one_of,
    require_positive,
    require_rate,
    unmask,
)

_NORMS = ("batch", "none")


def cnn(
    inputs: keras.KerasTensor,
    *,
    widths: tuple[int, ...] = (64, 128, 256),
    depth: int = 1,
    kernel_size: tuple[int, ...] = (3,),
    pool_size: int = 2,
    norm: Literal["batch", "none"] = "batch",
    dropout: float = 0.0,
    pool: Literal["average", "max", "flatten", "none"] = "average",
) -> keras.KerasTensor:
    """Blocks of convolution, normalization, ReLU and max pooling on sequences, images or volumes.

    Args:
        inputs: (batch, one to three spatial axes, channels).
        widths: filters of each block, one number a block.
        depth: convolutions in each block, at least 1.
        kernel_size: positions that a kernel spans along every axis, one for all blocks or one a block.
        pool_size: positions of a max pooling window at the end of each block, which is also its stride; 1 for none.
        norm: normalization between convolution and ReLU; with "none" the convolutions have biases.
        dropout: share of values dropped behind each block, in [0, 1).
        pool: how the last maps become a vector; "none" gives the maps.

    Returns:
        (batch, widths[-1]), or the flattened maps, or (batch, spatial axes / pool_size ** blocks, widths[-1]).

    Raises:
        ValueError: where an option cannot work, or the input is shorter than the total stride.

    Source: LeCun et al. 1998 and Simonyan and Zisserman 2015, with the batch normalization of Ioffe and Szegedy 2015.
    """
    sizes = kernel_size * len(widths) if len(kernel_size) == 1 else kernel_size
    _check(widths, depth, kernel_size, pool_size, norm, dropout, pool)
    require(len(sizes) == len(widths), "cnn", f"kernel_size must be one number or {len(widths)}", kernel_size)
    require_maps("cnn", inputs, pool_size ** len(widths))
    x = unmask(inputs)
    for index, (filters, size) in enumerate(zip(widths, sizes, strict=True)):
        for step in range(1, depth + 1):
            x = _layer(x, filters, size, norm, name=f"block{index}", step=step)
        if pool_size > 1:
            x = max_pool(x, pool_size, name=f"block{index}_pool")
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"block{index}_dropout")(x)
    return global_pool("cnn", x, pool)


def _check(
    widths: tuple[int, ...],
    depth: int,
    kernel_size: tuple[int, ...],
    pool_size: int,
    norm: str,
    dropout: float,
    pool: str,
) -> None:
    require_positive("cnn", "widths", widths)
    require_positive("cnn", "depth", depth)
    require_positive("cnn", "kernel_size", kernel_size)
    require_positive("cnn", "pool_size", pool_size)
    require_one_of("cnn", "norm", norm, _NORMS)
    require_rate("cnn", "dropout", dropout)
    require_one_of("cnn", "pool", pool, POOLS)


def _layer(x: keras.KerasTensor, filters: int, size: int, norm: str, *, name: str, step: int) -> keras.KerasTensor:
    x = conv(x, filters, size, use_bias=norm == "none", name=f"{name}_conv{step}")
    if norm == "batch":
        x = batch_norm(x, name=f"{name}_norm{step}")
    return activation(x, name=f"{name}_relu{step}")
