"""The laws as a public API: each number on a model whose number is known by hand, and the gradients they stand on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from arch import builder, laws
from arch.account import account, outline
from arch.kernels import pullback, weight_gradients
from arch.variants import VARIANTS, model

ROOT = Path(__file__).resolve().parents[2]


def numbers(shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def made_of(shape, *parts):
    keras.utils.set_random_seed(3)
    x = inputs = keras.Input(shape)
    for part in parts:
        x = part(x)
    return keras.Model(inputs, x)


ACTIONS = {
    "shift": (laws.shift(1), [[5, 6], [1, 2], [3, 4]]),
    "shift back": (laws.shift(-1), [[3, 4], [5, 6], [1, 2]]),
    "flip": (laws.flip(), [[5, 6], [3, 4], [1, 2]]),
    "reverse complement": (laws.reverse_complement(), [[6, 5], [4, 3], [2, 1]]),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_on_three_places_of_two_channels(name):
    action, expected = ACTIONS[name]
    np.testing.assert_array_equal(action(np.array([[[1, 2], [3, 4], [5, 6]]])), [expected])


def test_a_quarter_turn_moves_the_right_edge_up():
    np.testing.assert_array_equal(laws.rotate()(np.array([[[[1], [2]], [[3], [4]]]]))[0, :, :, 0], [[2, 4], [1, 3]])


def test_a_permutation_keeps_every_place_and_is_the_same_each_time():
    x = np.arange(14).reshape(1, 7, 2)
    moved = laws.permute()(x)
    assert (moved != x).any()
    np.testing.assert_array_equal(moved, laws.permute()(x))
    np.testing.assert_array_equal(np.sort(moved, axis=1), x)


def test_points_turn_and_what_they_carry_does_not():
    quarter = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    moved = laws.turn_points(quarter)(np.array([[[1.0, 2.0, 3.0, 9.0]]]))
    np.testing.assert_array_equal(moved, [[[-2.0, 1.0, 3.0, 9.0]]])


def test_the_error_of_a_symmetry_is_relative_to_the_outputs():
    def place_weighted(x):
        return x * keras.ops.convert_to_tensor([[[1.0], [1.0], [2.0]]])

    x = np.array([[[4.0], [0.0], [0.0]]], "float32")
    error = laws.equivariance_error(place_weighted, x, laws.shift(-1), laws.shift(-1))
    assert (error.eager, error.compiled, error.worst) == (1.0, 1.0, 1.0)  # 8 where 4 was expected, against 4
    assert laws.equivariance_error(place_weighted, x, laws.shift(1), laws.shift(1)).worst == 0.0


def test_borders_are_left_out_where_asked():
    made = made_of((11, 2), layers.Conv1D(3, 5, padding="same"))
    x = numbers((2, 11, 2))
    assert laws.equivariance_error(made, x, laws.shift(1), laws.shift(1)).worst > 0.01
    assert laws.equivariance_error(made, x, laws.shift(1), laws.shift(1), border=3).worst <= 1e-6
    with pytest.raises(ValueError, match=r"^equivariance_error: border must leave positions to compare, got 6"):
        laws.equivariance_error(made, x, laws.shift(1), border=6)


def test_invariance_is_what_is_asked_without_a_response():
    mean = made_of((7, 3), layers.GlobalAveragePooling1D())
    assert laws.equivariance_error(mean, numbers((2, 7, 3)), laws.permute()).worst <= 1e-6
    order = made_of((7, 3), layers.Flatten())
    assert laws.equivariance_error(order, numbers((2, 7, 3)), laws.permute()).worst > 0.1


def test_a_vector_jacobian_product_is_the_finite_difference():
    made = made_of((5, 3), layers.Conv1D(7, 3, activation="tanh"), layers.GlobalAveragePooling1D())
    x, direction, step = numbers((2, 5, 3)), numbers((2, 7), seed=2), numbers((2, 5, 3), seed=3)
    found = np.sum(np.asarray(pullback(made)(x, direction)) * step)
    ends = [np.sum(np.asarray(made(x + sign * 1e-2 * step)) * direction, dtype="float64") for sign in (1, -1)]
    assert found == pytest.approx((ends[0] - ends[1]) / 2e-2, rel=1e-3)  # the third derivative, and float32


def test_gradients_in_weights_are_finite_differences_and_change_nothing():
    made = made_of((5, 3), layers.Dense(7, activation="tanh"), layers.BatchNormalization(), layers.Dense(2))
    x, before = numbers((4, 5, 3)), made.get_weights()

    def loss(outputs):
        return keras.ops.mean(keras.ops.square(outputs))

    gradients = weight_gradients(made, x, loss, training=True)
    for earlier, now in zip(before, made.get_weights(), strict=True):
        np.testing.assert_array_equal(earlier, now)
    weight, gradient = made.trainable_variables[0], np.asarray(gradients[0])
    step, ends = numbers(weight.shape, seed=5), []
    for sign in (1, -1):
        weight.assign(before[0] + sign * 1e-2 * step)
        ends.append(float(loss(made(x, training=True))))
    assert np.sum(gradient * step) == pytest.approx((ends[0] - ends[1]) / 2e-2, rel=1e-2)


def both_gradients():
    """A vector-Jacobian product and a weight's gradient, of a network that is the same on every backend."""
    x = inputs = keras.Input((5, 3))
    for units in (7, 2):
        x = layers.Dense(units, activation="tanh", kernel_initializer=keras.initializers.Constant(0.3))(x)
    made, x = keras.Model(inputs, x), np.arange(30, dtype="float32").reshape(2, 5, 3) / 30
    back = pullback(made)(x, np.ones((2, 5, 2), "float32"))
    kernel, *_ = weight_gradients(made, x, lambda y: keras.ops.mean(y * y), training=False)
    return [keras.ops.convert_to_numpy(gradient).tolist() for gradient in (back, kernel)]


