"""Laws of all convolutional families: shifts, ranks, masks, and inputs that are refused."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from arch import builder
from arch.blocks import Unmask, divisible, drop_path, squeeze_excite
from tests.laws.networks import ROUNDING, network, numbers

# Widths of a twentieth: every family rounds them to the least that it allows.
NARROW = {"widen": 0.05}


def maps_of(made):
    """The model up to the maps that its last pooling takes."""
    return keras.Model(made.input, made.get_layer("pool").input)


SHIFTED = [
    ("cnn", {"widths": (5, 7), "kernel_size": (3, 5)}, 4),
    ("resnet", {"blocks": (1, 1), "width": 5}, 2),
    ("resnet", {"blocks": (1, 1), "width": 5, "shortcut": "padding", "stem": "imagenet"}, 8),
    ("resnet", {"blocks": (1, 1), "width": 5, "block": "preact_bottleneck"}, 2),
    ("resnext", {"blocks": (1, 1), "cardinality": 3, "group_width": 2, "width": 5}, 2),
    ("wide_resnet", {"blocks": (1, 1), "widen": 2, "width": 5}, 2),
    ("gated_resnet", {"blocks": (1, 1), "width": 5}, 2),
    ("shake_shake", {"blocks": (1, 1), "width": 5, "stem_width": 3}, 2),
    ("densenet", {"blocks": (1, 2), "growth_rate": 3, "width": 5}, 2),
    ("inception", {"modules": (1, 1, 0), **NARROW}, 4),
    ("mobilenet", {"blocks": (1, 1, 1), **NARROW}, 2),
    ("dilated_cnn", {"width": 5, "dilations": (1, 2, 4)}, 1),
    ("deformable_cnn", {"widths": (5, 7)}, 2),
]


@pytest.mark.parametrize(("name", "options", "stride"), SHIFTED)
def test_a_shifted_input_gives_shifted_maps_away_from_borders(name, options, stride):
    maps = maps_of(network((192, 3), builder(name), **options))
    x = numbers((2, 192, 3))
    plain, shifted = np.asarray(maps(x)), np.asarray(maps(np.roll(x, 5 * stride, axis=1)))
    # No receptive field here reaches over 48 inputs to one side; a roll by five outputs wraps five more.
    border = 48 // stride + 5
    inside = slice(border, plain.shape[1] - border)
    np.testing.assert_allclose(shifted[:, inside], np.roll(plain, 5, axis=1)[:, inside], **ROUNDING)
    assert np.abs(shifted - plain)[:, inside].max() > 0.01  # the maps do change


RANKS = [
    ("cnn", {"widths": (5, 7), "kernel_size": (3, 4), "depth": 2}),
    ("cnn", {"widths": (5,), "pool": "flatten", "norm": "none"}),
    ("lenet", {"widths": (3, 5), "units": (7,), "padding": "same"}),
    ("alexnet", {"widths": (3, 5, 7, 5, 3), "units": (11,)}),
    ("vgg", {"blocks": (1, 2), "width": 5, "units": (7,)}),
    ("resnet", {"blocks": (1, 1), "width": 5, "se_ratio": 0.5}),
    ("resnet", {"blocks": (1, 1), "width": 5, "block": "bottleneck", "shortcut": "padding", "stem": "imagenet"}),
    ("resnet", {"blocks": (1, 1), "width": 5, "block": "preact_bottleneck"}),
    ("resnext", {"blocks": (1, 1), "cardinality": 3, "group_width": 2, "width": 5}),
    ("wide_resnet", {"blocks": (1, 1), "widen": 2, "width": 5}),
    ("gated_resnet", {"blocks": (1, 1), "width": 5}),
    ("shake_shake", {"blocks": (1, 1), "width": 5, "stem_width": 3}),
    ("densenet", {"blocks": (1, 2), "growth_rate": 3, "width": 5}),
    ("densenet", {"blocks": (1,), "growth_rate": 3, "width": 5, "expansion": 0, "stem": "imagenet"}),
    ("inception", {"modules": (1, 1, 1), **NARROW}),
    ("inception_v4", {"modules": (1, 1, 1), **NARROW}),
    ("mobilenet", {"blocks": (1, 1, 1), **NARROW}),
    ("mobilenet_v2", {"blocks": (1, 1, 2, 1, 1, 1, 1), **NARROW}),
    ("mobilenet_v3", {"size": "small", **NARROW}),
    ("efficientnet", {"deepen": 0.5, **NARROW}),
    ("mixnet", NARROW),
    ("dilated_cnn", {"width": 5, "dilations": (1, 2, 4)}),
    ("vit", {"patch_size": 3, "depth": 1, "width": 10, "heads": 5}),
]


@pytest.mark.parametrize(("name", "options"), RANKS)
def test_a_picture_of_height_one_is_a_sequence(name, options):
    flat, line = network((1, 23, 3), builder(name), **options), network((23, 3), builder(name), **options)
    assert [layer.name for layer in flat.layers[1:]] == [layer.name for layer in line.layers[1:]]
    for wide, narrow in zip(flat.weights, line.weights, strict=True):
        # Beside the only row there are zeros: of a kernel's rows, the one that padding puts on it matters.
        narrow.assign(wide[(wide.shape[0] - 1) // 2] if len(wide.shape) > len(narrow.shape) else wide)
    x = numbers((2, 23, 3))
    np.testing.assert_allclose(flat(x[:, None]), line(x), **ROUNDING)
    assert np.ptp(line(x), axis=0).max() > 1e-3  # no two dead networks; narrow gates let little through


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cnn", {"widths": (3, 5)}),
        ("resnet", {"blocks": (1, 1), "width": 5}),
        ("resnext", {"blocks": (1,), "cardinality": 3, "group_width": 2, "width": 5}),
        ("mobilenet", {"blocks": (1, 1), **NARROW}),
        ("inception", {"modules": (0, 1, 0), **NARROW}),
        ("deformable_cnn", {"widths": (3, 5)}),
        ("locally_connected", {"widths": (3,)}),
        ("vit", {"patch_size": 3, "depth": 1, "width": 10, "heads": 5}),
    ],
)
def test_volumes_run_too(name, options):
    made = network((5, 7, 3, 2), builder(name), **options)
    assert np.isfinite(made(numbers((2, 5, 7, 3, 2)))).all()


STRIDED = ("cnn", "alexnet", "vgg", "resnet", "resnext", "wide_resnet", "gated_resnet", "shake_shake", "densenet")
STRIDED += ("inception", "inception_v4", "mobilenet", "mobilenet_v2", "mobilenet_v3", "efficientnet", "mixnet")


@pytest.mark.parametrize(("shape", "word"), [((7,), "spatial"), ((None, None), "channels"), ((2, 3), "total stride")])
@pytest.mark.parametrize("name", [*STRIDED, "deformable_cnn", "lenet"])
def test_inputs_that_no_convolution_takes_are_refused(name, shape, word):
    with pytest.raises(ValueError, match=rf"^{name}: inputs must .*{word}"):
        builder(name)(keras.Input(shape))


@pytest.mark.parametrize(("name", "side"), [("lenet", 15), ("alexnet", 62), ("inception", 74), ("inception_v4", 74)])
def test_convolutions_without_padding_say_how_long_every_side_must_be(name, side):
    options = {} if name == "lenet" else {"stem": "imagenet"}
    with pytest.raises(ValueError, match=rf"^{name}: inputs must be at least {side + 1} along every spatial axis"):
        builder(name)(keras.Input((200, side, 3)), **options)
    small = {"lenet": {}, "alexnet": {"widths": (1,) * 5, "units": (1,)}}.get(name, {"modules": (0, 0, 0), **NARROW})
    assert None not in builder(name)(keras.Input((side + 1, side + 1, 3)), **options, **small).shape[1:]


def test_unknown_lengths_run_unless_maps_are_flattened():
    cnn = builder("cnn")
    made = network((None, 3), cnn, widths=(5,))
    assert made(numbers((2, 7, 3))).shape == made(numbers((2, 11, 3))).shape == (2, 5)
    for name in ("cnn", "vgg", "lenet"):
        with pytest.raises(ValueError, match=rf"^{name}: inputs must have known sizes for pool=flatten"):
            builder(name)(keras.Input((None, 3)), **({"pool": "flatten"} if name == "cnn" else {}))
    for name in ("vit", "locally_connected"):
        with pytest.raises(ValueError, match=rf"^{name}: inputs must have known sizes, got"):
            builder(name)(keras.Input((None, 3)))


def test_maps_are_given_where_no_pooling_is_asked_for():
    cnn = builder("cnn")
    assert network((11, 13, 3), cnn, widths=(5, 7), pool="none").output_shape == (None, 3, 4, 7)
    assert network((11, 13, 3), cnn, widths=(5, 7), pool="flatten").output_shape == (None, 3 * 4 * 7)


@pytest.mark.parametrize("name", ["resnet", "densenet", "mobilenet_v2"])
def test_the_stem_for_photographs_halves_the_maps_twice_more(name):
    small, large = (
        keras.Model(inputs, builder(name)(inputs, stem=stem))
        for stem in ("small", "imagenet")
        for inputs in [keras.Input((64, 64, 3))]
    )
    sides = [maps_of(made).output_shape[1] if name != "mobilenet_v2" else _last_side(made) for made in (small, large)]
    assert sides[0] == 4 * sides[1]


def _last_side(made):
    return made.get_layer("head_conv").output.shape[1]


@pytest.mark.filterwarnings("error:Layer .* was passed an input with a mask")
@pytest.mark.parametrize("name", ["mlp", "cnn", "resnet", "resnext", "wide_resnet", "densenet", "mobilenet", "vit"])
def test_a_mask_changes_nothing_because_it_ends_before_the_first_layer(name):
    small = {"densenet": {"blocks": (1, 1)}, "mobilenet": {"blocks": (1, 1)}, "vit": {"depth": 1}}.get(name, {})
    x = numbers((2, 32, 3))
    x[:, 17:] = 0.0
    plain = network((32, 3), builder(name), **small)
    masked = network((32, 3), lambda inputs: builder(name)(keras.layers.Masking(0.0)(inputs), **small))
    training = name != "vit"  # its dropout draws anew
    np.testing.assert_array_equal(masked(x, training=training), plain(x, training=training))


def test_unmask_keeps_values_and_drops_the_mask():
    x = keras.layers.Masking(0.0)(numbers((2, 7, 3)))
    assert x._keras_mask is not None
    y = Unmask()(x)
    np.testing.assert_array_equal(y, x)
    assert getattr(y, "_keras_mask", None) is None
    assert x._keras_mask is not None  # others may still want it


def test_drop_path_drops_whole_examples_and_scales_the_others():
    inputs = keras.Input((7, 3))
    made = keras.Model(inputs, drop_path(inputs, 0.25, name="drop"))
    x = np.ones((4001, 7, 3), "float32")
    y = np.asarray(made(x, training=True)).reshape(4001, -1)
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert not np.ptp(y, axis=1).any()  # an example is kept or dropped as a whole
    assert abs((y[:, 0] == 0).mean() - 0.25) < 4 * (0.25 * 0.75 / 4001) ** 0.5  # four standard errors
    np.testing.assert_array_equal(made(x, training=False), x)


def test_rates_of_drop_path_rise_from_zero_to_the_last_block():
    made = network((16, 3), builder("resnet"), blocks=(1, 2, 1), drop_path=0.3)
    wanted = {"stage1_block0": 0.1, "stage1_block1": 0.2, "stage2_block0": 0.3}
    assert drop_paths(made) == pytest.approx(wanted)
    # Of ten blocks, the last in each stage of two gives what it takes; only such a branch can be dropped.
    made = network((16, 3), builder("efficientnet"), deepen=0.5, widen=1.0, drop_path=0.9)
    assert drop_paths(made) == pytest.approx({"block4": 0.4, "block6": 0.6, "block8": 0.8})


def drop_paths(made):
    """Each block's rate, of those that have one."""
    suffix = "_drop_path"
    return {layer.name.removesuffix(suffix): layer.rate for layer in made.layers if layer.name.endswith(suffix)}


def test_a_gate_weighs_channels_by_their_means():
    inputs = keras.Input((2, 2))
    made = keras.Model(inputs, squeeze_excite(inputs, 0.5, name="gate"))
    # means (2, 3); squeezed relu(2 - 3 + 2) = 1; excited sigmoid(0, ln 3) = (1/2, 3/4)
    made.set_weights([np.array(w) for w in ([[1.0], [-1.0]], [2.0], [[0.0, 0.0]], [0.0, np.log(3.0)])])
    y = made(np.array([[[1.0, 2.0], [3.0, 4.0]]], "float32"))
    np.testing.assert_allclose(y, [[[0.5, 1.5], [1.5, 3.0]]], rtol=1e-6)


@pytest.mark.parametrize(("width", "rounded"), [(1, 8), (8, 8), (11.9, 16), (12, 16), (17, 16), (18, 24), (96.3, 96)])
def test_widths_are_rounded_to_eight_but_no_more_than_a_tenth_down(width, rounded):
    # 17 -> 16 loses 6 %, 18 -> 16 would lose 11 %
    assert divisible(width) == rounded
