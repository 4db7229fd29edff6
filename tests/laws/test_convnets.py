"""Laws of the convolutional families: published sizes, shifts, ranks, and what a shortcut leaves alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from arch import builder
from arch.account import account
from arch.blocks import Unmask, drop_path, squeeze_excite
from arch.cnn import cnn
from arch.residual import PaddedShortcut
from arch.resnet import resnet, resnext, wide_resnet
from arch.variants import VARIANTS, model, variant

ROOT = Path(__file__).resolve().parents[2]
ROUNDING = {"rtol": 1e-4, "atol": 1e-5}  # float32 sums in another order
# The largest of each kind; their smaller relatives differ in numbers of blocks alone.
PUBLISHED = [name for name in VARIANTS if name not in ("resnet101", "resnext101_32x8d", "wide_resnet101_2")]
PUBLISHED.remove("cifar_resnet1202")  # the blocks of resnet110, 200 a stage: half a minute to build


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
            low = 0.5 if "variance" in weight.path else -0.5
            weight.assign(random.uniform(low, low + 1.0, weight.shape))
    return made


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sizes_come_out(name):
    published, found = VARIANTS[name], account(model(VARIANTS[name]))
    keras.backend.clear_session()
    assert found.parameters == published.parameters
    assert found.uncounted == ()
    if published.multiply_adds is not None:
        digits = str(published.multiply_adds)
        last = 10 ** (len(digits) - len(digits.rstrip("0")))
        assert abs(found.multiply_adds - published.multiply_adds) <= (last // 2)


def test_variants_are_read_without_keras():
    script = (
        "import sys, arch.variants as v; v.variant('resnet50'); print(sorted({'keras', 'tensorflow'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_variants_take_another_input_and_other_classes():
    made = model(variant("cifar_resnet20", input_shape=(16, 8, 1), classes=7))
    assert (made.input_shape, made.output_shape) == ((None, 16, 8, 1), (None, 7))
    assert variant("cifar_resnet20", classes=7).parameters is None
    assert variant("cifar_resnet20", classes=10) is VARIANTS["cifar_resnet20"]


def test_an_unknown_variant_is_told_its_nearest_names():
    with pytest.raises(ValueError, match=r"^variants: name must be one of .*resnet50.*, got resnet51$"):
        variant("resnet51")


@pytest.mark.parametrize("classes", [0, -1])
def test_a_variant_without_classes_is_refused(classes):
    with pytest.raises(ValueError, match=r"^multi_class: outputs must be at least 2"):
        model(variant("cifar_resnet20", classes=classes))


def maps_of(made):
    """The model up to the maps that its last pooling takes."""
    return keras.Model(made.input, made.get_layer("pool").input)


SHIFTED = [
    (cnn, {"widths": (5, 7), "kernel_size": (3, 5)}, 4),
    (resnet, {"blocks": (1, 1), "width": 5}, 2),
    (resnet, {"blocks": (1, 1), "width": 5, "shortcut": "padding", "stem": "imagenet"}, 8),
    (resnet, {"blocks": (1, 1), "width": 5, "block": "preact_bottleneck"}, 2),
    (resnext, {"blocks": (1, 1), "cardinality": 3, "group_width": 2, "width": 5}, 2),
    (wide_resnet, {"blocks": (1, 1), "widen": 2, "width": 5}, 2),
]


@pytest.mark.parametrize(("build", "options", "stride"), SHIFTED)
def test_a_shifted_input_gives_shifted_maps_away_from_borders(build, options, stride):
    maps = maps_of(network((192, 3), build, **options))
    x = numbers((2, 192, 3))
    plain, shifted = np.asarray(maps(x)), np.asarray(maps(np.roll(x, 5 * stride, axis=1)))
    # No receptive field here reaches over 48 inputs to one side; a roll by five outputs wraps five more.
    border = 48 // stride + 5
    inside = slice(border, plain.shape[1] - border)
    np.testing.assert_allclose(shifted[:, inside], np.roll(plain, 5, axis=1)[:, inside], **ROUNDING)
    assert np.abs(shifted - plain)[:, inside].max() > 0.01  # the maps do change


RANKS = [
    (cnn, {"widths": (5, 7), "kernel_size": (3, 4), "depth": 2}),
    (cnn, {"widths": (5,), "pool": "flatten", "norm": "none"}),
    (resnet, {"blocks": (1, 1), "width": 5, "se_ratio": 0.5}),
    (resnet, {"blocks": (1, 1), "width": 5, "block": "bottleneck", "shortcut": "padding", "stem": "imagenet"}),
    (resnet, {"blocks": (1, 1), "width": 5, "block": "preact_bottleneck"}),
    (resnext, {"blocks": (1, 1), "cardinality": 3, "group_width": 2, "width": 5}),
    (wide_resnet, {"blocks": (1, 1), "widen": 2, "width": 5}),
]


@pytest.mark.parametrize(("build", "options"), RANKS)
def test_a_picture_of_height_one_is_a_sequence(build, options):
    flat, line = network((1, 23, 3), build, **options), network((23, 3), build, **options)
    assert [layer.name for layer in flat.layers[1:]] == [layer.name for layer in line.layers[1:]]
    for wide, narrow in zip(flat.weights, line.weights, strict=True):
        # Beside the only row there are zeros: of a kernel's rows, the one that padding puts on it matters.
        narrow.assign(wide[(wide.shape[0] - 1) // 2] if len(wide.shape) > len(narrow.shape) else wide)
    x = numbers((2, 23, 3))
    np.testing.assert_allclose(flat(x[:, None]), line(x), **ROUNDING)
    assert np.ptp(line(x), axis=0).max() > 0.01  # no two dead networks


@pytest.mark.parametrize("build", [cnn, resnet])
def test_volumes_run_too(build):
    options = {"widths": (3, 5)} if build is cnn else {"blocks": (1, 1), "width": 5}
    made = network((5, 7, 3, 2), build, **options)
    assert np.isfinite(made(numbers((2, 5, 7, 3, 2)))).all()


@pytest.mark.parametrize(("shape", "word"), [((7,), "spatial"), ((None, None), "channels"), ((2, 3), "total stride")])
@pytest.mark.parametrize("name", ["cnn", "resnet", "resnext", "wide_resnet"])
def test_inputs_that_no_convolution_takes_are_refused(name, shape, word):
    with pytest.raises(ValueError, match=rf"^{name}: inputs must .*{word}"):
        builder(name)(keras.Input(shape))


def test_unknown_lengths_run_unless_maps_are_flattened():
    made = network((None, 3), cnn, widths=(5,))
    assert made(numbers((2, 7, 3))).shape == made(numbers((2, 11, 3))).shape == (2, 5)
    with pytest.raises(ValueError, match=r"^cnn: inputs must have known sizes for pool=flatten"):
        cnn(keras.Input((None, 3)), pool="flatten")


def test_maps_are_given_where_no_pooling_is_asked_for():
    assert network((11, 13, 3), cnn, widths=(5, 7), pool="none").output_shape == (None, 3, 4, 7)
    assert network((11, 13, 3), cnn, widths=(5, 7), pool="flatten").output_shape == (None, 3 * 4 * 7)


@pytest.mark.filterwarnings("error:Layer .* was passed an input with a mask")
@pytest.mark.parametrize("name", ["mlp", "cnn", "resnet", "resnext", "wide_resnet"])
def test_a_mask_changes_nothing_because_it_ends_before_the_first_layer(name):
    x = numbers((2, 32, 3))
    x[:, 17:] = 0.0
    plain = network((32, 3), builder(name))
    masked = network((32, 3), lambda inputs: builder(name)(keras.layers.Masking(0.0)(inputs)))
    np.testing.assert_array_equal(masked(x, training=True), plain(x, training=True))


def test_unmask_keeps_values_and_drops_the_mask():
    x = keras.layers.Masking(0.0)(numbers((2, 7, 3)))
    assert x._keras_mask is not None
    y = Unmask()(x)
    np.testing.assert_array_equal(y, x)
    assert getattr(y, "_keras_mask", None) is None
    assert x._keras_mask is not None  # others may still want it


@pytest.mark.parametrize("block", ["basic", "bottleneck", "preact_basic", "preact_bottleneck"])
def test_padding_shortcuts_have_no_weights(block):
    options = {"blocks": (1, 2), "width": 4, "block": block}
    plain, padded, projected = (
        account(network((16, 3), resnet, shortcut=kind, **options)) for kind in ("none", "padding", "projection")
    )
    assert padded.parameters == plain.parameters < projected.parameters
    rows = {row.name: row for row in padded.layers}
    assert rows["stage1_block0_shortcut"].trainable == rows["stage1_block0_shortcut"].non_trainable == 0


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
    made = network((16, 3), resnet, blocks=(1, 2, 1), drop_path=0.3)
    rates = {layer.name: layer.rate for layer in made.layers if "drop_path" in layer.name}
    wanted = {"stage1_block0": 0.1, "stage1_block1": 0.2, "stage2_block0": 0.3}
    assert rates == pytest.approx({f"{name}_drop_path": rate for name, rate in wanted.items()})


def test_a_gate_weighs_channels_by_their_means():
    inputs = keras.Input((2, 2))
    made = keras.Model(inputs, squeeze_excite(inputs, 0.5, name="gate"))
    # means (2, 3); squeezed relu(2 - 3 + 2) = 1; excited sigmoid(0, ln 3) = (1/2, 3/4)
    made.set_weights([np.array(w) for w in ([[1.0], [-1.0]], [2.0], [[0.0, 0.0]], [0.0, np.log(3.0)])])
    y = made(np.array([[[1.0, 2.0], [3.0, 4.0]]], "float32"))
    np.testing.assert_allclose(y, [[[0.5, 1.5], [1.5, 3.0]]], rtol=1e-6)
