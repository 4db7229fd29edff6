"""What the tests of convolutional networks share: random numbers, and a network as it is after training."""

from __future__ import annotations

import keras
import numpy as np

ROUNDING = {"rtol": 1e-4, "atol": 1e-5}  # float32 sums in another order


def numbers(shape, seed=1):
    """Standard normal numbers, the same each time."""
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def network(shape, build, **options):
    """A model whose batch normalization has statistics of its own, as after training."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input(shape)
    made = keras.Model(inputs, build(inputs, **options))
    random = np.random.default_rng(4)
    for weight in made.non_trainable_variables:
        if "moving" in weight.path:
            low = 0.5 if "variance" in weight.path else -0.5
            weight.assign(random.uniform(low, low + 1.0, weight.shape))
    return made
