"""DNA inside the graph: bases from bit masks, the other strand, k-mers, and strand-invariant features.

A base is one byte in which a bit stands for a letter: A=1, C=2, G=4, T=8. An ambiguity code is the sum of the letters
it may be (R = A or G = 5, N = 15), and 0 is padding, which stands at the right end of a sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from arch.blocks import require


def base_table() -> np.ndarray:
    """The 16 x 4 table from a code to the probabilities of A, C, G, T; row 0, padding, is all zeros."""
    bits = (np.arange(16)[:, None] >> np.arange(4)) & 1
    return (bits / np.maximum(bits.sum(1, keepdims=True), 1)).astype("float32")


@keras.saving.register_keras_serializable(package="arch")
class OneHotBases(keras.layers.Layer):
    """Codes to probabilities of A, C, G, T: `y[b, t, j] = bit_j(code) / number of bits in code`.

    A looks up 1, 0, 0, 0; R looks up 0.5, 0, 0.5, 0; N is 0.25 each; padding is all zeros. No weights.
    (batch, length) uint8 -> (batch, length, 4) in the layer's compute dtype.

    Args:
        masked: whether padding is masked for the layers that follow; without it padding is merely zeros.
    """

    window = (1, 1)

    def __init__(self, masked: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.masked = masked

    def call(self, codes: Any) -> Any:
        """Look the codes up: of a table, the bits and two products this is the fastest on a CPU."""
        return ops.take(ops.convert_to_tensor(base_table(), self.compute_dtype), ops.cast(codes, "int32"), axis=0)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """True where there is a base: (batch, length)."""
        return ops.not_equal(inputs, 0) if self.masked else previous_mask

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        return {**super().get_config(), "masked": self.masked}


@keras.saving.register_keras_serializable(package="arch")
class ReverseComplement(keras.layers.Layer):
    """The other strand, read in its own direction: `y[b, t, j] = x[b, n - 1 - t, 3 - j]` for t < n, else 0.

    n is the length of the row without its padding (the all-zero positions at its right end), so that a padded row's
    other strand is padded at the right as well and the mask stays as it is. Exact, and its own inverse. No weights.
    (batch, length, 4) -> the same shape, channels in the order A, C, G, T.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Flip the letters, then gather the positions from the end of each row's real part."""
        length = ops.shape(inputs)[1]
        places = ops.arange(length, dtype="int32")
        real = ops.cast(ops.any(ops.not_equal(inputs, 0), axis=-1), "int32")
        lengths = ops.max(real * (places + 1), axis=1, keepdims=True)
        source = ops.mod(lengths - 1 - places, length)  # negative places count from the end: padding stays padding
        return ops.take_along_axis(ops.flip(inputs, axis=-1), source[:, :, None], axis=1)


@keras.saving.register_keras_serializable(package="arch")
class KMers(keras.layers.Layer):
    """Probabilities of each word of k letters at each place: `y[b, t, (i1..ik)] = x[b, t, i1] * .. * x[b, t+k-1, ik]`.

    Words are in alphabetical order: with k=2, index 4 * i1 + i2, AA AC AG AT CA ... TT. An ambiguous base spreads the
    mass over the words it may make; a word that touches padding is all zeros, and masked. No weights.
    (batch, length, channels) -> (batch, length - k + 1, channels ** k).

    Args:
        k: letters in a word, at least 1.
    """

    def __init__(self, k: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require(k >= 1, "KMers", "k must be at least 1", k)
        self.k, self.window = k, (k, 1)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Refuse rows that hold no word."""
        length = input_shape[1]
        require(length is None or length >= self.k, "KMers", f"length must be at least k ({self.k})", length)

    def call(self, inputs: Any) -> Any:
        """Grow the words letter by letter, each an outer product with the next position."""
        count, channels = ops.shape(inputs)[1] - self.k + 1, inputs.shape[2]
        words = inputs[:, :count]
        for shift in range(1, self.k):
            pairs = words[..., None] * inputs[:, shift : shift + count, None, :]
            words = ops.reshape(pairs, (-1, count, channels ** (shift + 1)))
        return words

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """True where all letters of the word are: (batch, length - k + 1)."""
        if previous_mask is None:
            return None
        count = ops.shape(inputs)[1] - self.k + 1
        mask = previous_mask[:, :count]
        for shift in range(1, self.k):
            mask = ops.logical_and(mask, previous_mask[:, shift : shift + count])
        return mask

    def multiply_adds(self, input_shape: tuple[int, ...]) -> int:
        """Products of one row: each word of two letters or more costs one."""
        length, channels = input_shape[1:]
        return (length - self.k + 1) * sum(channels**letters for letters in range(2, self.k + 1))

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        return {**super().get_config(), "k": self.k}


@keras.saving.register_keras_serializable(package="arch")
class StrandTrunk(keras.Model):
    """The weights that both strands share: a functional model that takes a mask in and ends it with its vector."""

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """None: a vector has no positions to mask."""
        return


def strand_invariant(builder: Callable[..., keras.KerasTensor]) -> Callable[..., keras.KerasTensor]:
    """The same builder, blind to the strand: features of a sequence and of its reverse complement are equal.

    One trunk with one set of weights reads both strands and the features are averaged, so the number of weights stays
    and the work doubles. Equality is to rounding, at inference (dropout draws for each strand anew).

    Args:
        builder: a builder from (batch, length, 4), channels A, C, G, T, to a feature vector.

    Returns:
        A function (inputs, **options of the builder) -> (batch, features).

    Raises:
        ValueError: where the channels are not four, or the builder returns a sequence.

    Source: Shrikumar, Greenside, Kundaje 2017, "Reverse-complement parameter sharing improves deep learning models for
        genomics", bioRxiv 103663; Zhou, Shrikumar, Kundaje 2022, "Towards a better understanding of reverse-complement
        equivariance", PMLR 165 (its "siamese" or conjoined model, merged before the head). Here only the two ends of
        the trunk know of the strand; no layer inside shares its filters with their complements.
    """

    def both_strands(inputs: keras.KerasTensor, **options: Any) -> keras.KerasTensor:
        require(inputs.shape[-1] == 4, "strand_invariant", "inputs must have 4 channels", inputs.shape[-1])
        strand = keras.Input(inputs.shape[1:], dtype=inputs.dtype, name="strand")
        features = builder(strand, **options)
        require(len(features.shape) == 2, "strand_invariant", "features must be a vector", features.shape)
        trunk = StrandTrunk(strand, features, name="strand_trunk")
        other = ReverseComplement(name="reverse_complement")(inputs)
        return keras.layers.Average(name="strand_average")([trunk(inputs), trunk(other)])

    both_strands.__name__ = f"strand_invariant_{builder.__name__}"
    return both_strands
