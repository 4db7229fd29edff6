"""Symmetries that are built in: the square's, turns by any angle, turns of space; and that no other one came along."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from arch import builder
from arch.account import account, outline
from arch.cnn import cnn
from arch.laws import equivariance_error, permute, receptive_field, shift, turn_points
from arch.planar_groups import (
    GROUPS,
    GroupBatchNormalization,
    GroupConv2D,
    GroupPooling2D,
    LiftingConv2D,
    act,
    products,
    transform,
)
from arch.spherical import coupling, harmonics, paths, turned
from arch.steerable import SteerableConv2D
from arch.tensor_field import TensorFieldConv
from arch.variants import VARIANTS, model

# Sums of some hundred float32 products in another order: a few units in the seventh digit.
PLANAR, SPATIAL = 1e-5, 1e-4
ELEMENTS = [(group, element) for group, size in GROUPS.items() for element in range(size)]


def numbers(shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def network(shape, build, **options):
    """A model whose batch normalization has statistics of its own, as after training."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input(shape)
    made = keras.Model(inputs, build(inputs, **options))
    random = np.random.default_rng(4)
    for weight in made.non_trainable_variables:
        if "moving" in weight.path:
            weight.assign(random.uniform(0.5, 1.5, weight.shape))
    return made


def chain(*layers):
    """A builder that puts layers one behind the other."""

    def build(x):
        for layer in layers:
            x = layer(x)
        return x

    return build


def on_planes(element):
    return lambda x: act(x, element, (1, 2))


def test_quarter_turns_compose_by_adding_up():
    turns = np.arange(4)
    np.testing.assert_array_equal(products("p4"), (turns[:, None] + turns) % 4)


def test_a_mirror_reverses_the_turns_before_it():
    table, mirror = products("p4m"), 4
    assert table[mirror, mirror] == 0
    assert table[mirror, 1] == table[3, mirror] != table[1, mirror]  # m r = r^-1 m
    assert all(sorted(row) == list(range(8)) for row in [*table, *table.T])


def test_a_lifted_filter_answers_in_all_its_images():
    layer = LiftingConv2D(1, 3, "p4")
    layer.build((None, 3, 3, 1))
    layer.kernel.assign(np.reshape(np.eye(9)[1], (3, 3, 1, 1, 1)))  # the place above
    dot = np.zeros((1, 3, 3, 1), "float32")
    dot[0, 1, 1, 0] = 1.0
    found = [tuple(np.argwhere(np.asarray(layer(dot))[0, ..., turn])[0]) for turn in range(4)]
    # "Above" reads what lies above: the dot is seen from below, then, counter-clockwise, from the right, above, left.
    assert found == [(2, 1), (1, 2), (0, 1), (1, 0)]


@pytest.mark.parametrize(("group", "element"), ELEMENTS)
def test_maps_over_the_group_turn_with_the_picture(group, element):
    keras.utils.set_random_seed(3)
    last = GroupConv2D(2, 5, group, use_bias=True)
    maps = chain(LiftingConv2D(3, 3, group), GroupBatchNormalization(group), last)
    x = numbers((3, 7, 11, 5))
    maps(x)
    last.bias.assign([0.5, -0.5])
    error = equivariance_error(maps, x, on_planes(element), lambda maps: transform(maps, element, group))
    assert error.worst <= PLANAR


def test_pooling_over_the_group_leaves_planes_that_turn():
    made = network((7, 7, 2), chain(LiftingConv2D(3, 3, "p4m"), GroupPooling2D("p4m")))
    assert made.output_shape == (None, 7, 7, 3)
    for element in range(8):
        assert equivariance_error(made, numbers((3, 7, 7, 2)), on_planes(element), on_planes(element)).worst <= PLANAR


# Even and odd sides: pooling windows stay in the middle.
@pytest.mark.parametrize("shape", [(12, 12, 3), (13, 13, 3)])
@pytest.mark.parametrize("group", GROUPS)
def test_features_stay_when_the_picture_is_transformed(group, shape):
    made = network(shape, builder("group_cnn"), group=group, widths=(3, 2, 5), pool_after=(1, 2))
    x = numbers((3, *shape))
    errors = [equivariance_error(made, x, on_planes(element)).worst for element in range(8)]
    assert max(errors[: GROUPS[group]]) <= PLANAR
    assert all(error > 0.01 for error in errors[GROUPS[group] :])  # p4 tells a picture from its mirror image
    assert np.ptp(made(x), axis=0).max() > 0.01


