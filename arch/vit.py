"""Vision transformer: a picture is a set of patches, and any patch may matter to any other."""

from __future__ import annotations

from math import prod
from typing import Any, Literal

import keras
from keras import ops

from arch.blocks import conv, dropped, require, require_maps, require_one_of, require_positive, require_rate, unmask
from arch.sequences import pool_sequence
from arch.transformer import attend, normalise, place, residual, think


def vit(
    inputs: keras.KerasTensor,
    *,
    patch_size: int = 4,
    depth: int = 6,
    width: int = 192,
    heads: int = 3,
    expansion: int = 4,
    dropout: float = 0.1,
    pool: Literal["token", "average"] = "token",
) -> keras.KerasTensor:
    """Vision transformer: patches as tokens with learned positions, then the layers of `transformer_encoder`.

    Args:
        inputs: (batch, one to three spatial axes of known sizes, channels).
        patch_size: positions that a patch spans along every axis; a last patch that hangs over the border is padded.
        depth: number of layers, at least 1.
        width: features of each token, a multiple of `heads`.
        heads: attention heads a layer, at least 1.
        expansion: hidden features of each token's network, in multiples of `width`.
        dropout: share of the tokens' values, and of each half layer's outputs, dropped in training, 0 to below 1.
        pool: the features of a learned token that goes along with the patches, or the average of the patches.

    Returns:
        (batch, width).

    Raises:
        ValueError: where an option cannot work, or a size of the input is not known.

    Source: Dosovitskiy et al. 2021, section 3.1 and table 1; normalization before each half layer with an epsilon of
    1e-5. Beyer et al. 2022 for the average in place of the token.
    """
    for option, size in (("patch_size", patch_size), ("depth", depth), ("heads", heads), ("expansion", expansion)):
        require_positive("vit", option, size)
    require(width > 0 and width % heads == 0, "vit", f"width must be a positive multiple of heads ({heads})", width)
    require_rate("vit", "dropout", dropout)
    require_one_of("vit", "pool", pool, ("token", "average"))
    require_maps("vit", inputs)
    require(None not in inputs.shape[1:], "vit", "inputs must have known sizes", inputs.shape)
    x = _patches(unmask(inputs), patch_size, width)
    x = ClassToken(name="token")(x) if pool == "token" else x
    x = dropped(place(x, "learned"), dropout, name="dropout")
    for index in range(depth):
        name = f"layer{index}"
        x = residual(x, lambda y, n=name: attend(y, heads, False, n), "pre", dropout, f"{name}_part1")
        x = residual(x, lambda y, n=name: think(y, expansion, n), "pre", dropout, f"{name}_part2")
    x = normalise(x, "last")
    return TakeToken(name="pool")(x) if pool == "token" else pool_sequence(x, "average", "vit")


def _patches(x: keras.KerasTensor, size: int, width: int) -> keras.KerasTensor:
    """(batch, patches, width): one product a patch, which is a convolution whose windows do not overlap."""
    x = conv(x, width, size, strides=size, use_bias=True, name="patches")
    return keras.layers.Reshape((prod(x.shape[1:-1]), width), name="tokens")(x)


@keras.saving.register_keras_serializable(package="arch")
class ClassToken(keras.layers.Layer):
    """Puts a learned vector before all tokens: y[b, 0] = token, y[b, 1 + t] = x[b, t].

    Weights: token (features,), zero at the start. (batch, length, features) -> (batch, 1 + length, features).

    Source: Devlin et al. 2019; Dosovitskiy et al. 2021, equation 1.
    """

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """The token."""
        self.token = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="token")

    def call(self, inputs: Any) -> Any:
        """The token and the inputs behind it."""
        token = ops.broadcast_to(ops.cast(self.token, inputs.dtype), (ops.shape(inputs)[0], 1, inputs.shape[-1]))
        return ops.concatenate([token, inputs], axis=1)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """One more token."""
        batch, length, features = input_shape
        return (batch, None if length is None else length + 1, features)


@keras.saving.register_keras_serializable(package="arch")
class TakeToken(keras.layers.Layer):
    """The first token: y[b] = x[b, 0]. No weights. (batch, length, features) -> (batch, features)."""

    def call(self, inputs: Any) -> Any:
        """The features of the token that went along."""
        return inputs[:, 0]

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Without the axis of tokens."""
        return (input_shape[0], input_shape[-1])
