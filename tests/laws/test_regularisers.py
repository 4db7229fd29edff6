"""What Keras lacks: mixing, blanking and mirroring in training, kernels to start from, and averages taken anew."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from arch.initializers import Dirac, whitening_kernel
from arch.kernels import pullback
from arch.recalibration import recalibrate
from arch.regularisation import AlternatingFlip, Cutout, ShakeShake, flipped


def numbers(shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def test_two_branches_are_averaged_at_inference():
    one, other = numbers((3, 5, 2)), numbers((3, 5, 2), seed=2)
    np.testing.assert_allclose(ShakeShake()([one, other], training=False), (one + other) / 2, rtol=1e-6)


def test_in_training_each_example_gets_a_mixture_of_its_own():
    one, other = np.ones((2003, 5, 2), "float32"), np.zeros((2003, 5, 2), "float32")
    mixed = np.asarray(ShakeShake(seed=3)([one, other], training=True)).reshape(2003, -1)
    assert np.ptp(mixed, axis=1).max() < 1e-6
    shares = mixed[:, 0]
    assert 0 <= shares.min() < 0.01 < 0.99 < shares.max() < 1
    assert abs(shares.mean() - 0.5) < 4 * (1 / 12 / 2003) ** 0.5  # four standard errors


def test_the_gradient_is_that_of_another_mixture():
    mix = ShakeShake(seed=3)
    ones = np.ones((2003, 2), "float32")

    def mixed(x):  # its gradient is the backward share: 1 for the one branch, 0 for the other
        return mix([x, keras.ops.stop_gradient(x) * 0], training=True)

    gradient = np.asarray(pullback(mixed)(ones, ones))
    forward = np.asarray(mix([ones, 0 * ones], training=True))
    assert abs(gradient[:, 0].mean() - 0.5) < 4 * (1 / 12 / 2003) ** 0.5
    assert abs(np.corrcoef(gradient[:, 0], forward[:, 0])[0, 1]) < 0.1


@pytest.mark.parametrize("shape", [(11,), (7, 13), (5, 7, 11)])
def test_cutout_blanks_one_window_of_all_channels(shape):
    found = np.asarray(Cutout(4, seed=3)(np.ones((301, *shape, 2), "float32"), training=True))
    assert np.array_equal(found[..., 0], found[..., 1])
    blank = found[..., 0] == 0
    for axis in range(len(shape)):
        sides = blank.any(tuple(a for a in range(1, blank.ndim) if a != axis + 1))  # (rows, positions)
        spans = sides.sum(1)
        assert spans.max() == 4
        assert spans.min() < 4  # some windows hang over a border
        assert all(np.ptp(np.flatnonzero(row)) == span - 1 for row, span in zip(sides, spans, strict=True))
        assert sides.any(0).all()  # and every position may be blank
    volumes = blank.reshape(301, -1).sum(1)
    assert volumes.max() == 4 ** len(shape)


def test_cutout_leaves_inference_alone():
    x = numbers((3, 5, 7, 2))
    np.testing.assert_array_equal(Cutout(3)(x, training=False), x)
    with pytest.raises(ValueError, match=r"^Cutout: size must be positive, got 0"):
        Cutout(0)


def test_every_example_is_mirrored_in_every_other_epoch():
    turns = np.array([flipped(np.arange(4001), epoch, seed=2) for epoch in range(4)])
    assert (turns[1:] != turns[:-1]).all()
    assert abs(turns[0].mean() - 0.5) < 4 * 0.5 / 4001**0.5
    assert abs(np.mean(turns[0, 1:] == turns[0, :-1]) - 0.5) < 4 * 0.5 / 4001**0.5  # neighbours tell nothing
    assert (np.asarray(flipped(np.arange(4001), 0, seed=3)) != turns[0]).any()


def test_the_last_spatial_axis_is_mirrored_where_it_is_a_rows_turn():
    x, rows = numbers((7, 5, 3, 2)), np.arange(7)
    epoch = np.full(7, 4)
    found = np.asarray(AlternatingFlip(seed=1)([x, rows, epoch], training=True))
    turn = np.asarray(flipped(rows, 4, seed=1))
    assert 0 < turn.sum() < 7
    np.testing.assert_array_equal(found[turn], x[turn][:, :, ::-1])
    np.testing.assert_array_equal(found[~turn], x[~turn])
    np.testing.assert_array_equal(AlternatingFlip(seed=1)([x, rows, epoch], training=False), x)


@pytest.mark.parametrize("kernel_size", [3, 4])
@pytest.mark.parametrize(("kind", "shape"), [(layers.Conv1D, (11, 3)), (layers.Conv2D, (5, 7, 3))])
def test_a_dirac_kernel_hands_its_input_on(kind, shape, kernel_size):
    x = numbers((2, *shape))
    y = kind(5, kernel_size, padding="same", kernel_initializer=Dirac())(x)
    np.testing.assert_array_equal(y[..., :3], x)
    assert not np.any(y[..., 3:])


def test_a_dirac_kernel_of_groups_hands_each_group_on():
    x = numbers((2, 7, 6))
    y = layers.Conv1D(6, 3, groups=3, padding="same", kernel_initializer=Dirac(3))(x)
    np.testing.assert_array_equal(y, x)
    with pytest.raises(ValueError, match=r"^Dirac: filters must be a multiple of groups \(3\), got 7"):
        Dirac(3)((3, 2, 7))


@pytest.mark.parametrize("shape", [(4001, 7, 2), (301, 5, 7, 3)])
def test_whitened_patches_have_no_covariance(shape):
    mixing = numbers((shape[-1], shape[-1]), seed=5)
    x = numbers(shape) @ mixing + 1.0  # channels that go together
    axes, values = len(shape) - 2, shape[-1] * 2 ** (len(shape) - 2)
    kernel = whitening_kernel(x, 2, epsilon=1e-6)
    assert kernel.shape == (2,) * axes + (shape[-1], 2 * values)
    answers = np.asarray(keras.ops.conv(x, kernel)).reshape(-1, 2 * values)
    covariance = np.cov(answers[:, :values], rowvar=False)
    np.testing.assert_allclose(covariance, np.eye(values), atol=2e-3)  # float32 sums of some thousand patches
    np.testing.assert_array_equal(kernel[..., values:], -kernel[..., :values])


def test_examples_smaller_than_a_patch_are_refused():
    with pytest.raises(ValueError, match=r"^whitening_kernel: examples must hold a patch, got \(3, 1, 2\)"):
        whitening_kernel(numbers((3, 1, 2)), 2)


def normalized():
    keras.utils.set_random_seed(3)
    inputs = keras.Input((5, 3))
    x = layers.BatchNormalization(name="first")(inputs)
    x = layers.BatchNormalization(name="second")(layers.Dense(2)(x))
    return keras.Model(inputs, x)


def test_averages_become_those_of_the_batches():
    made, batches = normalized(), [2.0 * numbers((7, 5, 3), seed) + 1.0 for seed in range(4)]
    before = [np.array(weight) for weight in made.trainable_weights]
    assert recalibrate(made, batches) == 2
    together = np.concatenate(batches)
    first = made.get_layer("first")
    np.testing.assert_allclose(first.moving_mean, together.mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(first.moving_variance, together.var((0, 1)), rtol=1e-5)
    assert first.momentum == 0.99
    for weight, value in zip(made.trainable_weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)
    outputs = np.asarray(made(together))
    # The second layer's averages are over batches that the first normalized one by one.
    assert np.abs(outputs.mean((0, 1))).max() < 0.05
    assert np.abs(outputs.var((0, 1)) - 1).max() < 0.1


def test_recalibration_without_batches_is_refused_and_without_layers_does_nothing():
    with pytest.raises(ValueError, match=r"^recalibrate: batches must hold one at least, got 0"):
        recalibrate(normalized(), [])
    inputs = keras.Input((3,))
    assert recalibrate(keras.Model(inputs, layers.Dense(2)(inputs)), []) == 0
