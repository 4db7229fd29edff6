"""Memory of a training step before it runs.

Counted are weights, optimizer state, gradients, what the forward pass keeps (`arch.kept`), the gradients on their way
(`arch.backward`) and the temporary copies of an update. Not counted are the program itself and what a backend needs to
compute inside one operation. `benchmarks/memory.py` measures how far off this is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from arch.backward import alive, alive_in_segments, gradients, plan
from arch.uses import Use

STATES = {"adamw": 2, "adam": 2, "sgd": 1, "muon": 1}  # numbers that an optimizer keeps for each weight
_COPIES = 2  # of the largest weight, which are made while it is updated


@dataclass(frozen=True)
class Memory:
    """Bytes of a training step.

    Attributes:
        batch_size: examples that one device takes at once.
        weights: all weights, with copies in half precision where they are computed with.
        optimizer: its state.
        gradients: of all weights.
        activations: what the forward pass keeps for the backward pass, and the inputs.
        peak: the most that is held at one moment, everything together.
    """

    batch_size: int
    weights: int
    optimizer: int
    gradients: int
    activations: int
    peak: int


@dataclass(frozen=True)
class Step:
    """A training step whose batch is not decided.

    Attributes:
        weights: bytes of weights.
        optimizer: bytes of its state.
        gradients: bytes of the weights' gradients.
        update: bytes of temporary copies while weights, and their averages, are updated.
        kept: bytes that the forward pass keeps for each example.
        busiest: bytes for each example at the fullest moment: what is kept still, and gradients of values.
    """

    weights: int
    optimizer: int
    gradients: int
    update: int
    kept: int
    busiest: int

    @property
    def fixed(self) -> int:
        """Bytes that do not depend on the batch.

        Gradients of weights count in full at the fullest moment, although that comes early in the backward pass:
        TensorFlow lets them, and the first updates, wait for the layers behind.
        """
        return self.weights + self.optimizer + self.gradients + self.update

    def memory(self, batch_size: int) -> Memory:
        """With a batch of this size."""
        peak = self.fixed + self.busiest * batch_size
        return Memory(batch_size, self.weights, self.optimizer, self.gradients, self.kept * batch_size, peak)

    def largest_batch(self, limit: int) -> int:
        """The largest batch whose peak stays within so many bytes; 0 where not even one example does."""
        return max(0, (limit - self.fixed) // self.busiest)


def training_step(
    uses: Sequence[Use],
    *,
    half: bool = False,
    checkpointed: bool = False,
    optimizer: str = "adamw",
    ema: bool = False,
    accumulate: int = 1,
) -> Step:
    """The memory of a training step.

    Args:
        uses: of a model's layers, in order (`arch.uses.uses`).
        half: whether layers compute in 16 bits, weights and their gradients staying in 32.
        checkpointed: whether the forward pass is computed anew, segment by segment, so that only what stands between
            segments is kept (Chen et al. 2016, "Training deep nets with sublinear memory cost").
        optimizer: key in `STATES`.
        ema: whether a running average of the weights is held.
        accumulate: parts of the batch that are taken in turn; gradients so far wait while the next part's are made.
    """
    backward = plan(uses, half)
    held = alive_in_segments(backward) if checkpointed else alive(backward)
    busiest = max(kept + waiting for kept, waiting in zip(held, gradients(backward), strict=True))
    trainable = [_bytes(weight) for use in uses if use.first for weight in use.weights("trainable_weights")]
    whole = sum(trainable)
    return Step(
        weights=sum(_bytes(weight) for use in uses if use.first for weight in use.weights()) + half * whole // 2,
        optimizer=whole * (STATES[optimizer] + ema),
        gradients=whole * min(accumulate, 2),
        update=_COPIES * max(trainable) + ema * whole,
        kept=int(max(held)),
        busiest=int(busiest),
    )


def _bytes(weight: Any) -> int:
    return 4 * prod(weight.shape)
