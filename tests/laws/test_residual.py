"""Laws of residual networks: what a shortcut leaves alone, and what stands between it and the branch."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from arch.account import account
from arch.gated import gated_resnet
from arch.gates import HighwaySum, ScalarGate
from arch.residual import PaddedShortcut
from arch.resnet import resnet, resnext, wide_resnet
from arch.shake_shake import Shifted, shake_shake
from tests.laws.networks import ROUNDING, network, numbers


@pytest.mark.parametrize("block", ["basic", "bottleneck", "preact_basic", "preact_bottleneck"])
def test_padding_shortcuts_have_no_weights(block):
    options = {"blocks": (1, 2), "width": 4, "block": block}
    plain, padded, projected = (
        account(network((16, 3), resnet, shortcut=kind, **options)) for kind in ("none", "padding", "projection")
    )
    assert padded.parameters == plain.parameters < projected.parameters
    assert not network((16, 3), resnet, shortcut="padding", **options).get_layer("stage1_block0_shortcut").weights


def test_a_padding_shortcut_keeps_every_second_place_and_adds_empty_channels():
    x = np.arange(10, dtype="float32").reshape(1, 5, 2)
    expected = [[[0, 1, 0], [4, 5, 0], [8, 9, 0]]]
    np.testing.assert_array_equal(PaddedShortcut(3, strides=2)(x), expected)


@pytest.mark.parametrize("block", ["preact_basic", "preact_bottleneck"])
def test_a_preactivation_block_whose_last_convolution_is_zero_is_the_identity(block):
    made = network((13, 3), resnet, blocks=(3,), width=5, block=block, shortcut="padding")
    last = "conv3" if "bottleneck" in block else "conv2"
    for index in range(3):
        layer = made.get_layer(f"stage0_block{index}_{last}")
        layer.kernel.assign(np.zeros(layer.kernel.shape))
    ends = keras.Model(made.input, [made.get_layer("stem_conv").output, made.get_layer("stage0_block2_add").output])
    stem, end = ends(numbers((2, 13, 3)))
    np.testing.assert_array_equal(end[..., :5], stem)
    assert not np.any(end[..., 5:])


def test_the_plain_network_has_neither_sums_nor_projections():
    names = [layer.name for layer in network((16, 3), resnet, shortcut="none", blocks=(1, 1)).layers]
    assert not [name for name in names if "add" in name or "shortcut" in name]


def test_the_stride_of_a_bottleneck_is_in_its_wide_convolution():
    made = network((16, 3), resnet, block="bottleneck", blocks=(1, 1))
    strides = [made.get_layer(f"stage1_block0_conv{step}").strides for step in (1, 2, 3)]
    assert strides == [(1,), (2,), (1,)]


def test_convolutions_of_residual_networks_have_no_biases():
    for build in (resnet, resnext, wide_resnet):
        made = network((16, 3), build, blocks=(1, 1))
        assert not [layer.name for layer in made.layers if getattr(layer, "use_bias", False)]


def test_a_closed_highway_carries_and_an_open_one_transforms():
    carried, new = numbers((2, 7, 3), seed=1), numbers((2, 7, 3), seed=2)
    layer = HighwaySum(bias=0.0)
    shut, half, wide = (np.asarray(layer([carried, new, np.full_like(new, logit)])) for logit in (-99.0, 0.0, 99.0))
    np.testing.assert_array_equal(shut, carried)
    np.testing.assert_allclose(half, (carried + new) / 2, **ROUNDING)
    np.testing.assert_allclose(wide, new, **ROUNDING)


def test_a_scalar_gate_scales_by_what_is_positive():
    layer = ScalarGate()
    x = numbers((2, 7, 3))
    np.testing.assert_array_equal(layer(x), x)
    layer.gate.assign(-0.5)
    assert not np.any(layer(x))


@pytest.mark.parametrize("gate", ["highway", "scalar"])
def test_a_block_behind_a_closed_gate_is_the_identity(gate):
    made = network((13, 3), gated_resnet, blocks=(2,), width=5, gate=gate)
    for layer in made.layers:
        if layer.name.endswith("transform"):
            layer.bias.assign(np.full(5, -99.0))
            layer.kernel.assign(np.zeros(layer.kernel.shape))
        if layer.name.endswith("scalar"):
            layer.gate.assign(0.0)
    ends = keras.Model(made.input, [made.get_layer("stem_conv").output, made.get_layer("stage0_block1_add").output])
    stem, end = ends(numbers((2, 13, 3)))
    np.testing.assert_array_equal(end, stem)


def test_scalar_gates_that_are_open_make_the_preactivation_network():
    gated = network((16, 3), gated_resnet, blocks=(1, 1), width=5, gate="scalar")
    plain = network((16, 3), resnet, blocks=(1, 1), width=5, block="preact_basic")
    values = {weight.path: weight.numpy() for weight in gated.weights}
    for weight in plain.weights:
        weight.assign(values[weight.path])
    x = numbers((2, 16, 3))
    np.testing.assert_array_equal(gated(x), plain(x))
    assert account(gated).parameters == account(plain).parameters + 2  # one number a block


def test_shake_shake_is_the_mean_of_its_branches_at_inference_and_random_in_training():
    made = network((13, 3), shake_shake, blocks=(1,), width=5, stem_width=5)
    parts = [made.get_layer(f"stage0_block0_{name}").output for name in ("branch0_norm2", "branch1_norm2", "add")]
    one, other, end = keras.Model(made.input, parts)(numbers((2, 13, 3)))
    stem = keras.Model(made.input, made.get_layer("stem_norm").output)(numbers((2, 13, 3)))
    np.testing.assert_allclose(end, stem + (one + other) / 2, **ROUNDING)
    x = numbers((2, 13, 3))
    assert np.abs(np.asarray(made(x, training=True)) - np.asarray(made(x, training=True))).max() > 1e-3


def test_a_shift_drops_the_first_position_and_leaves_axes_of_one_alone():
    x = np.arange(6, dtype="float32").reshape(1, 3, 2)
    np.testing.assert_array_equal(Shifted()(x), [[[2, 3], [4, 5], [0, 0]]])
    np.testing.assert_array_equal(Shifted()(x[:, None]), [[[[2, 3], [4, 5], [0, 0]]]])
