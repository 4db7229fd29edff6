"""Wide and deep: a linear path beside a deep one, for sequences whose positions have a meaning of their own."""

from __future__ import annotations

from typing import Any

import keras

from arch.blocks import require, require_positive, require_rate
from arch.dna import KMers
from arch.sequences import SequenceConv1D, SequenceMaxPool1D, SequencePool


def wide(inputs: Any, kmers: tuple[int, ...], dropout: float) -> list[Any]:
    """Words of each length at each position, side by side; words of one letter are the input itself."""
    paths = []
    for k in kmers:
        name = f"wide_{k}mers"
        x = SequencePool("flatten", name=f"{name}_flat")(KMers(k, name=name)(inputs))
        paths.append(keras.layers.Dropout(dropout, name=f"{name}_dropout")(x) if dropout else x)
    return paths


def convolved(inputs: Any, widths: tuple[int, ...], kernel_size: int, dropout: float) -> Any:
    """Convolutions that keep the length, each normalized, rectified and thinned: (batch, length, widths[-1])."""
    x = inputs
    for index, width in enumerate(widths):
        name = f"deep{index}"
        x = SequenceConv1D(width, kernel_size, padding="same", kernel_initializer="he_normal", name=f"{name}_conv")(x)
        x = normalized(x, dropout, name)
    return x


def normalized(x: Any, dropout: float, name: str) -> Any:
    """What the next layer reads: normalized at each place, rectified, thinned."""
    x = keras.layers.LayerNormalization(epsilon=1e-5, name=f"{name}_norm")(x)
    x = keras.layers.ReLU(name=f"{name}_relu")(x)
    return keras.layers.Dropout(dropout, name=f"{name}_dropout")(x) if dropout else x


def deep(inputs: Any, widths: tuple[int, ...], kernel_size: int, pool_size: int, units: int, dropout: float) -> Any:
    """Convolutions that keep the length, then a dense layer that knows every position, or every window of some."""
    x = convolved(inputs, widths, kernel_size, dropout)
    if pool_size > 1:
        x = SequenceMaxPool1D(pool_size, padding="same", name="deep_pool")(x)
    x = SequencePool("flatten", name="deep_flat")(x)
    x = keras.layers.Dense(units, activation="relu", kernel_initializer="he_normal", name="deep_dense")(x)
    return keras.layers.Dropout(dropout, name="deep_dropout")(x) if dropout else x


def wide_deep(
    inputs: keras.KerasTensor,
    *,
    kmers: tuple[int, ...] = (1, 2, 3),
    widths: tuple[int, ...] = (32,),
    kernel_size: int = 7,
    pool_size: int = 1,
    units: int = 32,
    dropout: float = 0.7,
    wide_dropout: float = 0.5,
) -> keras.KerasTensor:
    """Short words at their positions for a linear head to weigh, beside the features of an un-pooled convnet.

    The wide features have no weights of their own: through a linear head they are a positional logistic regression,
    and the deep path learns what that leaves over. Position is kept, so aligned sequences of one length are wanted.
    The defaults are for a few thousand rows: there the deep path gains only when most of it is dropped out, and tens of
    thousands of rows bear more filters and units and less dropout.

    Args:
        inputs: (batch, length, channels) with a fixed length: one-hot bases, or any symbols' probabilities.
        kmers: lengths of the words on the wide path, each at least 1; a word has channels ** k features a position.
        widths: filters of the deep path's convolutions, in order.
        kernel_size: positions a convolution reads, at least 1.
        pool_size: positions of which the dense layer sees each filter's greatest alone; 1 for every position.
        units: features of the deep path, after its last, dense layer.
        dropout: share of the deep path's features that is dropped in training after each layer, 0 to below 1.
        wide_dropout: share of the wide path's words that is dropped in training, 0 to below 1.

    Returns:
        (batch, features), features = sum over kmers of (length - k + 1) * channels ** k, plus units.

    Raises:
        ValueError: when the length is unknown or too short for a word, or an option is out of range.

    Source: after Cheng et al. 2016, "Wide & deep learning for recommender systems", section 3. There, crosses of
        categories are chosen by hand and trained with FTRL, embeddings feed dense layers; here the crosses are all
        short words at all positions, convolutions feed the dense layer, and one optimizer trains both paths.
    """
    who = "wide_deep"
    require(inputs.shape[1] is not None, who, "length must be fixed", None)
    require_positive(who, "kmers", kmers)
    require(max(kmers) <= inputs.shape[1], who, f"kmers must not exceed the length ({inputs.shape[1]})", kmers)
    require(len(set(kmers)) == len(kmers), who, "kmers must differ", kmers)
    require_positive(who, "widths", widths)
    require_positive(who, "kernel_size", kernel_size)
    require_positive(who, "pool_size", pool_size)
    require_positive(who, "units", units)
    require_rate(who, "dropout", dropout)
    require_rate(who, "wide_dropout", wide_dropout)
    features = [*wide(inputs, kmers, wide_dropout), deep(inputs, widths, kernel_size, pool_size, units, dropout)]
    return keras.layers.Concatenate(name="wide_and_deep")(features)
