"""Dense networks: no assumption about the data; every input may meet every other."""

from __future__ import annotations

from typing import Literal

import keras

from arch.blocks import activation as activate
from arch.blocks import batch_norm, require, require_one_of, require_positive, require_rate, unmask

_ACTIVATIONS = ("relu", "gelu", "tanh")
_NORMS = ("none", "batch", "layer")


def mlp(
    inputs: keras.KerasTensor,
    *,
    widths: tuple[int, ...] = (256, 256),
    activation: Literal["relu", "gelu", "tanh"] = "relu",
    norm: Literal["none", "batch", "layer"] = "none",
    dropout: float = 0.0,
) -> keras.KerasTensor:
    """Dense layers one after the other on the flattened input, each h = dropout(activation(norm(W h + b))).

    Args:
        inputs: (batch, ..., features) of known sizes.
        widths: units of each layer, one number a layer.
        activation: nonlinearity behind every layer.
        norm: normalization between a layer and its nonlinearity; under "batch" the layer has no bias, as beta is one.
        dropout: share of units dropped behind every nonlinearity, in [0, 1).

    Returns:
        (batch, widths[-1]).

    Raises:
        ValueError: where an option cannot work.

    Source: Rumelhart, Hinton and Williams 1986; dropout as in Srivastava et al. 2014.
    """
    require_positive("mlp", "widths", widths)
    require_one_of("mlp", "activation", activation, _ACTIVATIONS)
    require_one_of("mlp", "norm", norm, _NORMS)
    require_rate("mlp", "dropout", dropout)
    require(None not in inputs.shape[1:], "mlp", "inputs must have known sizes", inputs.shape)
    x = keras.layers.Flatten(name="flatten")(unmask(inputs))
    for index, units in enumerate(widths):
        x = keras.layers.Dense(units, use_bias=norm != "batch", name=f"layer{index}")(x)
        x = _normalize(x, norm, name=f"layer{index}_norm")
        x = activate(x, activation, name=f"layer{index}_{activation}")
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"layer{index}_dropout")(x)
    return x


def _normalize(x: keras.KerasTensor, norm: str, *, name: str) -> keras.KerasTensor:
    if norm == "batch":
        return batch_norm(x, name=name)
    return keras.layers.LayerNormalization(name=name)(x) if norm == "layer" else x
