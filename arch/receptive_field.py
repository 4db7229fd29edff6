"""How far each value looks: the positions of the input that can matter to one position of a layer's output.

Each layer's window and stride are composed along the graph, axis by axis (Araujo et al. 2019, "Computing receptive
fields of convolutional neural networks"). Padding is left out, so a field may be larger than the input. A layer of
one's own tells in an attribute `window` how many positions it reads and its stride, (1, 1) where it works on each
position by itself; one that does not is taken to look at everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from arch.counts import CONVOLUTIONS
from arch.uses import Use

_L = keras.layers
_WINDOWS = tuple(getattr(_L, f"{kind}Pooling{n}D") for kind in ("Max", "Average") for n in (1, 2, 3))
_SEPARABLE = (_L.SeparableConv1D, _L.SeparableConv2D)
_POINTWISE = (
    *(_L.Activation, _L.ReLU, _L.LeakyReLU, _L.PReLU, _L.ELU, _L.Softmax, _L.Dropout, _L.GaussianNoise, _L.Rescaling),
    *(_L.BatchNormalization, _L.LayerNormalization, _L.RMSNormalization, _L.Identity, _L.Masking, _L.Embedding),
    *(_L.Add, _L.Subtract, _L.Multiply, _L.Average, _L.Maximum, _L.Concatenate, _L.SpatialDropout1D),
    *(_L.SpatialDropout2D, _L.ZeroPadding1D, _L.ZeroPadding2D, _L.Cropping1D, _L.Cropping2D, _L.Dense),
)


@dataclass(frozen=True)
class Field:
    """The positions of the input, along one axis, that one position of a value sees.

    Attributes:
        size: positions from the first to the last that matter.
        stride: positions of the input from one position of the value to the next.
    """

    size: int = 1
    stride: int = 1

    def through(self, window: int, stride: int) -> Field:
        """The field behind a layer that reads a window of this value and moves on by the stride."""
        return Field(self.size + (window - 1) * self.stride, self.stride * stride)


Fields = tuple[Field, ...] | None  # one an axis; None for everything


def receptive_fields(uses: Sequence[Use]) -> list[Fields]:
    """The field of the first output of each use, one `Field` a spatial axis; None where everything may matter."""
    known: dict[int, Fields] = {}
    result = []
    for use in uses:
        fields = _start(use) if not use.inputs else _behind(use, [known[tensor.number] for tensor in use.inputs])
        known |= {tensor.number: fields for tensor in use.outputs}
        result.append(fields)
    return result


def _start(use: Use) -> Fields:
    """Every axis of an input is spatial but the batch and, where it holds real numbers, the channels."""
    return (Field(),) * max(len(use.output) - 1 - use.outputs[0].real, 0)


def _behind(use: Use, inputs: list[Fields]) -> Fields:
    """The field behind a layer: of its inputs together, through its window."""
    known = [fields for fields in inputs if fields is not None]
    axes = len(known[0]) if known else 0
    windows = _windows(use.layer, axes)
    if windows is None or len(known) < len(inputs) or {axes, len(windows)} != {len(fields) for fields in known}:
        return None
    joint = (max(several, key=lambda field: field.size) for several in zip(*known, strict=True))
    return tuple(field.through(*window) for field, window in zip(joint, windows, strict=True))


def _windows(layer: Any, axes: int) -> list[tuple[int, int]] | None:
    """Window and stride of a layer along each spatial axis; None where it looks at everything."""
    if isinstance(own := getattr(layer, "window", None), tuple):
        return [own] * axes
    if isinstance(layer, (*CONVOLUTIONS, *_SEPARABLE)):
        spans = [(size - 1) * step + 1 for size, step in zip(layer.kernel_size, layer.dilation_rate, strict=True)]
        return list(zip(spans, layer.strides, strict=True))
    if isinstance(layer, _WINDOWS):
        return list(zip(_each(layer.pool_size, axes), _each(layer.strides, axes), strict=True))
    if isinstance(layer, _POINTWISE) or type(layer).__name__ in ("Add", "Multiply", "Subtract"):
        return [(1, 1)] * axes
    return None


def _each(value: Any, axes: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,) * axes