def test_jax_gives_the_same_gradients():
    script = "import json; from tests.laws.test_laws_api import both_gradients; print(json.dumps(both_gradients()))"
    environment = {"KERAS_BACKEND": "jax", "PATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, env=environment
    )
    for one, other in zip(both_gradients(), json.loads(done.stdout.splitlines()[-1]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_the_flow_of_gradients_through_a_chain_of_halves():
    halves = keras.initializers.Identity(0.5)
    chain = [layers.Dense(3, use_bias=False, kernel_initializer=halves, name=f"half{i}") for i in range(4)]
    flow = laws.gradient_flow(made_of((3,), *chain), np.ones((5, 3), "float32"))
    assert flow.layers == tuple(f"half{i}/kernel" for i in range(4))
    assert flow.norms == pytest.approx((flow.norms[0],) * 4)  # before each half as much is lost as is lost behind it
    assert flow.ratio == pytest.approx(1.0)


def test_a_gradient_vanishes_in_a_deep_plain_network_and_not_with_shortcuts():
    ratios = {}
    for shortcut in ("none", "projection"):
        inputs = keras.Input((16, 3))
        keras.utils.set_random_seed(3)
        made = keras.Model(inputs, builder("resnet")(inputs, blocks=(12,), width=8, shortcut=shortcut))
        ratios[shortcut] = laws.gradient_flow(made, numbers((13, 16, 3))).ratio
    assert 0.1 < ratios["projection"] < 10
    assert ratios["none"] > 3 * ratios["projection"]  # batch normalization makes it explode, not vanish


def test_the_jacobian_of_a_matrix_is_the_matrix():
    made = made_of((5,), layers.Dense(7))
    kernel = np.asarray(made.layers[-1].kernel)
    found = laws.jacobian_norm(made, numbers((301, 5)))
    # 4 * 301 random directions: a relative error of some 2 %
    assert found == pytest.approx(np.linalg.norm(kernel) / 7**0.5, rel=0.1)
    norms = laws.jacobian_norms(made, numbers((301, 5)), points=2)
    assert norms.norms[-1] == pytest.approx(found)


def test_a_weight_of_a_convolution_is_used_at_every_place():
    assert laws.parameter_sharing(made_of((11,), layers.Dense(5), layers.Dense(3))) == 1.0
    assert laws.parameter_sharing(made_of((7, 11, 2), layers.Conv2D(5, 3, padding="same"))) == 7 * 11


REACHING = {
    "cnn": ((48, 3), {"widths": (3, 5), "kernel_size": (3, 5)}),
    "resnet": ((48, 48, 2), {"blocks": (1, 1), "width": 4}),
    "densenet": ((48, 48, 2), {"blocks": (2, 2), "growth_rate": 3}),
    "mobilenet": ((64, 2), {"blocks": (1, 2), "widen": 0.25}),
    "tcn": ((48, 3), {"width": 5, "dilations": (1, 2, 4)}),
    "wide_resnet": ((48, 2), {"blocks": (1, 1), "widen": 2, "width": 4}),
}


@pytest.mark.parametrize("name", REACHING)
def test_the_receptive_field_that_is_measured_is_the_one_computed(name):
    shape, options = REACHING[name]
    keras.utils.set_random_seed(3)
    inputs = keras.Input(shape)
    reach = laws.receptive_field(keras.Model(inputs, builder(name)(inputs, **options)), rows=16)
    assert reach.agree, reach
    assert reach.computed is not None


def test_a_gate_sees_everything_and_so_does_attention():
    for name, options in (
        ("resnet", {"blocks": (1,), "width": 4, "se_ratio": 0.5}),
        ("transformer_encoder", {"depth": 1}),
    ):
        inputs = keras.Input((23, 8))
        reach = laws.receptive_field(keras.Model(inputs, builder(name)(inputs, **options)))
        assert (reach.computed, reach.measured) == (None, (23,))
        assert reach.agree


def test_a_model_without_places_has_no_receptive_field():
    with pytest.raises(ValueError, match=r"^receptive_field: model must have a layer with positions"):
        laws.receptive_field(made_of((5,), layers.Dense(3)))


@pytest.mark.parametrize(
    ("name", "size"), [("alexnet", 195), ("vgg16", 212), ("mobilenet_v1", 315), ("inception_v3", 1311)]
)
def test_receptive_fields_are_the_published_ones(name, size):
    """Araujo, Norris, Sim 2019, "Computing receptive fields of convolutional neural networks", table 1."""
    assert account(outline(lambda: model(VARIANTS[name]))).receptive_field == (size, size)
