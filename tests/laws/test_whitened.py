"""The whitened stem: what it computes from examples, on axes of any number, and what of it is learnt."""

import keras
import numpy as np
import pytest

from arch.whitened import LARGEST, WhitenedPatches, adapt_to, whitened_cnn


def correlated(*shape, seed=3):
    """Noise in which neighbours are alike, as pixels are."""
    noise = np.random.default_rng(seed).normal(size=shape).astype("float32")
    for axis in range(1, len(shape) - 1):
        noise = noise + np.roll(noise, 1, axis)
    return noise @ np.random.default_rng(5).normal(size=(shape[-1], shape[-1])).astype("float32")


@pytest.mark.parametrize("shape", [(211, 13, 2), (53, 11, 13, 3)])
def test_patches_of_the_examples_come_out_uncorrelated_with_variance_one(shape):
    examples, layer = correlated(*shape), WhitenedPatches(2)
    layer.build(examples.shape)
    layer.adapt(examples)
    inner = tuple(slice(1, -1) for _ in shape[1:-1])  # zeros beyond the border are no data
    out = np.asarray(layer(examples))[(slice(None), *inner)].reshape(-1, layer.bias.shape[0])
    half = out[:, : out.shape[1] // 2]
    # Eigenvalues below epsilon (5e-4) would be damped, and the border's patches are left out: hence 0.1.
    np.testing.assert_allclose(np.cov(half, rowvar=False), np.eye(half.shape[1]), atol=0.1)
    np.testing.assert_allclose(out[:, half.shape[1] :], -half, rtol=1e-5, atol=1e-5)


def test_the_whitening_stays_as_it_was_computed_and_its_bias_is_learnt():
    layer = WhitenedPatches(3)
    layer.build((None, 7, 11, 1))
    assert [w.name for w in layer.trainable_weights] == ["bias"]
    assert layer.kernel.shape == (3, 3, 1, 18)


def test_every_stem_of_a_model_is_adapted_to_what_it_is_given():
    inputs = keras.Input((11, 13, 1))
    halved = keras.layers.Rescaling(0.5)(inputs)
    model = keras.Model(inputs, whitened_cnn(halved, widths=(3, 5)))
    examples, alone = correlated(53, 11, 13, 1), WhitenedPatches(2)
    assert adapt_to(model, examples)
    alone.build(examples.shape)
    alone.adapt(examples / 2)
    np.testing.assert_allclose(model.get_layer("stem").kernel, alone.kernel, rtol=1e-4, atol=1e-4)
    assert not adapt_to(keras.Model(inputs, keras.layers.Flatten()(inputs)), examples)


@pytest.mark.parametrize(("side", "maps"), [(8, 8), (LARGEST, LARGEST), (LARGEST + 1, 17), (96, 32), (97, 25)])
def test_large_inputs_are_pooled_at_the_stem_to_a_side_of_32_or_less(side, maps):
    inputs = keras.Input((side, side, 1))
    model = keras.Model(inputs, whitened_cnn(inputs, widths=(3,)))
    assert model.get_layer("block0_conv0").input.shape[1] == maps


def test_a_third_convolution_of_a_block_is_added_to_what_comes_in():
    inputs = keras.Input((11, 13, 1))
    names = [layer.name for layer in keras.Model(inputs, whitened_cnn(inputs, widths=(3, 5), depth=3)).layers]
    assert [name for name in names if "sum" in name] == ["block0_sum2", "block1_sum2"]
