"""Densely connected networks: locality, where every layer reads the maps of all layers before it."""

from __future__ import annotations

from typing import Literal

import keras

from arch.blocks import (
    average_pool,
    conv,
    dropped,
    global_pool,
    max_pool,
    norm_relu,
    require,
    require_maps,
    require_one_of,
    require_positive,
    require_rate,
    unmask,
)

_STEMS = {"small": 1, "imagenet": 4}  # name: total stride


def densenet(
    inputs: keras.KerasTensor,
    *,
    blocks: tuple[int, ...] = (16, 16, 16),
    growth_rate: int = 12,
    width: int = 24,
    expansion: int = 4,
    compression: float = 0.5,
    stem: Literal["small", "imagenet"] = "small",
    dropout: float = 0.0,
) -> keras.KerasTensor:
    """Densely connected network; the defaults are the DenseNet-BC-100 (k = 12) of small images.

    Args:
        inputs: (batch, one to three spatial axes, channels).
        blocks: layers in each dense block; a transition behind each but the last halves the axes.
        growth_rate: maps that each layer adds.
        width: filters of the stem.
        expansion: width of the 1-wide convolution before each 3-wide one, in growth rates; 0 for none.
        compression: share of the maps that a transition keeps, in (0, 1].
        stem: one 3-wide convolution, or a 7-wide one with stride 2 and max pooling with stride 2.
        dropout: share of values dropped behind each convolution of a dense block, in [0, 1).

    Returns:
        (batch, maps of the last block): the average over all positions.

    Raises:
        ValueError: where an option cannot work, or the input is shorter than the total stride.

    Source: Huang et al. 2017; expansion 4 and compression 0.5 are the paper's "BC". Its dropout stands behind every
    convolution but the stem, here not behind those of transitions.
    """
    require_positive("densenet", "blocks", blocks)
    require_positive("densenet", "growth_rate", growth_rate)
    require_positive("densenet", "width", width)
    require(expansion >= 0, "densenet", "expansion must be at least 0", expansion)
    require(0.0 < compression <= 1.0, "densenet", "compression must be above 0 and at most 1", compression)
    require_one_of("densenet", "stem", stem, _STEMS)
    require_rate("densenet", "dropout", dropout)
    require_maps("densenet", inputs, _STEMS[stem] * 2 ** (len(blocks) - 1))
    x = _stem(unmask(inputs), width, stem)
    for stage, layers in enumerate(blocks):
        if stage:
            x = _transition(x, compression, name=f"transition{stage}")
        for index in range(layers):
            x = _layer(x, growth_rate, expansion * growth_rate, dropout, name=f"stage{stage}_layer{index}")
    return global_pool("densenet", norm_relu(x, name="final"), "average")


def _stem(x: keras.KerasTensor, width: int, stem: str) -> keras.KerasTensor:
    """The first convolution; on small images its normalization is left to the first layer."""
    if stem == "small":
        return conv(x, width, 3, name="stem_conv")
    x = norm_relu(conv(x, width, 7, strides=2, name="stem_conv"), name="stem")
    return max_pool(x, 3, strides=2, name="stem_pool")


def _layer(x: keras.KerasTensor, growth_rate: int, inner: int, dropout: float, *, name: str) -> keras.KerasTensor:
    """What comes beside conv3(relu(norm(x))), the 3-wide convolution reading `inner` maps where that is not 0."""
    y = x
    if inner:
        y = conv(norm_relu(y, name=name, step=0), inner, 1, name=f"{name}_conv0")
        y = dropped(y, dropout, name=f"{name}_dropout0")
    y = conv(norm_relu(y, name=name, step=1), growth_rate, 3, name=f"{name}_conv1")
    y = dropped(y, dropout, name=f"{name}_dropout1")
    return keras.layers.Concatenate(name=f"{name}_join")([x, y])


def _transition(x: keras.KerasTensor, compression: float, *, name: str) -> keras.KerasTensor:
    """Fewer maps, half as long."""
    kept = int(x.shape[-1] * compression)
    require(kept > 0, "densenet", "compression must leave a map", compression)
    x = conv(norm_relu(x, name=name), kept, 1, name=f"{name}_conv")
    return average_pool(x, 2, strides=2, name=f"{name}_pool")
