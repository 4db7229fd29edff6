"""Transformer encoders: any position may matter to any other, and what tells positions apart is an option."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops

from arch.blocks import require, require_one_of, require_positive, require_rate
from arch.sequences import pool_sequence


def angles(length: Any, features: int) -> Any:
    """`angle[t, i] = t / 10000 ** (2 i / features)` for i < features / 2, in float32: (length, features / 2)."""
    rates = 10000.0 ** (-ops.arange(0, features, 2, dtype="float32") / features)
    return ops.arange(length, dtype="float32")[:, None] * rates


def rotate(x: Any) -> Any:
    """Turn each pair of features (i, i + features / 2) by the angle of its position, so that products see distances.

    (batch, length, heads, features) -> the same shape; features even.

    Source: Su et al. 2021, "RoFormer", section 3.2.2; pairs lie half a head apart instead of side by side, which is
        the same up to an order of the features.
    """
    angle = angles(ops.shape(x)[1], x.shape[-1])[:, None, :]
    cos, sin = ops.cast(ops.cos(angle), x.dtype), ops.cast(ops.sin(angle), x.dtype)
    left, right = ops.split(x, 2, axis=-1)
    return ops.concatenate([left * cos - right * sin, right * cos + left * sin], axis=-1)


@keras.saving.register_keras_serializable(package="arch")
class SinusoidalPositions(keras.layers.Layer):
    """Adds waves of the position: `y[b, t] = x[b, t] + (sin(angle[t]), cos(angle[t]))`, see `angles`. No weights.

    (batch, length, features) -> the same shape, features even; the mask stays.

    Source: Vaswani et al. 2017, section 3.5; sines and cosines stand in two halves instead of alternating.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Refuse features that cannot be halved."""
        require(input_shape[-1] % 2 == 0, "SinusoidalPositions", "features must be even", input_shape[-1])

    def call(self, inputs: Any) -> Any:
        """The inputs with the waves on top."""
        angle = angles(ops.shape(inputs)[1], inputs.shape[-1])
        return inputs + ops.cast(ops.concatenate([ops.sin(angle), ops.cos(angle)], axis=-1), inputs.dtype)


@keras.saving.register_keras_serializable(package="arch")
class LearnedPositions(keras.layers.Layer):
    """Adds a learned vector per position: `y[b, t] = x[b, t] + table[t]`, table (length, features).

    (batch, length, features) -> the same shape, length fixed; the mask stays.

    Source: Gehring et al. 2017, section 3.1; Devlin et al. 2019. Normal start with deviation 0.02.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """One row of the table per position."""
        require(input_shape[1] is not None, "LearnedPositions", "length must be fixed", input_shape[1])
        start = keras.initializers.RandomNormal(stddev=0.02)
        self.table = self.add_weight(shape=input_shape[1:], initializer=start, name="table")

    def call(self, inputs: Any) -> Any:
        """The inputs with the table on top."""
        return inputs + self.table

    def multiply_adds(self, input_shape: tuple[int, ...]) -> int:
        """None: the table is added, not multiplied."""
        return 0


