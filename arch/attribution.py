"""Which parts of an input made the answer: contributions that sum to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from arch.blocks import require_positive
from arch.kernels import pullback


def integrated_gradients(
    function: Callable[[Any], Any], inputs: np.ndarray, baseline: np.ndarray, *, steps: int = 32, batch_size: int = 64
) -> np.ndarray:
    """Contributions of each number of the inputs: (x - b) times the mean gradient on the way from b to x.

    They sum to function(x) - function(b), up to the error of the midpoint rule, which falls with 1 / steps^2.

    Args:
        function: (batch, ...) tensor to (batch,) numbers; row by row, so that no row changes another's.
        inputs: x, (rows, ...).
        baseline: b, of the shape of inputs, or of one of its rows.
        steps: points on the way.
        batch_size: rows taken at a time.

    Returns:
        contributions (rows, ...) float32.

    Raises:
        ValueError: no step or no row at a time; a backend without gradients.

    Source: Sundararajan, Taly and Yan 2017, "Axiomatic attribution for deep networks", equations 1 and 3.
    """
    require_positive("integrated_gradients", "steps", steps)
    require_positive("integrated_gradients", "batch_size", batch_size)
    gradient = pullback(function)
    inputs = np.asarray(inputs, np.float32)
    baseline = np.broadcast_to(np.asarray(baseline, np.float32), inputs.shape)
    total = np.zeros_like(inputs)
    for start in range(0, len(inputs), batch_size):
        rows = slice(start, start + batch_size)
        way, ones = inputs[rows] - baseline[rows], np.ones(len(inputs[rows]), np.float32)
        for step in range(steps):
            point = baseline[rows] + np.float32((step + 0.5) / steps) * way
            total[rows] += ops.convert_to_numpy(gradient(point, ones))
        total[rows] *= way / steps
    return total
