"""Temporal convolutional networks: order with a long memory whose length is known exactly."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops

from arch.blocks import require, require_one_of, require_positive, require_rate
from arch.sequences import SequenceConv1D, pool_sequence


@keras.saving.register_keras_serializable(package="arch")
class GatedActivation(keras.layers.Layer):
    """`y = tanh(a) * sigmoid(b)` for x = (a, b) along the channels: (batch, length, 2 n) -> (batch, length, n).

    No weights; the mask stays.

    Source: van den Oord et al. 2016, "WaveNet", section 2.3.
    """

    window = (1, 1)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Half of the channels, gated by the other half."""
        content, gate = ops.split(inputs, 2, axis=-1)
        return ops.tanh(content) * ops.sigmoid(gate)

    def multiply_adds(self, input_shape: tuple[int, ...]) -> int:
        """Of one row: one product per output."""
        return input_shape[1] * input_shape[2] // 2


def receptive_field(kernel_size: int, dilations: tuple[int, ...]) -> int:
    """Positions that one output of `tcn` may see: two convolutions a block, each reaching (kernel_size - 1) dilations.

    `1 + 2 (kernel_size - 1) sum(dilations)`; causal: all of them at or before the output, else half on each side.
    """
    return 1 + 2 * (kernel_size - 1) * sum(dilations)


def conv(x: Any, width: int, kernel_size: int, dilation: int, padding: str, gated: bool, name: str) -> Any:
    """One dilated convolution and its activation; a gate needs twice the filters."""
    filters, start = (2 * width, "glorot_uniform") if gated else (width, "he_normal")
    x = SequenceConv1D(
        filters, kernel_size, padding=padding, dilation_rate=dilation, kernel_initializer=start, name=name
    )(x)
    activation = GatedActivation(name=f"{name}_gate") if gated else keras.layers.ReLU(name=f"{name}_relu")
    return activation(x)


def tcn(
    inputs: keras.KerasTensor,
    *,
    width: int = 64,
    dilations: tuple[int, ...] = (1, 2, 4, 8),
    kernel_size: int = 3,
    activation: Literal["relu", "gated"] = "relu",
    causal: bool = False,
    dropout: float = 0.0,
    pool: Literal["last", "average", "max", "flatten", "none"] = "average",
) -> keras.KerasTensor:
    """A temporal convolutional network: residual blocks of two dilated convolutions that keep the length.

    Memory is exact: see `receptive_field`. A mask is respected: padding changes nothing.

    Args:
        inputs: (batch, length, channels), length may be unknown unless features are flattened.
        width: features of the residual stream, at least 1.
        dilations: step between the positions a convolution reads, one number a block; doubling covers most.
        kernel_size: positions a convolution reads, at least 1; odd when not causal.
        activation: `relu`, or `gated`, a tanh times a sigmoid with twice the filters.
        causal: whether a position sees itself and what came before it alone.
        dropout: share of each convolution's outputs that is dropped in training, 0 to below 1.
        pool: `last`, `average` or `max` over positions, `flatten` keeps them side by side, `none` returns the sequence.

    Returns:
        (batch, features): `width`, or length * width when flattened; with `pool="none"` (batch, length, width).

    Raises:
        ValueError: when an option is out of range.

    Source: Bai, Kolter, Koltun 2018, "An empirical evaluation of generic convolutional and recurrent networks for
        sequence modeling", section 3 (the block, dilations doubling); van den Oord et al. 2016, "WaveNet" (the gate).
        Layer normalisation before each block stands in for weight normalisation, the sum is not rectified, and dropout
        drops single features, not whole channels.
    """
    who = "tcn"
    require_positive(who, "width", width)
    require_positive(who, "dilations", dilations)
    require_positive(who, "kernel_size", kernel_size)
    require(causal or kernel_size % 2 == 1, who, "kernel_size must be odd when not causal", kernel_size)
    require_one_of(who, "activation", activation, ("relu", "gated"))
    require_rate(who, "dropout", dropout)
    padding, gated = ("causal" if causal else "same"), activation == "gated"
    x = keras.layers.Dense(width, name="project")(inputs)
    for index, dilation in enumerate(dilations):
        name = f"block{index}"
        y = keras.layers.LayerNormalization(epsilon=1e-5, name=f"{name}_norm")(x)
        for part in ("conv1", "conv2"):
            y = conv(y, width, kernel_size, dilation, padding, gated, f"{name}_{part}")
            y = keras.layers.Dropout(dropout, name=f"{name}_{part}_dropout")(y) if dropout else y
        x = keras.layers.Add(name=f"{name}_add")([x, y])
    return pool_sequence(x, pool, who)
