"""What the laws over the whole table need to know of a builder: its inputs, symbolic and real, and its options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np


@dataclass(frozen=True)
class Case:
    """Input shape without the batch, options of a small network, and options that must be refused.

    `symbols` gives the model's inputs and what the builder takes, `rows` gives numbers for them; a family whose input
    is more than one tensor overrides both, and `join`, which puts several batches into one.
    """

    shape: tuple[int, ...]
    options: dict[str, Any]
    bad: tuple[dict[str, Any], ...]

    def symbols(self, side: int | None = None) -> tuple[Any, Any]:
        """Inputs of the model and the builder's argument; with `side`, all axes but the last are that long."""
        shape = (*(side or size for size in self.shape[:-1]), self.shape[-1])
        inputs = keras.Input(shape, name="inputs")
        return inputs, inputs

    def rows(self, count: int, seed: int = 1) -> Any:
        """A batch that gives so many rows of features."""
        return np.random.default_rng(seed).normal(size=(count, *self.shape)).astype("float32")

    def join(self, batches: list[Any]) -> Any:
        """One batch whose rows are those of all batches."""
        return np.concatenate(batches)
