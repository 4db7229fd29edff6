"""Batch normalization's averages taken anew, for weights that were not trained with them, such as averaged ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from arch.blocks import require
from arch.kernels import compiled


def recalibrate(model: keras.Model, batches: Iterable[Any]) -> int:
    """Replace the moving averages of batch normalization once; see `Recalibration`."""
    return Recalibration(model)(batches)


class Recalibration:
    """Replaces the moving averages of batch normalization by averages over batches, all counting alike.

    An average of weights has seen no data, so that the moving mean and variance, which belong to the weights trained
    last, do not fit it. The model computes as in training; no other weight is changed. The computation is compiled
    once for all calls.

    Args:
        model: whose layers `keras.layers.BatchNormalization` are set.

    Source: Izmailov et al. 2018, "Averaging weights leads to wider optima and better generalization", section 3.2.
    """

    def __init__(self, model: keras.Model) -> None:
        parts = model._flatten_layers()
        self.layers = [layer for layer in parts if isinstance(layer, keras.layers.BatchNormalization)]
        self.forward = compiled(lambda batch: model(batch, training=True), pure=False)

    def __call__(self, batches: Iterable[Any]) -> int:
        """Set the averages.

        Args:
            batches: what the model takes, batch by batch, best of equal size.

        Returns:
            How many layers were set.

        Raises:
            ValueError: where there is no batch.
        """
        if not self.layers:
            return 0
        sums, count = [np.zeros(()) for _ in self.layers], 0
        with self._forgetting():
            for batch in batches:
                self.forward(batch)
                sums = [total + _moments(layer) for total, layer in zip(sums, self.layers, strict=True)]
                count += 1
        require(count > 0, "recalibrate", "batches must hold one at least", count)
        for layer, total in zip(self.layers, sums, strict=True):
            mean, square = total / count
            layer.moving_mean.assign(mean)
            layer.moving_variance.assign(np.maximum(square - mean**2, 0.0))
        return len(self.layers)

    @contextmanager
    def _forgetting(self) -> Iterator[None]:
        """Inside, each batch leaves its own mean and variance behind in the moving averages."""
        momenta = [layer.momentum for layer in self.layers]
        for layer in self.layers:
            layer.momentum = 0.0
        try:
            yield
        finally:
            for layer, momentum in zip(self.layers, momenta, strict=True):
                layer.momentum = momentum


def _moments(layer: Any) -> np.ndarray:
    """First and second moment of what the layer saw last, (2, channels), in float64."""
    averages = (layer.moving_mean, layer.moving_variance)
    mean, variance = (keras.ops.convert_to_numpy(average).astype("float64") for average in averages)
    return np.stack([mean, variance + mean**2])
