"""Wide and deep without positions: how often each short word occurs, beside motifs that may stand anywhere."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from arch.blocks import require, require_positive, require_rate
from arch.dna import KMers
from arch.kernels import BatchNormalization
from arch.sequences import SequencePool
from arch.wide_deep import convolved

SPACED = 6  # letters of a word with a gap


@keras.saving.register_keras_serializable(package="arch")
class WordCounts(keras.layers.Layer):
    """How often each word of k letters, with a gap of any g letters in its middle, occurs: (batch, channels ** k).

    `y[b, i, j] = sum_t u[b, t, i] v[b, t + h + g, j]` with u and v the words of h = k // 2 and of k - h letters: one
    matrix product, so that no (length, channels ** k) table of places is ever made. Counts are of probabilities: an
    ambiguous letter counts in parts, and a word that touches padding not at all. Words are in alphabetical order. No
    weights. (batch, length, channels) -> (batch, channels ** k).

    Args:
        k: letters of a word, at least 1.
        gap: letters between its halves that may be anything, 0 or more.
    """

    def __init__(self, k: int, gap: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require(k >= 1, "WordCounts", "k must be at least 1", k)
        require(gap >= 0 and (k > 1 or not gap), "WordCounts", "gap must be 0 or more, and 0 for k = 1", gap)
        self.k, self.gap = k, gap
        self.supports_masking = True
        self.first, self.second = KMers(k // 2 or 1), KMers(k - k // 2)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Refuse rows that hold no word."""
        length, span = input_shape[1], self.k + self.gap
        require(length is None or length >= span, "WordCounts", f"length must be at least k + gap ({span})", length)

    def call(self, inputs: Any) -> Any:
        """Meet the words that stand h + g letters apart."""
        if self.k == 1:
            return ops.sum(inputs, axis=1)
        apart = self.k // 2 + self.gap
        count = ops.shape(inputs)[1] - self.k - self.gap + 1
        first, second = self.first(inputs)[:, :count], self.second(inputs)[:, apart : apart + count]
        pairs = ops.matmul(ops.transpose(first, (0, 2, 1)), second)
        return ops.reshape(pairs, (-1, inputs.shape[-1] ** self.k))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """None: counts have no positions to mask."""
        return

    def multiply_adds(self, input_shape: tuple[int, ...]) -> int:
        """Of the matrix product of one row."""
        length, channels = input_shape[1:]
        return (length - self.k - self.gap + 1) * channels**self.k

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        return {**super().get_config(), "k": self.k, "gap": self.gap}


@keras.saving.register_keras_serializable(package="arch")
class SteadyRoot(keras.layers.Layer):
    """`y = 2 sqrt(max(x, 0) + 1/4) - 1`: 0 stays 0, counts get one spread whatever their mean, no slope is infinite.

    No weights, any shape.
    """

    def call(self, inputs: Any) -> Any:
        """The root of each number."""
        return 2 * ops.sqrt(ops.maximum(inputs, 0) + 0.25) - 1


def counted(inputs: Any, words: list[tuple[int, int]], dropout: float, name: str) -> Any:
    """Roots of the counts of all words, (k, gap) each, brought to mean 0 and spread 1 over the training rows."""
    counts = [WordCounts(k, gap, name=f"words{k}" + (f"_gap{gap}" if gap else ""))(inputs) for k, gap in words]
    x = keras.layers.Concatenate(name=name)(counts) if len(counts) > 1 else counts[0]
    x = SteadyRoot(name=f"{name}_root")(x)
    x = BatchNormalization(center=False, scale=False, epsilon=0.01, name=f"{name}_norm")(x)
    return keras.layers.Dropout(dropout, name=f"{name}_dropout")(x) if dropout else x


def motifs(inputs: Any, widths: tuple[int, ...], kernel_size: int, dropout: float) -> Any:
    """Convolutions that keep the length, then the greatest and the mean of each filter."""
    x = convolved(inputs, widths, kernel_size, dropout)
    pools = [SequencePool(kind, name=f"deep_{kind}")(x) for kind in ("max", "average")]
    return keras.layers.Concatenate(name="deep_pools")(pools)


def kmer_deep(
    inputs: keras.KerasTensor,
    *,
    kmers: tuple[int, ...] = (1, 2, 3, 4, 5),
    gaps: tuple[int, ...] = (),
    widths: tuple[int, ...] = (64,),
    kernel_size: int = 15,
    units: int = 64,
    dropout: float = 0.5,
    wide_dropout: float = 0.2,
) -> keras.KerasTensor:
    """Counts of short words for a linear head to weigh, beside dense features of the same counts and of a convnet.

    Through a linear head the wide features are a k-mer regression, which composition alone decides where motifs are
    weak or many; the deep ones add that words depend on each other, and longer motifs. Neither knows a position. Behind
    `arch.dna.strand_invariant` the counts are those of both strands.

    Args:
        inputs: (batch, length, channels): one-hot bases, or any symbols' probabilities.
        kmers: lengths of the words that are counted; there are channels ** k of each.
        gaps: letters that may be anything in the middle of words of six others, on the wide path alone.
        widths: filters of the convolutions, in order.
        kernel_size: positions a convolution reads, at least 1.
        units: features of the dense layer that reads counts and motifs.
        dropout: share of the motifs and of the dense features that is dropped in training, 0 to below 1.
        wide_dropout: share of the words that is dropped in training, 0 to below 1.

    Returns:
        (batch, features), features = channels ** k of each k, channels ** 6 of each gap, plus units.

    Raises:
        ValueError: when the input is too short for a word, or an option is out of range.

    Source: after Cheng et al. 2016, "Wide & deep learning for recommender systems", section 3, on the words of Ghandi
        et al. 2014, "Enhanced regulatory sequence prediction using gapped k-mer features". There a kernel machine
        counts words with gaps anywhere; here a gap lies in the middle, and one optimizer trains all paths.
    """
    who = "kmer_deep"
    require_positive(who, "kmers", kmers)
    require(len(set(kmers)) == len(kmers), who, "kmers must differ", kmers)
    require(not gaps or min(gaps) >= 1, who, "gaps must be positive", gaps)
    require(len(set(gaps)) == len(gaps), who, "gaps must differ", gaps)
    span = max(*kmers, *(SPACED + gap for gap in gaps), 1)
    length = inputs.shape[1]
    require(length is None or length >= span, who, f"inputs must be at least as long as a word ({span})", length)
    require_positive(who, "widths", widths)
    require_positive(who, "kernel_size", kernel_size)
    require_positive(who, "units", units)
    require_rate(who, "dropout", dropout)
    require_rate(who, "wide_dropout", wide_dropout)
    words = counted(inputs, [(k, 0) for k in kmers], wide_dropout, "words")
    spaced = [counted(inputs, [(SPACED, gap) for gap in gaps], wide_dropout, "spaced")] if gaps else []
    read = keras.layers.Concatenate(name="read")([words, motifs(inputs, widths, kernel_size, dropout)])
    deep = keras.layers.Dense(units, activation="relu", kernel_initializer="he_normal", name="deep_dense")(read)
    deep = keras.layers.Dropout(dropout, name="deep_dropout")(deep) if dropout else deep
    return keras.layers.Concatenate(name="wide_and_deep")([words, *spaced, deep])
