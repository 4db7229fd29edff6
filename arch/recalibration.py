"""Batch normalization's averages taken anew, for weights that were not trained with them, such as averaged ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from arch.blocks import require
from arch.kernels import compiled


def recalibrate(model: keras.Model, batches: Iterable[Any]) -> int:
    """Replace the moving averages of batch normalization by averages over these batches, all counting alike.

    An average of weights has seen no data, so that the moving mean and variance, which belong to the weights trained
    last, do not fit it. The model computes as in training; no other weight is changed.

    Args:
        model: whose layers `keras.layers.BatchNormalization` are set.
        batches: what the model takes, batch by batch, best of equal size.

    Returns:
        How many layers were set.

    Raises:
        ValueError: where there is no batch.

    Source: Izmailov et al. 2018, "Averaging weights leads to wider optima and better generalization", section 3.2.
    """
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    if not layers:
        return 0
    momenta = [layer.momentum for layer in layers]
    sums, count = [np.zeros(()) for _ in layers], 0
    try:
        for layer in layers:
            layer.momentum = 0.0  # each batch leaves its own mean and variance behind
        forward = compiled(lambda batch: model(batch, training=True), pure=False)
        for batch in batches:
            forward(batch)
            sums = [total + _moments(layer) for total, layer in zip(sums, layers, strict=True)]
            count += 1
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
    require(count > 0, "recalibrate", "batches must hold one at least", count)
    for layer, total in zip(layers, sums, strict=True):
        mean, square = total / count
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(np.maximum(square - mean**2, 0.0))
    return len(layers)


def _moments(layer: Any) -> np.ndarray:
    """First and second moment of what the layer saw last, (2, channels), in float64."""
    averages = (layer.moving_mean, layer.moving_variance)
    mean, variance = (keras.ops.convert_to_numpy(average).astype("float64") for average in averages)
    return np.stack([mean, variance + mean**2])
