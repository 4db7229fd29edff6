"""The kernel of grouped convolution against Keras' own, and against one convolution a group written out."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from arch.kernels import convolution, portable
from arch.kernels.convolution import GroupedConv1D, GroupedConv2D, GroupedConv3D
from tests.laws.networks import ROUNDING, numbers

LAYERS = {1: GroupedConv1D, 2: GroupedConv2D, 3: GroupedConv3D}
SIDES = {1: (11,), 2: (7, 11), 3: (5, 7, 3)}
# rank, groups, channels, filters, strides, dilation, padding
CASES = [
    (1, 3, 6, 9, 1, 1, "same"),
    (1, 3, 6, 9, 2, 1, "valid"),
    (1, 3, 6, 9, 1, 2, "causal"),
    (1, 6, 6, 6, 2, 1, "same"),
    (2, 3, 6, 9, 1, 1, "same"),
    (2, 3, 6, 9, 2, 1, "valid"),
    (2, 3, 6, 3, 1, 2, "same"),
    (2, 6, 6, 6, 1, 1, "same"),
    (2, 6, 6, 12, 2, 1, "same"),
    (2, 6, 6, 6, 1, 2, "valid"),
    (3, 3, 6, 9, 2, 1, "same"),
]


def layer_and_input(rank, groups, channels, filters, strides, dilation, padding):
    keras.utils.set_random_seed(1)
    layer = LAYERS[rank](
        filters, 3, groups=groups, strides=strides, dilation_rate=dilation, padding=padding, bias_initializer="normal"
    )
    x = tf.constant(numbers((2, *SIDES[rank], channels)))
    layer.build(x.shape)
    return layer, x


def outputs_and_gradients(layer, x):
    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
            loss = tf.reduce_sum(y * tf.constant(numbers(y.shape, seed=5)))
        return [y, *tape.gradient(loss, [x, *(weight.value for weight in layer.trainable_variables)])]

    return [np.asarray(value) for value in step(x)]


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_the_kernel_and_its_twin_agree_in_outputs_and_gradients(case, native, monkeypatch):
    if native and not convolution._native():
        pytest.skip("TensorFlow's convolution has no gradient for groups here")
    monkeypatch.setattr(convolution, "_native", lambda: native)
    layer, x = layer_and_input(*case)
    found = outputs_and_gradients(layer, x)
    with portable():
        expected = outputs_and_gradients(layer, x)
    assert len(found) == 4
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)  # sums over up to 200 positions


@pytest.mark.parametrize("case", [CASES[0], CASES[4], CASES[10]])
def test_a_grouped_convolution_is_one_convolution_a_group(case):
    layer, x = layer_and_input(*case)
    groups = case[1]
    plain = {1: keras.layers.Conv1D, 2: keras.layers.Conv2D, 3: keras.layers.Conv3D}[case[0]]
    parts = []
    for part, kernel in zip(np.split(x, groups, -1), np.split(layer.kernel.numpy(), groups, -1), strict=True):
        one = plain(kernel.shape[-1], 3, strides=case[4], padding=case[6], use_bias=False)
        one.build(part.shape)
        one.kernel.assign(kernel)
        parts.append(np.asarray(one(part)))
    np.testing.assert_allclose(layer(x), np.concatenate(parts, -1) + layer.bias.numpy(), **ROUNDING)


def test_the_kernel_is_not_handed_to_the_compiler():
    layer, x = layer_and_input(*CASES[4])
    graph = tf.function(layer).get_concrete_function(x).graph
    inner = [op for op in graph.get_operations() if "Call" in op.type]
    assert not inner
    with portable():  # Keras' own is compiled, which is what makes it slow
        graph = tf.function(lambda x: layer(x)).get_concrete_function(x).graph
    assert [op for op in graph.get_operations() if "Call" in op.type]


def test_half_precision_runs_in_half_precision():
    layer = GroupedConv2D(9, 3, groups=3, padding="same", dtype="mixed_bfloat16")
    y = layer(numbers((2, 7, 11, 6)))
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    full = GroupedConv2D(9, 3, groups=3, padding="same")
    full.build((2, 7, 11, 6))
    full.set_weights(layer.get_weights())
    # bfloat16 keeps 8 bits of inputs and kernel
    np.testing.assert_allclose(keras.ops.cast(y, "float32"), full(numbers((2, 7, 11, 6))), rtol=0.05, atol=0.05)


def test_widths_that_groups_do_not_divide_are_refused():
    with pytest.raises(ValueError, match=r"^GroupedConv2D: filters must be a multiple of groups \(3\), got 4$"):
        GroupedConv2D(4, 3, groups=3)
    with pytest.raises(ValueError, match=r"^GroupedConv1D: channels must be a multiple of groups \(3\), got 5$"):
        GroupedConv1D(6, 3, groups=3).build((2, 7, 5))
