"""Published sizes: every variant's parameters and multiply-adds, and the ratios that papers argue with."""

from __future__ import annotations

import csv
import subprocess
import sys
from math import prod
from pathlib import Path

import keras
import pytest

from arch.account import account, outline
from arch.blocks import conv
from arch.counts import multiply_adds
from arch.dilated import dilated_cnn
from arch.efficientnet import compound_scale, efficientnet
from arch.inverted import depthwise_norm
from arch.mobilenet import mobilenet
from arch.residual import Plan, trunk
from arch.resnet import resnet
from arch.shake_shake import shake_shake
from arch.uses import uses
from arch.variants import VARIANTS, model, variant
from arch.variants.published import cifar

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT.parent / "shared" / "reference" / "parameters.csv"


def counted(build):
    """The account of what `build()` gives, without a number in any weight."""
    return account(outline(build))


def account_of(shape, build, **options):
    """The account of a builder's network on inputs of this shape."""

    def made():
        inputs = keras.Input(shape)
        return keras.Model(inputs, build(inputs, **options))

    return counted(made)


def half_of_the_last_digit(figure):
    digits = str(figure)
    return 10 ** (len(digits) - len(digits.rstrip("0"))) // 2


def size(chosen):
    """Parameters and multiply-adds as `account` tells them, without its look into the backward pass, for speed."""
    made = outline(lambda: model(chosen))
    work = [multiply_adds(use) for use in uses(made)]
    assert None not in work
    return sum(prod(weight.shape) for weight in made.trainable_weights), sum(work)


DEEPEST = ("cifar_resnet1202", "preact_resnet1001")  # many seconds to build; every block of a stage adds the same


@pytest.mark.parametrize("name", [n for n, v in VARIANTS.items() if v.parameters and n not in DEEPEST])
def test_published_sizes_come_out(name):
    published = VARIANTS[name]
    parameters, work = size(published)
    if published.parameters is not None:
        assert parameters == published.parameters
    if published.multiply_adds is not None:
        assert abs(work - published.multiply_adds) <= half_of_the_last_digit(published.multiply_adds)


def test_the_deepest_network_follows_from_two_shallow_ones():
    # 1202 layers take many seconds to build; every block of a stage adds the same.
    three, five = (size(VARIANTS[f"cifar_resnet{depth}"])[0] for depth in (20, 32))
    deepest = VARIANTS["cifar_resnet1202"]
    assert deepest.options["blocks"] == (200, 200, 200)
    assert three + (200 - 3) * (five - three) // 2 == deepest.parameters
    one, two = (size(cifar("resnet", "", blocks=(count,) * 3, block="preact_bottleneck"))[0] for count in (1, 2))
    assert VARIANTS["preact_resnet1001"].options["blocks"] == (111, 111, 111)
    scales = 12 * 111 * (16 + 32 + 64)  # of normalization, which the paper does not count
    assert f"{(one + 110 * (two - one) - scales) / 1e6:.1f}" == "10.2"  # He 2016b, table 4


def test_an_outline_stays_empty_when_another_scope_ends():
    made = outline(lambda: model(VARIANTS["lenet5"]))
    with keras.StatelessScope():  # whose end fills whatever weights wait for it
        pass
    assert [weight.path for weight in made.weights if weight._value is not None] == []


def test_the_table_agrees_with_the_reference():
    if not REFERENCE.exists():
        pytest.skip(f"no {REFERENCE}")
    rows = {row["name"]: row for row in csv.DictReader(REFERENCE.open())}
    for name in rows.keys() & VARIANTS.keys():
        assert VARIANTS[name].parameters == int(rows[name]["trainable_parameters"]), name
        if VARIANTS[name].multiply_adds and rows[name]["multiply_adds"]:
            printed = int(rows[name]["multiply_adds"])
            assert abs(VARIANTS[name].multiply_adds - printed) <= half_of_the_last_digit(printed), name


