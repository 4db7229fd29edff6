"""Batch normalization of channels that fill no register: folded, it is the same function."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from arch.kernels import BatchNormalization, portable
from arch.kernels.moments import folded, fused, places_to_fold

# 16 / gcd(16, channels) places are folded into one, and have to divide their number.
SHAPES = [(3, 16, 20, 13), (3, 12, 32, 12), (2, 8, 11, 56)]


def numbers(shape, seed):
    """Values far from mean 0 and deviation 1."""
    return tf.constant(np.random.default_rng(seed).normal(2.0, 3.0, shape), tf.float32)


def everything(kernel, x, scale, offset):
    """Value, moments, gradients, and the gradient of the gradients' squares."""

    @tf.function
    def step(x, scale, offset):
        arguments = [x, scale, offset]
        with tf.GradientTape() as outer:
            outer.watch(arguments)
            with tf.GradientTape() as inner:
                inner.watch(arguments)
                y, mean, variance = kernel(x, scale, offset, epsilon=1e-3)
                loss = tf.reduce_mean(y * tf.sin(y))
            gradients = inner.gradient(loss, arguments)
            square = tf.add_n([tf.reduce_sum(tf.square(gradient)) for gradient in gradients])
        return [y, mean, variance, *gradients, *outer.gradient(square, arguments)]

    return [np.asarray(value) for value in step(x, scale, offset)]


@pytest.mark.parametrize("shape", SHAPES)
def test_folded_normalization_is_the_operation_up_to_the_second_gradient(shape):
    assert places_to_fold(numbers(shape, 1)) > 1
    arguments = [numbers(shape, 1), numbers(shape[-1:], 2), numbers(shape[-1:], 3)]
    for one, other in zip(everything(folded, *arguments), everything(fused, *arguments), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4 * np.abs(other).max())


@pytest.mark.parametrize("shape", [SHAPES[0], (3, 320, 13)])
def test_a_layer_that_folds_equals_its_portable_twin(shape):
    def outcome():
        keras.utils.set_random_seed(3)
        layer = BatchNormalization(gamma_initializer="normal", beta_initializer="normal")
        x = numbers(shape, 4)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(y * numbers(shape, 5))
        found = [y, *tape.gradient(loss, [x, layer.gamma.value, layer.beta.value]), *layer.non_trainable_variables]
        return [np.asarray(value) for value in found]

    mine = outcome()
    with portable():
        other = outcome()
    for one, two in zip(mine, other, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-4 * np.abs(two).max())


@pytest.mark.parametrize(
    ("shape", "dtype", "places"),
    [
        ((None, 20, 20, 12), "float32", 4),
        ((None, 20, 20, 13), "float32", 16),
        ((None, 1, 640, 24), "float32", 2),
        ((None, 16, 16, 32), "float32", 1),  # fills registers
        ((None, 8, 8, 12), "float32", 1),  # too small to be worth it
        ((None, 17, 31, 12), "float32", 1),  # places do not come in fours
        ((None, None, 16, 12), "float32", 1),
        ((None, 20, 20, 12), "bfloat16", 1),
    ],
)
def test_places_are_folded_where_that_helps_and_can_be_done(shape, dtype, places):
    assert places_to_fold(keras.KerasTensor(shape, dtype=dtype)) == places
