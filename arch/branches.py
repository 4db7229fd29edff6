"""Branches side by side, as Inception networks have them: each is a row of convolutions, told as a table."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from arch.blocks import average_pool, conv_norm, max_pool, require, require_maps, require_one_of, require_sides

Size = int | tuple[int, int]
Branch = tuple[tuple[int, Size], ...]
FORK: Size = (0, 0)  # a 1 x 3 and a 3 x 1 convolution of the same maps, side by side
STEMS = ("small", "imagenet")


@dataclass(frozen=True)
class Inception:
    """What all modules of a network share.

    Attributes:
        widen: factor on all filters, rounded.
        stem: "imagenet" for strides without padding, as published; "small" pads, so that short axes remain.
    """

    widen: float
    stem: str

    @property
    def padding(self) -> str:
        """Of whatever has a stride."""
        return "same" if self.stem == "small" else "valid"

    def conv(
        self, x: keras.KerasTensor, filters: int, size: Size, *, name: str, strides: int = 1, padding: str = "same"
    ) -> keras.KerasTensor:
        """Convolution, normalization and ReLU; a size (a, b) spans b places of the last axis and a of the others."""
        across, along = (size, size) if isinstance(size, int) else size
        kernel = (*(across,) * (len(x.shape) - 3), along)
        return conv_norm(x, max(1, round(filters * self.widen)), kernel, strides=strides, padding=padding, name=name)

    def branch(self, x: keras.KerasTensor, steps: Branch, *, name: str, strides: int = 1) -> keras.KerasTensor:
        """The convolutions of a branch; a stride belongs to the last one."""
        for index, (filters, size) in enumerate(steps):
            here = f"{name}_step{index}"
            if size == FORK:
                x = join([self.conv(x, filters, s, name=f"{here}_{s[0]}x{s[1]}") for s in ((1, 3), (3, 1))], here)
            elif strides > 1 and index == len(steps) - 1:
                x = self.conv(x, filters, size, strides=strides, padding=self.padding, name=here)
            else:
                x = self.conv(x, filters, size, name=here)
        return x

    def module(
        self, x: keras.KerasTensor, branches: tuple[Branch, ...], pooled: int, *, name: str
    ) -> keras.KerasTensor:
        """Branches beside an average over 3 places with a 1-wide convolution of `pooled` filters."""
        ends = [self.branch(x, steps, name=f"{name}_branch{index}") for index, steps in enumerate(branches)]
        averages = average_pool(x, 3, strides=1, name=f"{name}_pool")
        return join([*ends, self.conv(averages, pooled, 1, name=f"{name}_pooled")], name)

    def reduction(self, x: keras.KerasTensor, branches: tuple[Branch, ...], *, name: str) -> keras.KerasTensor:
        """Branches that end in a stride of 2 beside a max pooling with the same stride."""
        ends = [self.branch(x, steps, strides=2, name=f"{name}_branch{index}") for index, steps in enumerate(branches)]
        return join([*ends, max_pool(x, 3, strides=2, padding=self.padding, name=f"{name}_pool")], name)


def join(parts: list[keras.KerasTensor], name: str) -> keras.KerasTensor:
    """The maps of all parts side by side."""
    return keras.layers.Concatenate(name=f"{name}_join")(parts)


def check(who: str, inputs: keras.KerasTensor, modules: tuple[int, ...], widen: float, stem: str) -> None:
    """Refuse what no Inception network can be built with."""
    require(len(modules) == 3 and min(modules) >= 0, who, "modules must be three numbers, none below 0", modules)
    require(widen > 0, who, "widen must be positive", widen)
    require_one_of(who, "stem", stem, STEMS)
    require_maps(who, inputs, 4)
    if stem == "imagenet":
        require_sides(who, inputs, 75)
