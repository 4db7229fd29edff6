"""The trunk that all residual builders but `shake_shake` share: stem, stages of blocks, average."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras

from arch.blocks import (
    activation,
    batch_norm,
    conv,
    drop_path,
    drop_path_rates,
    global_pool,
    max_pool,
    norm_relu,
    require,
    require_maps,
    require_one_of,
    require_positive,
    require_rate,
    squeeze_excite,
    unmask,
)
from arch.gates import GATES, gated_sum

_BLOCKS = ("basic", "bottleneck", "preact_basic", "preact_bottleneck")
_STEMS = {"small": 1, "imagenet": 4}  # name: total stride
_SHORTCUTS = ("projection", "padding", "none")


@dataclass(frozen=True)
class Plan:
    """What the four builders differ in: widths are of the first stage, and double with each stage."""

    who: str
    blocks: tuple[int, ...]
    stem_width: int
    inner: int
    outer: int
    block: str
    stem: str
    se_ratio: float
    drop_path: float
    shortcut: str = "projection"
    cardinality: int = 1
    dropout: float = 0.0
    gate: str = "none"


@dataclass(frozen=True)
class _Site:
    """Where a block stands: its name, its widths, its stride."""

    name: str
    inner: int
    outer: int
    strides: int
    drop_path: float


class _Step(NamedTuple):
    """One convolution of a block."""

    filters: int
    kernel_size: int
    strides: int = 1
    groups: int = 1


def trunk(inputs: keras.KerasTensor, plan: Plan) -> keras.KerasTensor:
    """The residual network of this plan.

    Returns:
        (batch, plan.outer * 2 ** (stages - 1)).

    Raises:
        ValueError: in the builder's name, where an option cannot work.
    """
    _check(inputs, plan)
    preact = plan.block.startswith("preact")
    x = _stem(unmask(inputs), plan, preact)
    for site in _sites(plan):
        x = _preact(x, site, plan) if preact else _postact(x, site, plan)
    if preact:
        x = norm_relu(x, name="final")
    return global_pool(plan.who, x, "average")


def _check(inputs: keras.KerasTensor, plan: Plan) -> None:
    require_positive(plan.who, "blocks", plan.blocks)
    require_positive(plan.who, "width", plan.stem_width)
    require_one_of(plan.who, "block", plan.block, _BLOCKS)
    require_one_of(plan.who, "stem", plan.stem, _STEMS)
    require_one_of(plan.who, "shortcut", plan.shortcut, _SHORTCUTS)
    require_one_of(plan.who, "gate", plan.gate, GATES)
    require_rate(plan.who, "dropout", plan.dropout)
    require(0.0 <= plan.se_ratio <= 1.0, plan.who, "se_ratio must be at least 0 and at most 1", plan.se_ratio)
    require_rate(plan.who, "drop_path", plan.drop_path)
    require_maps(plan.who, inputs, _STEMS[plan.stem] * 2 ** (len(plan.blocks) - 1))


def _sites(plan: Plan) -> Iterator[_Site]:
    rates = iter(drop_path_rates(plan.drop_path, sum(plan.blocks)))
    for stage, count in enumerate(plan.blocks):
        for index in range(count):
            strides = 2 if stage and not index else 1
            name = f"stage{stage}_block{index}"
            yield _Site(name, plan.inner << stage, plan.outer << stage, strides, next(rates))


def _stem(x: keras.KerasTensor, plan: Plan, preact: bool) -> keras.KerasTensor:
    """The first convolution; a pre-activation network leaves its normalization to the first block."""
    large = plan.stem == "imagenet"
    x = conv(x, plan.stem_width, 7 if large else 3, strides=2 if large else 1, name="stem_conv")
    if not preact:
        x = norm_relu(x, name="stem")
    return max_pool(x, 3, strides=2, name="stem_pool") if large else x


def _steps(site: _Site, plan: Plan) -> list[_Step]:
    """The convolutions of a block; the stride of a bottleneck is in its 3-wide one."""
    if "bottleneck" not in plan.block:
        return [_Step(site.inner, 3, site.strides), _Step(site.outer, 3)]
    middle = _Step(site.inner, 3, site.strides, plan.cardinality)
    return [_Step(site.inner, 1), middle, _Step(site.outer, 1)]


def _convolve(x: keras.KerasTensor, step: _Step, *, name: str) -> keras.KerasTensor:
    return conv(x, step.filters, step.kernel_size, strides=step.strides, groups=step.groups, name=name)


def _postact(x: keras.KerasTensor, site: _Site, plan: Plan) -> keras.KerasTensor:
    """relu(shortcut(x) + norm(conv(relu(norm(conv(x))))))."""
    y, steps = x, _steps(site, plan)
    for number, step in enumerate(steps, 1):
        y = _convolve(y, step, name=f"{site.name}_conv{number}")
        last = number == len(steps)
        y = batch_norm(y, name=f"{site.name}_norm{number}") if last else norm_relu(y, name=site.name, step=number)
    y = _join(x, x, y, site, plan)
    return activation(y, name=f"{site.name}_relu")


def _preact(x: keras.KerasTensor, site: _Site, plan: Plan) -> keras.KerasTensor:
    """shortcut(x) + conv(relu(norm(conv(relu(norm(x)))))); a projection reads relu(norm(x)), as in the paper."""
    y = active = norm_relu(x, name=site.name, step=1)
    for number, step in enumerate(_steps(site, plan), 1):
        if number > 1:
            y = norm_relu(y, name=site.name, step=number)
        if number == 2 and plan.dropout:
            y = keras.layers.Dropout(plan.dropout, name=f"{site.name}_dropout")(y)
        y = _convolve(y, step, name=f"{site.name}_conv{number}")
    return _join(x, active, y, site, plan)


def _join(x: keras.KerasTensor, source: keras.KerasTensor, y: keras.KerasTensor, site: _Site, plan: Plan) -> Any:
    """The branch y, weighed and perhaps dropped, added to the shortcut of the block's input x."""
    y = squeeze_excite(y, plan.se_ratio, name=f"{site.name}_gate")
    if plan.shortcut == "none":
        return y
    y = drop_path(y, site.drop_path, name=f"{site.name}_drop_path")
    carried = _shortcut(x, source, site, plan)
    return gated_sum(plan.gate, carried, y, source, strides=site.strides, name=site.name)


