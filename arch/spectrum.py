"""Spectra of words: how often each word occurs, letters left out between its own, for a dense layer to read."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from arch.blocks import require, require_positive, require_rate
from arch.kmer_deep import SteadyRoot


@keras.saving.register_keras_serializable(package="arch")
class GappedWordCounts(keras.layers.Layer):
    """How often each word of k letters occurs within span places: (batch, channels ** k).

    The first and the last letter stand span - 1 places apart, the others anywhere between them in their order, and
    whatever lies between is left out:

        y[b, w] = sum_t sum_p x[b, t, w1] x[b, t + p2, w2] .. x[b, t + span - 1, wk],  0 < p2 < .. < span - 1

    so that a word occurs once for each of the (span - 2 choose k - 2) ways to read it at a place. With span = k it is
    the plain count of words. Counts are of probabilities: an ambiguous letter counts in parts, and a word that touches
    padding not at all. Words are in alphabetical order. No weights.
    (batch, length, channels) -> (batch, channels ** k).

    Both halves of the words are grown a letter at a time, summed over all ways to lay their letters before one place
    or behind it; then one matrix product for each place where the first half may end meets them. Nothing of the size
    (length, channels ** k), and none of the ways, is ever made.

    Args:
        k: letters of a word, at least 2.
        span: places from its first to its last letter, at least k.
    """

    def __init__(self, k: int, span: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require(k >= 2, "GappedWordCounts", "k must be at least 2", k)
        require(span >= k, "GappedWordCounts", f"span must be at least k ({k})", span)
        self.k, self.span = k, span
        self.window = (span, 1)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Refuse rows that hold no word."""
        length = input_shape[1]
        wanted = f"length must be at least span ({self.span})"
        require(length is None or length >= self.span, "GappedWordCounts", wanted, length)

    def call(self, inputs: Any) -> Any:
        """Meet the halves of the words at each place where the first one may end."""
        count = ops.shape(inputs)[1] - self.span + 1
        places = [inputs[:, place : place + count] for place in range(self.span)]  # of every window
        first = _halves(places, self.k // 2, forward=True)
        second = _halves(places[::-1], self.k - self.k // 2, forward=False)
        total: Any = 0
        for end, half in first.items():
            behind = [second[back] for back in reversed(second) if self.span - 1 - back > end]
            if behind:
                total += ops.matmul(ops.transpose(half, (0, 2, 1)), sum(behind))
        return ops.reshape(total, (-1, inputs.shape[-1] ** self.k))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """None: counts have no positions to mask."""
        return

    def multiply_adds(self, input_shape: tuple[int, ...]) -> int:
        """Of the matrix products of one row; growing the halves costs a small part of them."""
        length, channels = input_shape[1:]
        return (length - self.span + 1) * (self.span - self.k + 1) * channels**self.k

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        return {**super().get_config(), "k": self.k, "span": self.span}


def _halves(places: list[Any], letters: int, *, forward: bool) -> dict[int, Any]:
    """Halves of words that start at the first of these places, summed over the ways to lay them, by where they end.

    Args:
        places: what stands at each place of a window, in the order in which letters are added.
        letters: of a half.
        forward: whether a letter is added behind the others, not before them.
    """
    halves = {0: places[0]}
    for _ in range(letters - 1):
        ends = range(min(halves) + 1, len(places))
        before = {end: sum(half for place, half in halves.items() if place < end) for end in ends}
        halves = {end: _joined(half, places[end], forward) for end, half in before.items()}
    return halves


def _joined(half: Any, letter: Any, forward: bool) -> Any:
    """(batch, windows, words) and (batch, windows, channels) to (batch, windows, words * channels)."""
    pairs = half[..., :, None] * letter[..., None, :] if forward else letter[..., :, None] * half[..., None, :]
    return ops.reshape(pairs, (-1, ops.shape(half)[1], half.shape[-1] * letter.shape[-1]))


def spectrum(
    inputs: keras.KerasTensor,
    *,
    letters: int = 6,
    span: int = 6,
    units: int = 48,
    scale: float = 10.0,
    dropout: float = 0.5,
) -> keras.KerasTensor:
    """A dense layer on the counts of all words of some letters, as directions: which words, not how many.

    A row is the roots of its counts, brought to length `scale`, so that two rows are as near as the share of words that
    they have in common. A rare word keeps its small part of the length; brought to one spread with the others, as
    `kmer_deep` does it, rare words would drown what is frequent. No position is known.

    Args:
        inputs: (batch, length, channels): one-hot bases, or any symbols' probabilities.
        letters: of a word, at least 2; there are channels ** letters.
        span: places from a word's first to its last letter; more than `letters` leaves letters out between them.
        units: features of the dense layer.
        scale: length that rows of counts are brought to, above 0.
        dropout: share of the features that is dropped in training, 0 to below 1.

    Returns:
        (batch, units).

    Raises:
        ValueError: when the input is shorter than `span`, or an option is out of range.

    Source: Leslie, Eskin and Noble 2002, "The spectrum kernel", section 2, and with gaps Ghandi et al. 2014, "Enhanced
        regulatory sequence prediction using gapped k-mer features". There a support-vector machine weighs the words,
        and where a word's gaps lie is told apart; here a dense layer does, and they are counted together.
    """
    who = "spectrum"
    require(letters >= 2, who, "letters must be at least 2", letters)
    require(span >= letters, who, f"span must be at least letters ({letters})", span)
    length = inputs.shape[1]
    require(length is None or length >= span, who, f"inputs must be at least as long as span ({span})", length)
    require_positive(who, "units", units)
    require(scale > 0, who, "scale must be positive", scale)
    require_rate(who, "dropout", dropout)
    x = GappedWordCounts(letters, span, name="words")(inputs)
    x = keras.layers.UnitNormalization(name="direction")(SteadyRoot(name="words_root")(x))
    x = keras.layers.Rescaling(scale, name="length")(x)
    x = keras.layers.Dense(units, activation="relu", kernel_initializer="he_normal", name="deep")(x)
    return keras.layers.Dropout(dropout, name="deep_dropout")(x) if dropout else x