@keras.saving.register_keras_serializable(package="arch")
class SelfAttention(keras.layers.Layer):
    """Each position takes the average of all values, weighted by how well its query meets their keys.

    `(q, k, v) = x W + b` per head, `y = concat_h(softmax(q k' / sqrt(d)) v) W_o + b_o`, d = features / heads.
    With rotary, q and k are first turned by their positions (`rotate`). Weights: kernel (features, 3 features),
    bias (3 features), out_kernel (features, features), out_bias (features); the kernel holds the columns of q, k, v in
    this order, each head by head. Keys at masked positions get no weight; the mask stays.
    (batch, length, features) -> the same shape.

    Args:
        heads: averages taken beside each other, a divisor of features.
        rotary: whether queries and keys know their positions; d must then be even.

    Source: Vaswani et al. 2017, section 3.2; equal to keras.layers.MultiHeadAttention of a sequence with itself, whose
        three projections are one product here. The weights of the average are not dropped out.
    """

    def __init__(self, heads: int, rotary: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads, self.rotary = heads, rotary
        self.supports_masking = True

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Weights for queries, keys and values side by side, and for the output."""
        width = input_shape[-1]
        wanted = f"features must be a positive multiple of heads ({self.heads})"
        require(self.heads > 0 and width % self.heads == 0, "SelfAttention", wanted, width)
        size = width // self.heads
        require(not self.rotary or size % 2 == 0, "SelfAttention", "features of a head must be even for rotary", size)
        # Three square kernels side by side: each starts as if it were alone.
        limit = (6 / (width + width)) ** 0.5
        start = keras.initializers.RandomUniform(-limit, limit)
        self.kernel = self.add_weight(shape=(width, 3 * width), initializer=start, name="kernel")
        self.bias = self.add_weight(shape=(3 * width,), initializer="zeros", name="bias")
        self.out_kernel = self.add_weight(shape=(width, width), initializer="glorot_uniform", name="out_kernel")
        self.out_bias = self.add_weight(shape=(width,), initializer="zeros", name="out_bias")

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """What each position gathers from those that are not masked."""
        length, width = ops.shape(inputs)[1], inputs.shape[-1]
        projected = ops.matmul(inputs, self.kernel) + self.bias
        by_head = ops.reshape(projected, (-1, length, 3 * self.heads, width // self.heads))
        query, key, value = ops.split(by_head, 3, axis=2)
        if self.rotary:
            query, key = rotate(query), rotate(key)
        if mask is not None:
            mask = ops.cast(mask, "bool")[:, None, None, :]
        average = ops.dot_product_attention(query, key, value, mask=mask)
        return ops.matmul(ops.reshape(average, (-1, length, width)), self.out_kernel) + self.out_bias

    def multiply_adds(self, input_shape: tuple[int, ...]) -> int:
        """Of one row: four projections of each position, and two products of each pair of positions."""
        length, width = input_shape[1:]
        return 4 * length * width * width + 2 * length * length * width

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        return {**super().get_config(), "heads": self.heads, "rotary": self.rotary}


def attend(x: Any, heads: int, rotary: bool, name: str) -> Any:
    """The first half of a layer: positions exchange what they hold."""
    return SelfAttention(heads, rotary, name=f"{name}_attention")(x)


def think(x: Any, expansion: int, name: str) -> Any:
    """The second half of a layer: each position by itself, through `expansion` times its features."""
    width = x.shape[-1]
    x = keras.layers.Dense(expansion * width, activation="gelu", name=f"{name}_dense1")(x)
    return keras.layers.Dense(width, name=f"{name}_dense2")(x)


def normalise(x: Any, name: str) -> Any:
    """Layer normalisation over the features of each position."""
    return keras.layers.LayerNormalization(epsilon=1e-5, name=f"{name}_norm")(x)


def residual(x: Any, inner: Any, norm: str, dropout: float, name: str) -> Any:
    """`x + drop(inner(norm(x)))` for `pre`, `norm(x + drop(inner(x)))` for `post`."""
    y = inner(normalise(x, name) if norm == "pre" else x)
    y = keras.layers.Dropout(dropout, name=f"{name}_dropout")(y) if dropout else y
    x = keras.layers.Add(name=f"{name}_add")([x, y])
    return x if norm == "pre" else normalise(x, name)


def place(x: Any, positions: str) -> Any:
    """Add what tells positions apart before the first layer; rotary positions enter in each layer instead."""
    if positions == "sinusoidal":
        return SinusoidalPositions(name="positions")(x)
    return LearnedPositions(name="positions")(x) if positions == "learned" else x


def check(depth: int, width: int, heads: int, expansion: int, norm: str, positions: str, dropout: float) -> None:
    """Refuse what cannot be built, before any weight is made."""
    who = "transformer_encoder"
    for option, size in (("depth", depth), ("heads", heads), ("width", width), ("expansion", expansion)):
        require_positive(who, option, size)
    require(width % heads == 0, who, f"width must be a positive multiple of heads ({heads})", width)
    require_one_of(who, "norm", norm, ("pre", "post"))
    require_one_of(who, "positions", positions, ("sinusoidal", "learned", "rotary", "none"))
    require_rate(who, "dropout", dropout)
    require(positions != "sinusoidal" or width % 2 == 0, who, "width must be even for sinusoidal positions", width)
    pairs = positions != "rotary" or width // heads % 2 == 0
    require(pairs, who, f"width must be an even multiple of heads ({heads}) for rotary positions", width)


def transformer_encoder(
    inputs: keras.KerasTensor,
    *,
    depth: int = 2,
    width: int = 64,
    heads: int = 4,
    expansion: int = 4,
    norm: Literal["pre", "post"] = "pre",
    positions: Literal["sinusoidal", "learned", "rotary", "none"] = "rotary",
    dropout: float = 0.1,
) -> keras.KerasTensor:
    """A Transformer encoder over a sequence, averaged over its positions.

    Inputs are projected to `width`, layers of self-attention and of a two-layer network follow, each in a residual.
    A mask is respected: padding is neither attended to nor averaged, so that it changes nothing. The layers hold
    `depth * (12 width^2 + 13 width)` weights with expansion 4; the projection, learned positions and, with `pre`, one
    last normalisation come on top.

    Args:
        inputs: (batch, length, channels), length may be unknown except for learned positions.
        depth: number of layers, at least 1.
        width: features of the residual stream, a multiple of `heads`.
        heads: attention heads a layer, at least 1.
        expansion: hidden features of each position's network, in multiples of `width`.
        norm: normalise before each half layer (`pre`, trains without warm-up) or after its residual sum (`post`).
        positions: `sinusoidal` or `learned` are added once, `rotary` turns queries and keys, `none` sees a set.
        dropout: share of each half layer's outputs that is dropped in training, 0 to below 1.

    Returns:
        (batch, width).

    Raises:
        ValueError: when an option is out of range, or positions are learned and the length is unknown.

    Source: Vaswani et al. 2017, "Attention is all you need", section 3 (encoder, post); Xiong et al. 2020, "On layer
        normalization in the Transformer architecture" (pre); Su et al. 2021, "RoFormer" (rotary). GELU for ReLU, as
        Devlin et al. 2019; dropout on residual branches alone.
    """
    check(depth, width, heads, expansion, norm, positions, dropout)
    x = place(keras.layers.Dense(width, name="project")(inputs), positions)
    for index in range(depth):
        name = f"layer{index}"
        x = residual(x, lambda y, n=name: attend(y, heads, positions == "rotary", n), norm, dropout, f"{name}_part1")
        x = residual(x, lambda y, n=name: think(y, expansion, n), norm, dropout, f"{name}_part2")
    x = normalise(x, "last") if norm == "pre" else x
    return pool_sequence(x, "average", "transformer_encoder")
