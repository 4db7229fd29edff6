"""A backbone of `keras.applications` is that network, on pixels scaled as its weights were trained."""

import keras
import numpy as np
import pytest

from arch.pretrained import FORMS, pretrained

PIXELS = np.random.default_rng(3).integers(0, 256, (3, 33, 37, 3)).astype("float32")


@pytest.mark.parametrize(("form", "module"), [("signs", "mobilenet"), ("caffe", "resnet"), ("torch", "densenet")])
def test_pixels_are_scaled_as_keras_says(form, module):
    ours = np.asarray(FORMS[form](PIXELS))
    theirs = getattr(keras.applications, module).preprocess_input(PIXELS.copy())
    np.testing.assert_allclose(ours, theirs, atol=2e-5)  # of numbers up to 150


def test_weights_of_a_file_make_it_that_network(tmp_path):
    theirs = keras.applications.MobileNet(include_top=False, pooling="avg", weights=None, input_shape=(33, 37, 3))
    theirs.set_weights([3 * w for w in theirs.get_weights()])  # else what comes out is nearly zero
    theirs.save_weights(tmp_path / "their.weights.h5")
    inputs = keras.Input((33, 37, 3))
    ours = keras.Model(inputs, pretrained(inputs, backbone="mobilenet", weights=str(tmp_path / "their.weights.h5")))
    wanted = np.asarray(theirs(PIXELS / 127.5 - 1))
    assert wanted.max() > 1e-3
    np.testing.assert_allclose(np.asarray(ours(PIXELS)), wanted, rtol=1e-4, atol=1e-6 * wanted.max())


def test_a_grey_picture_is_one_of_three_equal_channels():
    grey, colour = keras.Input((33, 37, 1)), keras.Input((33, 37, 3))
    of_grey, of_colour = (keras.Model(x, pretrained(x, backbone="resnet50")) for x in (grey, colour))
    of_colour.set_weights(of_grey.get_weights())
    one = PIXELS[..., :1]
    np.testing.assert_allclose(np.asarray(of_grey(one)), np.asarray(of_colour(np.repeat(one, 3, -1))), rtol=1e-5)


def test_weights_that_cannot_be_fetched_are_told_in_one_sentence(monkeypatch):
    def offline(**options):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "MobileNetV2", offline)
    with pytest.raises(ValueError, match=r"pretrained: weights must be a file .*, got URL fetch failure"):
        pretrained(keras.Input((33, 37, 3)), weights="imagenet")
