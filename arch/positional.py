"""Convolutions that every place shares, read out by every place for itself: aligned sequences."""

from __future__ import annotations

from typing import Any

import keras

from arch.blocks import require, require_positive, require_rate
from arch.sequences import SequenceConv1D, SequencePool
from arch.untied import LocallyConnected
from arch.wide_deep import normalized

STEP = 5  # positions that a block's convolution reads, twice as far apart in each further block


def positional_cnn(
    inputs: keras.KerasTensor,
    *,
    width: int = 64,
    kernel_size: int = 11,
    blocks: int = 2,
    window: int = 5,
    reads: int = 8,
    units: int = 64,
    dropout: float = 0.2,
) -> keras.KerasTensor:
    """Residual convolutions at full length, then a few numbers for each window, of weights that every place has alone.

    What a pattern looks like is the same everywhere; what it says depends on where it stands. Each window's numbers
    pass through a softplus, so that one of them speaks for as much as it likes in one direction and for a bounded
    amount in the other: the sum of such evidence is a soft "and". A head sees them all, beside a dense layer on them.
    Between all places and the dense layer stand `reads` numbers a window, where an un-pooled convnet has a weight for
    each feature, place and unit: of aligned sequences it learns more by a fraction of the weights.

    Args:
        inputs: (batch, length, channels) with a fixed length: one-hot bases, or any symbols' probabilities.
        width: filters of every convolution.
        kernel_size: positions that the first convolution reads.
        blocks: residual blocks behind it, of one convolution each, ever wider apart; 0 for none.
        window: positions that are read out together, at least 1.
        reads: numbers that are read out of a window.
        units: features of the dense layer.
        dropout: share of the features that is dropped in training before each further layer, 0 to below 1.

    Returns:
        (batch, windows * reads + units), windows being length / window rounded up.

    Raises:
        ValueError: when the length is unknown, or an option is out of range.

    Source: blocks as in He et al. 2016b, "Identity mappings in deep residual networks", with the normalization of Ba
        et al. 2016 and one dilated convolution each; read out by weights that are not shared, as in LeCun 1989.
    """
    who = "positional_cnn"
    require(inputs.shape[1] is not None, who, "length must be fixed", None)
    sizes = {"width": width, "kernel_size": kernel_size, "window": window, "reads": reads, "units": units}
    for option, value in sizes.items():
        require_positive(who, option, value)
    require(blocks >= 0, who, "blocks must be 0 or more", blocks)
    require_rate(who, "dropout", dropout)
    x = SequenceConv1D(width, kernel_size, padding="same", kernel_initializer="he_normal", name="stem")(inputs)
    for index in range(blocks):
        name = f"block{index}"
        y = normalized(x, dropout, name)
        y = SequenceConv1D(width, STEP, padding="same", dilation_rate=2**index, name=f"{name}_conv")(y)
        x = keras.layers.Add(name=f"{name}_sum")([x, y])
    evidence = _read(normalized(x, dropout, "final"), window, reads)
    deep = keras.layers.Dense(units, activation="relu", kernel_initializer="he_normal", name="deep")(evidence)
    deep = keras.layers.Dropout(dropout, name="deep_dropout")(deep) if dropout else deep
    return keras.layers.Concatenate(name="evidence_and_deep")([evidence, deep])


def _read(x: Any, window: int, reads: int) -> Any:
    """(batch, length, features) to (batch, windows * reads), each positive."""
    length = x.shape[1]
    x = SequencePool("flatten", name="placed")(x)  # what is masked is zero from here on
    x = keras.layers.Reshape((length, -1), name="places")(x)
    x = LocallyConnected(reads, window, window, name="windows")(x)
    x = keras.layers.Activation("softplus", name="evidence")(x)
    return keras.layers.Flatten(name="all_evidence")(x)
