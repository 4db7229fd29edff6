"""Pieces of the sequence builders that know what padding is: a convolution and the ways to end in a vector."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from arch.blocks import require, require_one_of

POOLS = ("last", "average", "max", "flatten")


@keras.saving.register_keras_serializable(package="arch")
class SequenceConv1D(keras.layers.Conv1D):
    """keras.layers.Conv1D that reads zeros at masked positions and hands the mask on.

    `y = conv(x * mask)`; so padding looks like what lies beyond the end of a sequence and changes nothing. The length
    must stay (strides 1, padding `same` or `causal`). Weights as in Conv1D: kernel (kernel_size, channels, filters),
    bias (filters). (batch, length, channels) -> (batch, length, filters).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """The convolution of what is not masked."""
        return super().call(inputs if mask is None else blank(inputs, mask))


@keras.saving.register_keras_serializable(package="arch")
class SequenceMaxPool1D(keras.layers.MaxPooling1D):
    """keras.layers.MaxPooling1D of features that are 0 or more, to which masked positions are 0; the mask ends here.

    `y[b, t] = max over the window t of x * mask`. No weights. (batch, length, features) -> (batch, windows, features).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """The greatest of what is not masked."""
        return super().call(inputs if mask is None else blank(inputs, mask))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """None: windows may be masked in part."""
        return


@keras.saving.register_keras_serializable(package="arch")
class SequencePool(keras.layers.Layer):
    """One vector for a sequence, out of its unmasked positions; the mask ends here. No weights.

    `last`: x at the last unmasked position; `average`: sum of mask * x over sum of mask; `max`: the greatest of each
    feature; `flatten`: all positions side by side, zeros where masked. A row masked altogether stays finite.
    (batch, length, features) -> (batch, features), for `flatten` (batch, length * features).

    Args:
        kind: `last`, `average`, `max` or `flatten`.
    """

    def __init__(self, kind: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_one_of("SequencePool", "kind", kind, POOLS)
        self.kind = kind

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Refuse to flatten what has no fixed length."""
        fixed = self.kind != "flatten" or input_shape[1] is not None
        require(fixed, "SequencePool", "length must be fixed to flatten", input_shape[1])

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """One vector a row; without a mask every position counts."""
        if mask is None:
            mask = ops.ones(ops.shape(inputs)[:2], dtype="bool")
        return {"last": last, "average": average, "max": greatest, "flatten": flatten}[self.kind](inputs, mask)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """None: a vector has no positions to mask."""
        return

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        return {**super().get_config(), "kind": self.kind}


def blank(x: Any, mask: Any) -> Any:
    """Zeros where masked."""
    return ops.where(mask[:, :, None], x, ops.zeros_like(x))


def last(x: Any, mask: Any) -> Any:
    """The features of the last unmasked position."""
    places = ops.arange(ops.shape(x)[1], dtype="int32")
    index = ops.max(ops.where(mask, places, 0), axis=1)
    return ops.take_along_axis(x, index[:, None, None], axis=1)[:, 0]


def average(x: Any, mask: Any) -> Any:
    """The mean over unmasked positions; weights that sum to one keep half precision from running over."""
    count = ops.sum(ops.cast(mask, "float32"), axis=1, keepdims=True)
    weights = ops.cast(ops.cast(mask, "float32") / ops.maximum(count, 1.0), x.dtype)
    return ops.sum(blank(x, mask) * weights[:, :, None], axis=1)


def greatest(x: Any, mask: Any) -> Any:
    """The maximum over unmasked positions; the least of all positions never wins against them."""
    return ops.max(ops.where(mask[:, :, None], x, ops.min(x, axis=1, keepdims=True)), axis=1)


def flatten(x: Any, mask: Any) -> Any:
    """All positions side by side, zeros where masked."""
    return ops.reshape(blank(x, mask), (-1, x.shape[1] * x.shape[2]))


def pool_sequence(x: Any, kind: str, who: str) -> Any:
    """End a builder: a vector of the kind, or the sequence itself for `none`."""
    require_one_of(who, "pool", kind, (*POOLS, "none"))
    return x if kind == "none" else SequencePool(kind, name="pool")(x)