@pytest.mark.parametrize("name", ["group_cnn", "steerable_cnn"])
def test_maps_move_with_the_picture_away_from_borders(name):
    options = {"widths": (3, 5), "kernel_size": (3, 3), "pool_after": (1,)}
    made = network((48, 48, 2), builder(name), **options)
    last = next(layer for layer in reversed(made.layers) if len(layer.output.shape) == 4)
    maps = keras.Model(made.input, last.output)
    # Of the maps' places, 2 at each border see zeros around the picture, and the roll brings 4 of them in.
    error = equivariance_error(maps, numbers((2, 48, 48, 2)), shift(8), shift(4), border=7)
    assert error.worst <= PLANAR


@pytest.mark.parametrize(("name", "millions"), [("p4_all_cnn", 1.37), ("p4m_all_cnn", 1.22)])
def test_all_convolutional_networks_have_the_published_sizes(name, millions):
    assert round(account(outline(lambda: model(VARIANTS[name]))).parameters / 1e6, 2) == millions  # table 2


def smooth_pictures(angle, count=3, side=33):
    """Bumps that are turned before they are drawn, so that nothing is interpolated."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    x, y = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    random = np.random.default_rng(5)
    pictures = np.zeros((count, side, side, 1))
    for picture in pictures:
        for _ in range(5):
            (left, down), width = random.uniform(-6, 6, 2), random.uniform(1.5, 3.0)
            picture[..., 0] += random.normal() * np.exp(-((x - left) ** 2 + (y - down) ** 2) / (2 * width**2))
    return pictures.astype("float32")


@pytest.mark.parametrize("shape", [(12, 12, 3), (13, 13, 3)])
def test_quarter_turns_leave_steerable_features_as_they_are(shape):
    made = network(shape, builder("steerable_cnn"), widths=(3, 5), pool_after=(1,))
    for element in range(4):
        assert equivariance_error(made, numbers((3, *shape)), on_planes(element)).worst <= PLANAR


@pytest.mark.parametrize("angle", [0.3, np.pi / 4, 2.0])
def test_any_angle_nearly_leaves_steerable_features_as_they_are(angle):
    options = {"widths": (3, 5), "kernel_size": (5, 5)}
    steerable = network((33, 33, 1), builder("steerable_cnn"), pool_after=(0,), **options)
    plain = network((33, 33, 1), cnn, widths=(9, 15), kernel_size=(5,), pool_size=1)
    errors = [
        equivariance_error(made, smooth_pictures(0.0), lambda _: smooth_pictures(angle)).worst
        for made in (steerable, plain)
    ]
    assert errors[0] < 0.01  # the grid is 1.5 to 3 times finer than the bumps
    assert errors[0] < errors[1] / 10


def test_a_field_of_order_m_gets_m_times_the_angle():
    layers = (SteerableConv2D(2, 5, orders=3), SteerableConv2D(2, 3, orders=3, given=3))
    made = network((11, 11, 1), chain(*layers))
    x = numbers((2, 11, 11, 1))

    def fields(x):
        parts = np.reshape(made(x), (2, 11, 11, 3, 2, 2))
        return parts[..., 0, :] + 1j * parts[..., 1, :]

    before, after = act(fields(x), 1, (1, 2)), fields(act(x, 1, (1, 2)))
    for order in range(3):
        phase = np.exp(-1j * np.pi / 2 * order)  # rows count downwards, so the array's turn is a turn to the left
        np.testing.assert_allclose(after[..., order, :], phase * before[..., order, :], atol=1e-5)


def rotation(seed=7):
    """A turn of space, drawn evenly."""
    matrix, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return matrix * np.sign(np.linalg.det(matrix))


def directions(count=5):
    drawn = np.random.default_rng(2).normal(size=(count, 3))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def test_harmonics_turn_by_their_matrix_and_have_unit_size():
    found = np.asarray(harmonics(directions()))
    matrix = turned(rotation())
    np.testing.assert_allclose(np.asarray(harmonics(directions() @ rotation().T)), found @ matrix.T, atol=1e-12)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(9), atol=1e-12)
    for degree in range(3):
        part = found[:, degree**2 : (degree + 1) ** 2]
        np.testing.assert_allclose(np.sum(part**2, axis=1), 2 * degree + 1)


def test_two_vectors_make_their_scalar_and_their_cross_product():
    one, other = directions(2)
    np.testing.assert_allclose(np.einsum("m,n,mno->o", one, other, coupling(1, 1, 0)), [one @ other / 3**0.5])
    cross = np.einsum("m,n,mno->o", one, other, coupling(1, 1, 1))
    np.testing.assert_allclose(cross, np.cross(one, other) / 2**0.5)


def test_all_fifteen_couplings_turn_with_their_inputs():
    matrix, every = turned(rotation()), paths(2)
    assert every.shape == (15, 9, 9, 9)
    again = np.einsum("pmno,ma,nb,oc->pabc", every, matrix, matrix, matrix)
    np.testing.assert_allclose(again, every, atol=1e-6)  # they are kept in float32
    assert np.abs(every).max(axis=(1, 2, 3)).min() > 0.1


def test_degrees_that_make_no_triangle_are_refused():
    with pytest.raises(ValueError, match=r"^coupling: degrees must make a triangle, got \(0, 1, 2\)"):
        coupling(0, 1, 2)


@pytest.mark.parametrize("highest", [0, 1, 2])
def test_a_tensor_field_turns_with_space(highest):
    positions, features = numbers((3, 7, 3)), numbers((3, 7, (highest + 1) ** 2, 2), seed=2)
    layer, matrix = TensorFieldConv(5, highest), turned(rotation(), highest)
    plain = np.asarray(layer([positions, features]))
    turned_features = np.einsum("ab,xpbc->xpac", matrix, features).astype("float32")
    found = np.asarray(layer([(positions @ rotation().T).astype("float32"), turned_features]))
    expected = np.einsum("ab,xpbc->xpac", matrix, plain)
    assert np.abs(found - expected).max() <= SPATIAL * np.abs(plain).max()
    assert np.abs(expected - plain).max() > 0.1 or highest == 0


@pytest.mark.parametrize("channels", [0, 2])
def test_features_of_points_stay_when_space_turns_or_moves_and_points_change_places(channels):
    made = network((7, 3 + channels), builder("tensor_field"), width=5)
    x = numbers((3, 7, 3 + channels))
    away = np.array([5.0, -3.0, 2.0] + [0.0] * channels, "float32")
    for action in (turn_points(rotation()), permute(), lambda x: x + away):
        assert equivariance_error(made, x, action).worst <= SPATIAL
    larger = equivariance_error(made, x, lambda x: x * np.array([1.3] * 3 + [1.0] * channels, "float32"))
    assert larger.worst > 0.01  # distances do matter


def test_points_beyond_the_cutoff_do_not_see_each_other():
    layer = TensorFieldConv(5, cutoff=1.0)
    positions = np.array([[[0, 0, 0], [0.5, 0, 0], [9, 0, 0]]], "float32")
    features = numbers((1, 3, 9, 2))
    plain = np.asarray(layer([positions, features]))
    features[:, 2] += 1.0
    changed = np.asarray(layer([positions, features]))
    np.testing.assert_array_equal(changed[:, :2], plain[:, :2])
    features[:, 1] += 1.0
    assert np.abs(np.asarray(layer([positions, features]))[:, 0] - changed[:, 0]).max() > 0.01


@pytest.mark.parametrize("name", ["group_cnn", "steerable_cnn"])
def test_the_receptive_field_is_what_the_windows_say(name):
    inputs = keras.Input((24, 24, 2))
    features = builder(name)(inputs, widths=(2, 3), kernel_size=(3, 3), pool_after=(1,))
    reach = receptive_field(keras.Model(inputs, features))
    assert reach.measured == reach.computed == (8, 8)  # 3, then a pool of 2, then 3 of stride 2


@pytest.mark.parametrize("name", ["group_cnn", "steerable_cnn"])
def test_a_kernel_that_is_not_square_is_refused(name):
    with pytest.raises(ValueError, match=rf"^{name}: kernel_size must be square, got \(3, 5\)"):
        builder(name)(keras.Input((13, 13, 1)), kernel_size=(3, 5))


@pytest.mark.parametrize("kernel_size", [(3, 5), (4, 4), 2])
@pytest.mark.parametrize("layer", [LiftingConv2D, GroupConv2D])
def test_layers_refuse_kernels_without_the_symmetry(layer, kernel_size):
    with pytest.raises(ValueError, match=rf"^{layer.__name__}: kernel_size must be (square|odd), got"):
        layer(3, kernel_size)


def test_maps_that_are_not_over_the_group_are_refused():
    with pytest.raises(ValueError, match=r"^GroupConv2D: channels must be a multiple of 8, got 12"):
        GroupConv2D(3, 3, "p4m")(numbers((1, 5, 5, 12)))