def _shortcut(x: keras.KerasTensor, source: keras.KerasTensor, site: _Site, plan: Plan) -> keras.KerasTensor:
    """The block's input where shapes stay; else zeros in the new channels, or a convolution of `source`."""
    if site.strides == 1 and x.shape[-1] == site.outer:
        return x
    name = f"{site.name}_shortcut"
    if plan.shortcut == "padding":
        return PaddedShortcut(site.outer, site.strides, name=name)(x)
    y = conv(source, site.outer, 1, strides=site.strides, name=name)
    return y if source is not x else batch_norm(y, name=f"{name}_norm")


@keras.saving.register_keras_serializable(package="arch")
class PaddedShortcut(keras.layers.Layer):
    """Every stride-th position, with zeros in the new channels: y[t, c] = x[t * strides, c] if c < channels else 0.

    No weights. (batch, spatial axes, channels) -> (batch, ceil(spatial axes / strides), filters).

    Args:
        filters: channels to give, at least as many as come.
        strides: step along every spatial axis.

    Source: He et al. 2016, section 3.3, option A.
    """

    def __init__(self, filters: int, strides: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters, self.strides = filters, strides
        self.window = (1, strides)

    def call(self, inputs: Any) -> Any:
        """Subsample, then pad the last axis."""
        kept = inputs
        if self.strides > 1:  # the average of one value: several times as fast as a strided slice and its gradient
            kept = keras.ops.average_pool(inputs, 1, strides=self.strides, padding="valid")
        return keras.ops.pad(kept, [(0, 0)] * (len(kept.shape) - 1) + [(0, self.filters - kept.shape[-1])])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Axes divided by the stride and rounded up."""
        sizes = [None if size is None else -(-size // self.strides) for size in input_shape[1:-1]]
        return (input_shape[0], *sizes, self.filters)

    def get_config(self) -> dict[str, Any]:
        """Both arguments beside Keras' own."""
        return {**super().get_config(), "filters": self.filters, "strides": self.strides}