# As printed: Zagoruyko 2016, table 4; Huang 2017, table 2; Howard 2017, table 6; Gastaldi 2017, table 1.
IN_MILLIONS = {
    "wide_resnet40_1": "0.6",
    "wide_resnet40_2": "2.2",
    "wide_resnet40_4": "8.9",
    "wide_resnet40_8": "35.7",
    "wide_resnet28_12": "52.5",
    "wide_resnet22_8": "17.2",
    "wide_resnet22_10": "26.8",
    "wide_resnet16_10": "17.1",
    "densenet40_12": "1.0",
    "densenet100_12": "7.0",
    "densenet_bc250_24": "15.3",
    "densenet_bc190_40": "25.6",
    "mobilenet_v1_075": "2.6",
    "mobilenet_v1_050": "1.3",
    "mobilenet_v1_025": "0.5",
    "shake_shake26_2x32d": "2.9",
    "shake_shake26_2x64d": "11.7",
    "shake_shake26_2x96d": "26.2",
}


@pytest.mark.parametrize("name", IN_MILLIONS)
def test_sizes_come_out_that_papers_print_in_millions(name):
    assert f"{size(VARIANTS[name])[0] / 1e6:.1f}" == IN_MILLIONS[name]


def test_a_separable_convolution_costs_the_papers_share_of_a_full_one():
    before, after, size = 7, 11, 3

    def separable(inputs):
        return conv(depthwise_norm(inputs, (size,), kind="relu", name="places"), after, 1, name="channels")

    full = account_of((5, 13, before), lambda inputs: conv(inputs, after, size, name="full"))
    parts = account_of((5, 13, before), separable)
    # Howard 2017, section 3.1: 1 / N + 1 / D_K ** 2; a batch normalization stands between the two
    assert parts.multiply_adds * after * size**2 == full.multiply_adds * (size**2 + after)
    assert (parts.parameters - 2 * before) * after * size**2 == full.parameters * (size**2 + after)


def test_mobilenet_of_full_convolutions_would_cost_what_the_paper_says():
    found = counted(lambda: model(VARIANTS["mobilenet_v1"]))
    rows = {row.name: row for row in found.layers}
    places = [row for row in found.layers if row.name.endswith("depthwise_conv")]
    more_work = more_weights = 0
    for row in places:
        pointwise = rows[row.name.replace("depthwise", "pointwise")]
        channels = row.output_shape[-1]
        more_weights += 9 * pointwise.trainable - pointwise.trainable - row.trainable - 2 * channels
        more_work += 8 * pointwise.multiply_adds - row.multiply_adds
    assert round((found.multiply_adds + more_work) / 1e7) == 487  # Howard 2017, table 4: 4866 million
    assert f"{(found.parameters + more_weights) / 1e6:.1f}" == "29.3"


