"""Networks of regulatory genomics: motif detectors first, then what their arrangement means."""

from __future__ import annotations

import keras

from arch.blocks import (
    activation,
    batch_norm,
    conv,
    conv_norm,
    dropped,
    max_pool,
    require,
    require_maps,
    require_positive,
    require_rate,
    unmask,
)


def regulatory_cnn(
    inputs: keras.KerasTensor,
    *,
    widths: tuple[int, ...] = (256, 60, 60, 120),
    kernel_size: tuple[int, ...] = (7, 3, 5, 3),
    pool_size: tuple[int, ...] = (2, 2, 2, 2),
    dense: tuple[int, ...] = (256, 256),
    dropout: float = 0.4,
) -> keras.KerasTensor:
    """Convolution, normalization, ReLU and max pooling, each block with sizes of its own, then dense layers.

    Args:
        inputs: (batch, one to three spatial axes, channels) of known sizes.
        widths: filters of each block.
        kernel_size: positions that a kernel spans, one number a block.
        pool_size: positions of a max pooling window, which is its stride too, one number a block.
        dense: units of each dense layer behind the blocks, normalized too.
        dropout: share of each dense layer's values dropped, in [0, 1).

    Returns:
        (batch, dense[-1]).

    Raises:
        ValueError: lists of different lengths, an input shorter than the total stride or of unknown size.

    Source: Kelley et al. 2016, "Basset", figure 1 (widths 300 200 200, kernels 19 11 7, pools 3 4 4, dense 1000 1000,
        dropout 0.3); de Almeida et al. 2022, "DeepSTARR", methods (the defaults). No biases beside normalization.
    """
    who = "regulatory_cnn"
    for option, value in (("widths", widths), ("kernel_size", kernel_size), ("pool_size", pool_size)):
        require_positive(who, option, value)
        require(len(value) == len(widths), who, f"{option} must be {len(widths)} numbers", value)
    require_positive(who, "dense", dense)
    require_rate(who, "dropout", dropout)
    stride = 1
    for size in pool_size:
        stride *= size
    require_maps(who, inputs, stride)
    require(None not in inputs.shape[1:], who, "inputs must have known sizes", inputs.shape)
    x = unmask(inputs)
    for index, (filters, size, window) in enumerate(zip(widths, kernel_size, pool_size, strict=True)):
        x = conv_norm(x, filters, size, name=f"block{index}")
        x = max_pool(x, window, name=f"block{index}_pool") if window > 1 else x
    x = keras.layers.Flatten(name="flat")(x)
    for index, units in enumerate(dense):
        x = keras.layers.Dense(units, use_bias=False, kernel_initializer="he_normal", name=f"dense{index}")(x)
        x = activation(batch_norm(x, name=f"dense{index}_norm"), name=f"dense{index}_relu")
        x = dropped(x, dropout, name=f"dense{index}_dropout")
    return x


def conv_lstm(
    inputs: keras.KerasTensor,
    *,
    filters: int = 320,
    kernel_size: int = 26,
    pool_size: int = 13,
    units: int = 320,
    dense: int = 925,
    dropout: float = 0.2,
    recurrent_dropout: float = 0.5,
) -> keras.KerasTensor:
    """Motif detectors, and an LSTM in both directions that reads how they are arranged.

    Args:
        inputs: (batch, length, channels) of known length.
        filters: motif detectors.
        kernel_size: positions of each.
        pool_size: positions of which the best match is kept, which is the stride too.
        units: features of the state in each direction.
        dense: units of the last layer.
        dropout: share of the matches dropped, in [0, 1).
        recurrent_dropout: share of the states dropped, in [0, 1).

    Returns:
        (batch, dense).

    Raises:
        ValueError: an option out of range, an input that is no sequence or shorter than a pooling window.

    Source: Quang and Xie 2016, "DanQ", figure 1. Convolutions are padded here, so that short sequences can be read.
    """
    who = "conv_lstm"
    for option, value in (
        *(("filters", filters), ("kernel_size", kernel_size), ("pool_size", pool_size)),
        *(("units", units), ("dense", dense)),
    ):
        require_positive(who, option, value)
    require_rate(who, "dropout", dropout)
    require_rate(who, "recurrent_dropout", recurrent_dropout)
    require(len(inputs.shape) == 3, who, "inputs must be (batch, length, channels)", inputs.shape)
    require_maps(who, inputs, pool_size)
    require(inputs.shape[1] is not None, who, "length must be fixed", None)
    x = activation(conv(unmask(inputs), filters, kernel_size, use_bias=True, name="conv"), name="conv_relu")
    x = dropped(max_pool(x, pool_size, name="pool"), dropout, name="dropout")
    lstm = keras.layers.LSTM(units, return_sequences=True, name="lstm_cell")
    x = dropped(keras.layers.Bidirectional(lstm, name="lstm")(x), recurrent_dropout, name="lstm_dropout")
    return keras.layers.Dense(dense, activation="relu", name="dense")(keras.layers.Flatten(name="flat")(x))


def gated_branches(
    inputs: keras.KerasTensor,
    *,
    width: int = 64,
    dilations: tuple[int, ...] = (1, 1, 4, 4, 16),
    kernel_size: int = 9,
    dropout: float = 0.1,
) -> keras.KerasTensor:
    """Two branches of dilated convolutions, of which one says how much of the other's correction is let through.

    Args:
        inputs: (batch, length, channels).
        width: features of each branch.
        dilations: distance of the places that a block's convolutions read, one number a block.
        kernel_size: positions that a kernel spans.
        dropout: share of the values between convolutions dropped, in [0, 1).

    Returns:
        (batch, width): the mean over positions.

    Raises:
        ValueError: an option out of range, or an input that is no sequence.

    Source: Bo et al. 2025, "Revisiting convolution architecture in the realm of DNA foundation models" (ConvNova),
        section 3: dilation in place of downsampling, gated convolutions, two branches. Written from the text alone;
        sizes here are for some ten thousand rows and not for pre-training.
    """
    who = "gated_branches"
    require_positive(who, "width", width)
    require_positive(who, "dilations", dilations)
    require_positive(who, "kernel_size", kernel_size)
    require_rate(who, "dropout", dropout)
    require(len(inputs.shape) == 3, who, "inputs must be (batch, length, channels)", inputs.shape)
    x = unmask(inputs)
    content = gate = conv(x, width, kernel_size, use_bias=True, name="stem")
    for index, dilation in enumerate(dilations):
        name = f"block{index}"
        told, opened = (
            _branch(branch, width, kernel_size, dilation, dropout, f"{name}_{part}")
            for part, branch in (("content", content), ("gate", gate))
        )
        let = keras.layers.Multiply(name=f"{name}_let")([told, activation(opened, "sigmoid", name=f"{name}_open")])
        content = keras.layers.Add(name=f"{name}_content_add")([content, let])
        gate = keras.layers.Add(name=f"{name}_gate_add")([gate, opened])
    x = keras.layers.LayerNormalization(epsilon=1e-5, name="norm")(content)
    return keras.layers.GlobalAveragePooling1D(name="pool")(x)


def _branch(
    x: keras.KerasTensor, width: int, kernel_size: int, dilation: int, dropout: float, name: str
) -> keras.KerasTensor:
    x = keras.layers.LayerNormalization(epsilon=1e-5, name=f"{name}_norm")(x)
    x = conv(x, width, kernel_size, dilation_rate=dilation, use_bias=True, name=f"{name}_conv")
    return dropped(activation(x, "gelu", name=f"{name}_gelu"), dropout, name=f"{name}_dropout")
