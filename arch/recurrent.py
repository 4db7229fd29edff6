"""Recurrent networks: a state is carried from left to right, one position at a time."""

from __future__ import annotations

from typing import Literal

import keras

from arch.blocks import require_one_of, require_positive, require_rate
from arch.sequences import pool_sequence

CELLS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


def recurrent(
    inputs: keras.KerasTensor,
    *,
    cell: Literal["rnn", "lstm", "gru"] = "lstm",
    units: tuple[int, ...] = (128,),
    bidirectional: bool = False,
    dropout: float = 0.0,
    pool: Literal["last", "average", "max", "flatten", "none"] = "last",
) -> keras.KerasTensor:
    """Stacked recurrent layers over a sequence.

    A mask is respected: the state stands still at padding, so that padding changes nothing.

    Args:
        inputs: (batch, length, channels), length may be unknown unless features are flattened.
        cell: `rnn` (one tanh layer), `lstm` (gated memory) or `gru` (gated state, reset after the product).
        units: features of the state, one number a layer, each at least 1.
        bidirectional: whether each layer also reads from right to left; its features are then twice `units`.
        dropout: share of each layer's outputs that is dropped in training, 0 to below 1.
        pool: `last` state, `average` or `max` over positions, `flatten` keeps them side by side, `none` a sequence.

    Returns:
        (batch, features), features = the last units, twice that when bidirectional; with `pool="none"`
        (batch, length, features).

    Raises:
        ValueError: when `units` is empty or not positive, or `dropout` out of range.

    Source: Elman 1990 (rnn); Hochreiter and Schmidhuber 1997 with Gers 2000's forget gate (lstm, its bias starts at 1);
        Cho et al. 2014 (gru, in the reset-after form of cuDNN); Schuster and Paliwal 1997 (bidirectional). Dropout
        stands between layers, not inside the recurrence: Zaremba et al. 2014.
    """
    require_one_of("recurrent", "cell", cell, CELLS)
    require_positive("recurrent", "units", units)
    require_rate("recurrent", "dropout", dropout)
    x = inputs
    for index, size in enumerate(units):
        sequences = pool != "last" or index < len(units) - 1
        name = f"layer{index}"
        layer = CELLS[cell](size, return_sequences=sequences, name=f"{name}_{cell}" if bidirectional else name)
        x = keras.layers.Bidirectional(layer, name=name)(x) if bidirectional else layer(x)
        x = keras.layers.Dropout(dropout, name=f"{name}_dropout")(x) if dropout else x
    return x if pool == "last" else pool_sequence(x, pool, "recurrent")
