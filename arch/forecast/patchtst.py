"""PatchTST: stretches of a series are the words of a Transformer."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from arch.blocks import require, require_positive, require_rate
from arch.forecast.members import require_windows
from arch.transformer import LearnedPositions, attend, normalise, residual, think


@keras.saving.register_keras_serializable(package="arch")
class Patches(keras.layers.Layer):
    """Stretches of a sequence, the newest ending at its end: (batch, length, n) -> (batch, patches, size * n).

    Positions in front that fill no patch are left out. No weights.

    Args:
        size: positions of a patch.
        stride: positions from one patch to the next.
        **kwargs: as of `keras.layers.Layer`.
    """

    def __init__(self, size: int, stride: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_positive("Patches", "size", size)
        require_positive("Patches", "stride", stride)
        self.size, self.stride = size, stride

    def call(self, inputs: Any) -> Any:
        """Cut."""
        length = inputs.shape[1]
        starts = range((length - self.size) % self.stride, length - self.size + 1, self.stride)
        cut = ops.stack([inputs[:, start : start + self.size] for start in starts], axis=1)
        return ops.reshape(cut, (-1, len(starts), self.size * inputs.shape[2]))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, patches, size * n)."""
        return (input_shape[0], (input_shape[1] - self.size) // self.stride + 1, self.size * input_shape[2])

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "size": self.size, "stride": self.stride}


def patchtst(
    inputs: keras.KerasTensor,
    *,
    horizon: int = 8,
    patch: int = 4,
    stride: int = 2,
    depth: int = 2,
    width: int = 64,
    heads: int = 4,
    dropout: float = 0.1,
) -> keras.KerasTensor:
    """A Transformer over patches of the window, whose features together give all steps at once.

    Args:
        inputs: (batch, length, channels).
        horizon: steps to forecast, at least 1.
        patch: positions of a patch, at most the window.
        stride: positions from one patch to the next, at least 1.
        depth: layers, at least 1.
        width: features of each patch, a multiple of `heads`.
        heads: attention heads a layer, at least 1.
        dropout: share of each half layer's outputs that is dropped in training, 0 to below 1.

    Returns:
        (batch, horizon).

    Raises:
        ValueError: when an option is out of range.

    Source: Nie et al. 2023, A time series is worth 64 words, section 3.1 (patches, learned positions, flattened head);
        layer normalisation before each half layer instead of batch normalisation after it.
    """
    who = "patchtst"
    require_windows(who, inputs)
    sizes = {"horizon": horizon, "patch": patch, "stride": stride, "depth": depth, "width": width, "heads": heads}
    for option, value in sizes.items():
        require_positive(who, option, value)
    require(patch <= inputs.shape[1], who, f"patch must be at most the window's {inputs.shape[1]}", patch)
    require(width % heads == 0, who, f"width must be a positive multiple of heads ({heads})", width)
    require_rate(who, "dropout", dropout)
    x = Patches(patch, stride, name="patches")(inputs)
    x = LearnedPositions(name="positions")(keras.layers.Dense(width, name="project")(x))
    for index in range(depth):
        name = f"layer{index}"
        x = residual(x, lambda y, n=name: attend(y, heads, False, n), "pre", dropout, f"{name}_part1")
        x = residual(x, lambda y, n=name: think(y, 2, n), "pre", dropout, f"{name}_part2")
    x = keras.layers.Flatten(name="flat")(normalise(x, "last"))
    return keras.layers.Dense(horizon, name="forecast")(x)
