"""Averaged weights are judged with batch normalization's averages of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras

from arch.recalibration import Recalibration
from data.splits import Rows
from pipelines.batches import epoch_order


class Recalibrate(keras.callbacks.Callback):
    """Takes the averages anew before each validation, when the averaged weights are in the model.

    They stay while those weights are kept; training goes on from them, and its own come back within some steps.

    Args:
        rows: of the training.
        batches: how many of them.
        batch_size: rows of each.
        seed: decides which rows, the same each time.
    """

    def __init__(self, rows: Rows, batches: int, batch_size: int, seed: int) -> None:
        super().__init__()
        self.rows, self.batches, self.batch_size, self.seed = rows, batches, batch_size, seed
        self.recalibration: Recalibration | None = None

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Behind the callback that puts the averaged weights in."""
        self.recalibration = self.recalibration or Recalibration(self.model)
        self.recalibration(self._batches())

    def _batches(self) -> Iterator[dict[str, Any]]:
        rows = self.rows.inputs(self.model.input)
        order, size = epoch_order(rows.size, self.seed, 0), min(self.batch_size, rows.size)
        for start in range(0, min(self.batches, rows.size // size) * size, size):
            batch = {**rows.shared, **rows.batch(order[start : start + size], self.seed)}
            yield {name: batch[name] for name in self.model.input}
