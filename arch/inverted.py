"""Inverted residual blocks, and the trunk of such blocks that MobileNets, EfficientNets and MixNets share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import keras

from arch.blocks import (
    activation,
    batch_norm,
    conv,
    conv_norm,
    drop_path,
    drop_path_rates,
    require,
    require_maps,
    require_one_of,
    require_rate,
    squeeze_excite,
)

STEMS = ("small", "imagenet")


@dataclass(frozen=True)
class Block:
    """One inverted residual block.

    Attributes:
        filters: channels that it gives.
        hidden: channels in its middle; as many as come in for no expansion.
        kernel_sizes: of its depthwise convolution, several for as many equal shares of the channels.
        strides: of its depthwise convolution.
        kind: nonlinearity behind expansion and depthwise convolution.
        se_ratio: size of the squeeze-and-excitation gate as a share of the hidden channels, 0 for no gate.
        gate: nonlinearity that ends the gate.
        gate_kind: nonlinearity inside the gate.
        groups: of the 1-wide convolutions that expand and project.
    """

    filters: int
    hidden: int
    kernel_sizes: tuple[int, ...] = (3,)
    strides: int = 1
    kind: str = "relu6"
    se_ratio: float = 0.0
    gate: str = "sigmoid"
    gate_kind: str = "relu"
    groups: tuple[int, int] = (1, 1)


def check(who: str, inputs: keras.KerasTensor, widen: float, stem: str, dropout: float, total_stride: int = 32) -> None:
    """Refuse what no network of this kind can be built with; the small stem takes away two strides of two."""
    require(widen > 0, who, "widen must be positive", widen)
    require_one_of(who, "stem", stem, STEMS)
    require_rate(who, "dropout", dropout)
    require_maps(who, inputs, total_stride // 4 if stem == "small" else total_stride)


def for_stem(blocks: Iterable[Block], stem: str) -> list[Block]:
    """The blocks with the first stride of two taken away for small images; the stem's own goes in `stem_strides`."""
    chosen = list(blocks)
    if stem == "small":
        first = next((index for index, block in enumerate(chosen) if block.strides > 1), None)
        if first is not None:
            chosen[first] = replace(chosen[first], strides=1)
    return chosen


def stem_strides(stem: str) -> int:
    """The stride of the first convolution."""
    return 1 if stem == "small" else 2


def inverted_trunk(x: keras.KerasTensor, blocks: list[Block], rate: float = 0.0) -> keras.KerasTensor:
    """The blocks one behind the other, dropped as whole branches at a rate that rises from 0."""
    for index, (block, own) in enumerate(zip(blocks, drop_path_rates(rate, len(blocks)), strict=True)):
        x = inverted_residual(x, block, name=f"block{index}", rate=own)
    return x


def inverted_residual(x: keras.KerasTensor, block: Block, *, name: str, rate: float = 0.0) -> keras.KerasTensor:
    """project(gate(depthwise(expand(x)))), added to x where shapes stay; the last convolution has no nonlinearity.

    Source: Sandler et al. 2018, section 3.3; Howard et al. 2019 for the gate.
    """
    y = x
    if block.hidden != x.shape[-1]:
        y = conv_norm(y, block.hidden, 1, groups=block.groups[0], kind=block.kind, name=f"{name}_expand")
    y = depthwise_norm(y, block.kernel_sizes, strides=block.strides, kind=block.kind, name=f"{name}_depthwise")
    y = squeeze_excite(y, block.se_ratio, kind=block.gate_kind, gate=block.gate, name=f"{name}_gate")
    y = conv_norm(y, block.filters, 1, groups=block.groups[1], kind="linear", name=f"{name}_project")
    if block.strides > 1 or block.filters != x.shape[-1]:
        return y
    return keras.layers.Add(name=f"{name}_add")([x, drop_path(y, rate, name=f"{name}_drop_path")])


def depthwise_norm(
    x: keras.KerasTensor, kernel_sizes: tuple[int, ...], *, name: str, kind: str, strides: int = 1
) -> keras.KerasTensor:
    """A convolution channel by channel, batch normalization and a nonlinearity.

    With several kernel sizes the channels are shared out among them, equally; the first takes what is left over.

    Source: Tan and Le 2019b, section 3, for several sizes.
    """
    if len(kernel_sizes) == 1:
        x = conv(x, x.shape[-1], kernel_sizes[0], groups=x.shape[-1], strides=strides, name=f"{name}_conv")
    else:
        shares = ChannelShares(len(kernel_sizes), name=f"{name}_shares")(x)
        convolved = [
            conv(share, share.shape[-1], size, groups=share.shape[-1], strides=strides, name=f"{name}_conv{index}")
            for index, (share, size) in enumerate(zip(shares, kernel_sizes, strict=True))
        ]
        x = keras.layers.Concatenate(name=f"{name}_join")(convolved)
    return activation(batch_norm(x, name=f"{name}_norm"), kind, name=f"{name}_{kind}")


@keras.saving.register_keras_serializable(package="arch")
class ChannelShares(keras.layers.Layer):
    """The channels in equal shares, a list of tensors; the first takes what is left over. No weights.

    (batch, ..., channels) -> [(batch, ..., share + rest), (batch, ..., share), ...], share = channels // shares

    Args:
        shares: how many, at most as many as there are channels.
    """

    window = (1, 1)

    def __init__(self, shares: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shares = shares

    def call(self, inputs: Any) -> list[Any]:
        """Cut the last axis."""
        channels = inputs.shape[-1]
        share = channels // self.shares
        return keras.ops.split(inputs, [channels - share * left for left in range(self.shares - 1, 0, -1)], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> list[tuple[int | None, ...]]:
        """One shape a share."""
        *places, channels = input_shape
        share, left = divmod(channels or 0, self.shares)
        return [(*places, share + (0 if index else left)) for index in range(self.shares)]

    def get_config(self) -> dict[str, Any]:
        """The argument beside Keras' own."""
        return {**super().get_config(), "shares": self.shares}
