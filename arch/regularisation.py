"""Layers that act in training alone, against fitting by heart: shake-shake, cutout, alternating flip.

Stochastic depth is `blocks.drop_path`, dropout is Keras' own. Each takes sequences, images and volumes alike.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from arch.blocks import require, require_positive


@keras.saving.register_keras_serializable(package="arch")
class ShakeShake(keras.layers.Layer):
    """Two branches mixed at random, otherwise in the backward pass than in the forward pass.

    In training `y = alpha * a + (1 - alpha) * b`, while gradients flow as if it were `beta * a + (1 - beta) * b`, with
    alpha and beta drawn evenly from [0, 1) for each example; at inference `y = (a + b) / 2`. No weights.
    [(batch, ..., channels), the same] -> the same.

    Args:
        seed: of the draws; None takes the global one.

    Source: Gastaldi 2017, "Shake-Shake regularization", the variant "Shake-Shake-Image".
    """

    window = (1, 1)

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Mix the branches: the value of one mixture, the gradient of another."""
        one, other = inputs
        if not training:
            return 0.5 * (one + other)
        shape = (ops.shape(one)[0], *(1,) * (len(one.shape) - 1))
        alpha, beta = (keras.random.uniform(shape, dtype=one.dtype, seed=self.generator) for _ in range(2))
        backward = other + beta * (one - other)
        forward = other + alpha * (one - other)
        return backward + ops.stop_gradient(forward - backward)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of either branch."""
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable(package="arch")
class Cutout(keras.layers.Layer):
    """A square of zeros somewhere in each example: `y = x * m`, m = 0 in a window around a place drawn evenly.

    The centre is any position, so that the window may hang over the border. At inference y = x. No weights.
    (batch, one to three spatial axes, channels) -> the same.

    Args:
        size: positions that the window spans along every spatial axis.
        seed: of the draws; None takes the global one.

    Source: DeVries and Taylor 2017, "Improved regularization of convolutional neural networks with cutout".
    """

    window = (1, 1)

    def __init__(self, size: int, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_positive("Cutout", "size", size)
        self.size, self.seed = size, seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Blank the windows; one vector an axis says which positions lie inside."""
        if not training:
            return inputs
        sizes = ops.shape(inputs)
        inside = ops.ones((1,) * len(sizes), dtype="bool")
        for axis in range(1, len(sizes) - 1):
            centre = keras.random.uniform((sizes[0], 1), dtype="float32", seed=self.generator) * sizes[axis]
            start = ops.cast(ops.floor(centre), "int32") - self.size // 2
            places = ops.arange(sizes[axis], dtype="int32")[None]
            here = ops.logical_and(places >= start, places < start + self.size)
            inside = ops.logical_and(inside, ops.expand_dims(here, [a for a in range(1, len(sizes)) if a != axis]))
        return ops.where(inside, ops.zeros_like(inputs), inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's own shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        return {**super().get_config(), "size": self.size, "seed": self.seed}


def flipped(rows: Any, epoch: Any, seed: int = 0) -> Any:
    """Whether each row is mirrored in this epoch: every other epoch, half of the rows in each.

    Args:
        rows: (batch,) integers that name the rows.
        epoch: the epoch, a number or (batch,).
        seed: decides which half is mirrored first.

    Returns:
        (batch,) bool, a pure function of its arguments.
    """
    word = ops.cast(rows, "uint32") + ops.cast((seed * 0x9E3779B9) % 2**32, "uint32")
    for factor in (0x7FEB352D, 0x846CA68B):  # two rounds of xor and multiply scatter the bits of any two neighbours
        word = ops.bitwise_xor(word, ops.right_shift(word, ops.cast(16, "uint32"))) * ops.cast(factor, "uint32")
    bit = ops.right_shift(word, ops.cast(31, "uint32")) + ops.cast(epoch, "uint32")
    return ops.equal(ops.bitwise_and(bit, ops.cast(1, "uint32")), 1)


@keras.saving.register_keras_serializable(package="arch")
class AlternatingFlip(keras.layers.Layer):
    """Mirrors each example in every other epoch, so that both of its forms are seen equally often.

    A flip drawn anew each epoch shows one form twice in a row for half of the examples; this one never does. It needs
    to know which example and which epoch it sees. At inference y = x. No weights.
    [(batch, one to three spatial axes, channels), rows (batch,), epoch (batch,) or ()] -> the first one's shape.

    Args:
        seed: decides which half is mirrored first.

    Source: Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU", section 3.6.
    """

    def __init__(self, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require(seed >= 0, "AlternatingFlip", "seed must be at least 0", seed)
        self.seed = seed

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Mirror the last spatial axis of the rows whose turn it is."""
        x, rows, epoch = inputs
        if not training:
            return x
        turn = ops.reshape(flipped(rows, epoch, self.seed), (-1, *(1,) * (len(x.shape) - 1)))
        return ops.where(turn, ops.flip(x, axis=-2), x)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the examples."""
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        return {**super().get_config(), "seed": self.seed}