def test_a_squeeze_and_excitation_gate_adds_what_the_paper_says():
    plain, gated = (counted(lambda n=name: model(VARIANTS[n])) for name in ("resnet50", "se_resnet50"))
    stages = ((3, 256), (4, 512), (6, 1024), (3, 2048))
    # Hu 2018, equation 5 with r = 16, "~2.5 million"; the biases of both layers come on top
    squares = 2 * sum(blocks * channels**2 for blocks, channels in stages) // 16
    biases = sum(blocks * (channels + channels // 16) for blocks, channels in stages)
    assert gated.parameters - plain.parameters == squares + biases
    assert f"{squares / 1e6:.1f}" == "2.5"
    # one product a weight; the paper's 0.26 % of work counts the pooling and the scaling too
    assert gated.multiply_adds - plain.multiply_adds == squares
    assert (gated.multiply_adds - plain.multiply_adds) / plain.multiply_adds < 0.0026


def block_of(kind, channels, inner, cardinality=1):
    """The account of one residual block on maps with that many channels, without the stem before it."""
    plan = Plan("block", (1,), channels, inner, channels, kind, "small", 0.0, 0.0, cardinality=cardinality)
    rows = account_of((5, 13, channels), lambda inputs: trunk(inputs, plan)).layers
    rows = [row for row in rows if row.name.startswith("stage0_block0_conv")]
    return sum(row.trainable for row in rows), sum(row.multiply_adds for row in rows)


def test_a_bottleneck_on_four_times_the_channels_costs_less_than_a_basic_block():
    basic, bottleneck = block_of("basic", 64, 64), block_of("bottleneck", 256, 64)
    # He 2016, figure 5: 2 * 9 * 64 ** 2 against (256 + 9 * 64 + 256) * 64
    assert basic == (73728, 73728 * 5 * 13)
    assert bottleneck == (69632, 69632 * 5 * 13)


def test_thirty_two_narrow_paths_cost_what_one_wide_path_costs():
    one, many = block_of("bottleneck", 256, 64), block_of("bottleneck", 256, 128, cardinality=32)
    # Xie 2017, equation 4: 32 * (256 * 4 + 9 * 4 * 4 + 4 * 256), "approximately 70k" as the bottleneck's
    assert many == (70144, 70144 * 5 * 13)
    assert round(many[0], -4) == round(one[0], -4) == 70000


def test_work_grows_with_the_square_of_the_width_and_in_proportion_to_the_depth():
    def work(**options):
        found = account_of((32, 32, 3), resnet, **options).layers
        return sum(row.multiply_adds for row in found if row.name.startswith("stage0"))

    once = work(blocks=(3,), width=16)
    assert work(blocks=(3,), width=32) == 4 * once
    assert work(blocks=(6,), width=16) == 2 * once


def test_compound_scaling_about_doubles_the_work_with_each_unit_of_phi():
    assert compound_scale(0) == (1.0, 1.0, 224)
    assert compound_scale(1) == pytest.approx((1.2, 1.1, 258), rel=1e-3)
    depth, width, resolution = compound_scale(3)
    # Tan 2019, equation 3: alpha beta^2 gamma^2 is about 2, namely 1.92; the side is rounded to a pixel
    assert depth * width**2 * (resolution / 224) ** 2 == pytest.approx(1.92**3, rel=0.01)
    with pytest.raises(ValueError, match=r"^efficientnet: phi must be at least 0, got -0\.5$"):
        compound_scale(-0.5)


def test_phi_scales_efficientnet_as_its_factors_do():
    def names(**options):
        found = account_of((32, 32, 3), efficientnet, **options)
        return [(row.name, row.output_shape) for row in found.layers[1:]]

    assert names(phi=1.0) == names(widen=1.1, deepen=1.2)


def test_mixed_kernels_share_out_the_channels():
    found = account_of((13, 5), lambda x: depthwise_norm(x, (3, 5), kind="relu", name="mixed"))
    rows = {row.name: row for row in found.layers}
    # five channels: the first share takes the one that is left over
    assert rows["mixed_conv0"].trainable == 3 * 3
    assert rows["mixed_conv1"].trainable == 2 * 5


def test_a_dilated_network_has_the_papers_weights():
    width = 6
    found = account_of((5, 13, width), dilated_cnn, width=width, norm="none")
    kernels = sum(row.trainable for row in found.layers) - 8 * width  # without biases
    assert kernels == 64 * width**2  # Yu 2016, section 3: approximately 64 C^2


@pytest.mark.parametrize(
    ("build", "options"), [(resnet, {"block": "bottleneck"}), (mobilenet, {}), (shake_shake, {"blocks": (1, 1)})]
)
def test_weights_do_not_depend_on_the_length(build, options):
    short, long = (account_of((side, side, 3), build, **options) for side in (16, 32))
    assert short.parameters == long.parameters
    assert short.multiply_adds * 3 < long.multiply_adds


def test_variants_are_read_without_keras():
    script = (
        "import sys, arch.variants as v; v.variant('resnet50'); print(sorted({'keras', 'tensorflow'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_variants_take_another_input_and_other_classes():
    made = outline(lambda: model(variant("cifar_resnet20", input_shape=(16, 8, 1), classes=7)))
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
