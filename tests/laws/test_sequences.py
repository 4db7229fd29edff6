"""Laws of the sequence builders: memory, order, padding, positions, and the published numbers of weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from arch import builder
from arch.positional import positional_cnn
from arch.recurrent import recurrent
from arch.sequences import SequenceMaxPool1D, SequencePool
from arch.tcn import receptive_field, tcn
from arch.transformer import LearnedPositions, SelfAttention, SinusoidalPositions, rotate, transformer_encoder
from arch.wide_deep import wide_deep

ROUNDING = {"rtol": 1e-4, "atol": 1e-5}  # float32 sums in another order or of another length

MASKED = [
    ("tcn", {"width": 7, "dilations": (1, 3), "pool": "average"}),
    ("tcn", {"width": 7, "dilations": (1, 3), "pool": "max", "activation": "gated"}),
    ("tcn", {"width": 7, "dilations": (2,), "pool": "last", "causal": True}),
    ("recurrent", {"cell": "rnn", "units": (5, 3)}),
    ("recurrent", {"cell": "lstm", "units": (5, 3), "bidirectional": True}),
    ("recurrent", {"cell": "gru", "units": (5,), "bidirectional": True, "pool": "average"}),
    ("recurrent", {"cell": "gru", "units": (5,), "pool": "max"}),
    ("kmer_deep", {"kmers": (1, 2), "gaps": (2,), "widths": (5,), "kernel_size": 3, "units": 7}),
    ("spectrum", {"letters": 3, "span": 4, "units": 7}),
    ("transformer_encoder", {"depth": 2, "width": 12, "heads": 3, "positions": "rotary"}),
    ("transformer_encoder", {"depth": 1, "width": 12, "heads": 3, "norm": "post", "positions": "sinusoidal"}),
]


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def model_of(build, length: int | None, channels: int, **options) -> keras.Model:
    inputs = keras.Input((length, channels))
    return keras.Model(inputs, build(inputs, **options))


def touched(model: keras.Model, length: int, channels: int, output: int) -> np.ndarray:
    """The positions whose change changes the output at one position, seen by changing each in turn."""
    x = np.repeat(noise(1, length, channels), length + 1, axis=0)
    x[np.arange(length), np.arange(length)] += 3.0
    y = model.predict(x, verbose=0)[:, output]
    return np.flatnonzero(np.abs(y[:-1] - y[-1]).max(-1))


@pytest.mark.parametrize("activation", ["relu", "gated"])
@pytest.mark.parametrize(("kernel_size", "dilations"), [(3, (1, 2)), (5, (1, 3)), (3, (1, 2, 4))])
def test_a_tcn_sees_exactly_its_receptive_field(kernel_size: int, dilations: tuple, activation: str) -> None:
    field, length = receptive_field(kernel_size, dilations), 67
    options = {"width": 31, "kernel_size": kernel_size, "dilations": dilations, "activation": activation}
    both = touched(model_of(tcn, length, 3, pool="none", **options), length, 3, output=33)
    past = touched(model_of(tcn, length, 3, pool="none", causal=True, **options), length, 3, output=33)
    assert both.tolist() == list(range(33 - field // 2, 33 + field // 2 + 1))
    assert past.tolist() == list(range(33 - field + 1, 34))


@pytest.mark.parametrize(
    ("build", "options"),
    [(tcn, {"width": 5, "causal": True}), (recurrent, {"units": (5, 3), "cell": "gru"})],
    ids=["tcn", "recurrent"],
)
def test_a_later_position_never_changes_an_earlier_output(build, options: dict) -> None:
    model = model_of(build, None, 3, pool="none", **options)
    x = noise(2, 29, 3)
    changed = x.copy()
    changed[:, 17:] += 1.0
    before, after = model.predict(x, verbose=0), model.predict(changed, verbose=0)
    np.testing.assert_allclose(after[:, :17], before[:, :17], **ROUNDING)
    assert np.abs(after[:, 17] - before[:, 17]).max() > 1e-3


@pytest.mark.parametrize(("name", "options"), MASKED)
def test_masked_padding_changes_nothing(name: str, options: dict) -> None:
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, builder(name)(keras.layers.Masking()(inputs), **options))
    x = noise(2, 13, 3)
    padded = np.concatenate([x, np.zeros((2, 6, 3), "float32")], axis=1)
    np.testing.assert_allclose(model.predict(padded, verbose=0), model.predict(x, verbose=0), **ROUNDING)


@pytest.mark.parametrize(
    ("cell", "weights"), [("lstm", 98_816), ("gru", 74_496), ("rnn", 24_704)], ids=["lstm", "gru", "rnn"]
)
def test_recurrent_layers_have_the_published_number_of_weights(cell: str, weights: int) -> None:
    assert model_of(recurrent, None, 64, cell=cell, units=(128,)).count_params() == weights


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "rotary", "none"])
def test_a_transformer_has_the_weights_of_the_closed_form(norm: str, positions: str) -> None:
    depth, d, length, channels = 3, 20, 11, 7
    model = model_of(
        transformer_encoder, length, channels, depth=depth, width=d, heads=5, norm=norm, positions=positions
    )
    layers = depth * (12 * d * d + 13 * d)
    around = (channels + 1) * d + (2 * d if norm == "pre" else 0) + (length * d if positions == "learned" else 0)
    assert model.count_params() == layers + around


@pytest.mark.parametrize(("positions", "blind"), [("none", True), ("rotary", False), ("sinusoidal", False)])
def test_without_positions_a_transformer_is_blind_to_order_and_with_them_it_is_not(positions: str, blind: bool) -> None:
    model = model_of(transformer_encoder, 17, 5, depth=1, width=12, heads=3, positions=positions)
    x = noise(2, 17, 5)
    shuffled = x[:, np.random.default_rng(1).permutation(17)]
    same = np.allclose(model.predict(x, verbose=0), model.predict(shuffled, verbose=0), **ROUNDING)
    assert same == blind


def test_attention_without_positions_is_equivariant_to_permutations() -> None:
    layer, x = SelfAttention(3), noise(2, 17, 12)
    order = np.random.default_rng(1).permutation(17)
    np.testing.assert_allclose(layer(x[:, order]), ops.convert_to_numpy(layer(x))[:, order], **ROUNDING)


def test_rotary_scores_depend_on_the_distance_alone() -> None:
    query, key = (np.broadcast_to(noise(1, 1, 1, 10, seed=seed), (1, 23, 1, 10)) for seed in (1, 2))
    turned = [ops.convert_to_numpy(rotate(ops.convert_to_tensor(x)))[0, :, 0] for x in (query, key)]
    scores = turned[0] @ turned[1].T
    for offset in range(-22, 23):
        diagonal = np.diagonal(scores, offset)
        np.testing.assert_allclose(diagonal, np.full_like(diagonal, diagonal[0]), rtol=1e-4, atol=1e-4)
    assert np.ptp(scores[0]) > 0.1
    np.testing.assert_allclose(scores[0, 0], query[0, 0, 0] @ key[0, 0, 0], rtol=1e-5)  # at no distance nothing turns


def test_sinusoidal_positions_are_the_waves_of_the_paper() -> None:
    waves = ops.convert_to_numpy(SinusoidalPositions()(np.zeros((1, 3, 4), "float32")))[0]
    expected = [[np.sin(t), np.sin(t / 100), np.cos(t), np.cos(t / 100)] for t in range(3)]  # 10000 ** (2/4) = 100
    np.testing.assert_allclose(waves, expected, atol=1e-6)


def test_learned_positions_add_their_table_and_want_a_fixed_length() -> None:
    layer, x = LearnedPositions(), noise(2, 5, 3)
    np.testing.assert_allclose(layer(x) - x, np.broadcast_to(layer.table, (2, 5, 3)), atol=1e-6)
    with pytest.raises(ValueError, match="LearnedPositions: length must be fixed, got None"):
        LearnedPositions()(keras.Input((None, 3)))


def test_self_attention_equals_the_attention_of_keras_with_the_same_weights() -> None:
    ours, theirs, x = SelfAttention(3), keras.layers.MultiHeadAttention(3, 4), noise(2, 7, 12)
    mask = np.array([[True] * 7, [True] * 5 + [False] * 2])
    ours.build(x.shape)
    ours.bias.assign(noise(36, seed=5))
    theirs.build(x.shape, x.shape)
    kernels, biases = np.split(ours.kernel.numpy(), 3, axis=1), np.split(ours.bias.numpy(), 3)
    parts = [
        w for kernel, bias in zip(kernels, biases, strict=True) for w in (kernel.reshape(12, 3, 4), bias.reshape(3, 4))
    ]
    theirs.set_weights([*parts, ours.out_kernel.numpy().reshape(3, 4, 12), ours.out_bias.numpy()])
    expected = theirs(x, x, key_mask=mask)
    np.testing.assert_allclose(ours(x, mask=mask), expected, rtol=1e-5, atol=1e-6)


def test_products_of_attention_are_counted() -> None:
    assert SelfAttention(3).multiply_adds((None, 7, 12)) == 7 * 4 * 144 + 2 * 49 * 12


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("last", [[3, -4], [7, -8]]),
        ("average", [[2, -3], [7, -8]]),
        ("max", [[3, -2], [7, -8]]),
        ("flatten", [[1, -2, 3, -4, 0, 0], [7, -8, 0, 0, 0, 0]]),
    ],
)
def test_pooling_leaves_masked_positions_out(kind: str, expected: list) -> None:
    x = np.array([[[1, -2], [3, -4], [50, 60]], [[7, -8], [9, -1], [8, 8]]], "float32")
    mask = np.array([[True, True, False], [True, False, False]])
    np.testing.assert_array_equal(SequencePool(kind)(x, mask=mask), expected)


def test_windows_leave_masked_positions_out() -> None:
    x = np.array([[[1.0], [5.0], [2.0], [7.0], [3.0]]], "float32")
    mask = np.array([[True, False, True, False, False]])
    assert SequenceMaxPool1D(2, padding="same")(x, mask=mask)[0, :, 0].numpy().tolist() == [1, 2, 0]
    assert SequenceMaxPool1D(2, padding="same")(x)[0, :, 0].numpy().tolist() == [5, 7, 3]


@pytest.mark.parametrize("kind", ["last", "average", "max", "flatten"])
def test_a_row_of_padding_alone_stays_finite(kind: str) -> None:
    assert np.isfinite(SequencePool(kind)(noise(1, 3, 2), mask=np.zeros((1, 3), bool))).all()


def test_an_average_in_half_precision_does_not_run_over() -> None:
    x = np.full((1, 251, 1), 1000, "float16")
    assert float(SequencePool("average", dtype="float16")(x)[0, 0]) == pytest.approx(1000, rel=0.01)  # 251 roundings


def test_the_wide_path_is_the_words_themselves_and_the_features_are_all_there() -> None:
    model = model_of(wide_deep, 11, 4, kmers=(1, 2), widths=(5,), kernel_size=3, units=3)
    x = np.eye(4, dtype="float32")[np.random.default_rng(0).integers(0, 4, (2, 11))]
    features = model.predict(x, verbose=0)
    assert features.shape == (2, 11 * 4 + 10 * 16 + 3)
    np.testing.assert_array_equal(features[:, :44], x.reshape(2, 44))
    assert features[:, 44:204].sum(-1).tolist() == [10, 10]


def test_a_place_speaks_in_its_window_alone_and_means_another_thing_elsewhere() -> None:
    model = model_of(positional_cnn, 11, 4, width=5, kernel_size=1, blocks=0, window=3, reads=2, units=1)
    x = np.eye(4, dtype="float32")[np.zeros((3, 11), int)]
    x[1, 4] = x[2, 7] = [0, 0, 0, 1]  # one letter at another place: within the second, and the third, window of four
    evidence = model.predict(x, verbose=0)[:, :8].reshape(3, 4, 2)
    assert evidence.min() > 0
    changed = np.abs(evidence[1:] - evidence[0]).max(-1) > 1e-4
    assert changed.tolist() == [[False, True, False, False], [False, False, True, False]]
    moved = evidence[1:] - evidence[0]
    assert np.abs(moved[0, 1] - moved[1, 2]).max() > 1e-4


def test_what_is_masked_says_nothing() -> None:
    inputs = keras.Input((11, 4))
    options = {"width": 5, "kernel_size": 3, "blocks": 1, "window": 3, "reads": 2, "units": 3}
    model = keras.Model(inputs, positional_cnn(keras.layers.Masking()(inputs), **options))
    model.get_layer("stem").bias.assign(np.arange(5))  # which padding would otherwise read
    x = noise(2, 11, 4)
    x[:, 6:] = 0
    features = model.predict(x, verbose=0)[:, 4:8]  # of the last two windows, which are all padding
    bias = keras.ops.softplus(model.get_layer("windows").bias[2:])
    np.testing.assert_allclose(features, np.tile(np.ravel(bias), (2, 1)), rtol=1e-6)


@pytest.mark.parametrize(
    ("build", "length", "options", "message"),
    [
        (wide_deep, None, {}, "wide_deep: length must be fixed, got None"),
        (positional_cnn, None, {}, "positional_cnn: length must be fixed, got None"),
        (wide_deep, 5, {"kmers": (2, 7)}, r"wide_deep: kmers must not exceed the length \(5\), got \(2, 7\)"),
        (tcn, 5, {"kernel_size": 4}, "tcn: kernel_size must be odd when not causal, got 4"),
        (tcn, 5, {"dilations": ()}, r"tcn: dilations must be positive, got \(\)"),
        (tcn, None, {"pool": "flatten"}, "SequencePool: length must be fixed to flatten, got None"),
        (recurrent, 5, {"cell": "cnn"}, "recurrent: cell must be one of rnn, lstm, gru, got 'cnn'"),
        (recurrent, 5, {"pool": "sum"}, "recurrent: pool must be one of .*, got 'sum'"),
        (transformer_encoder, 5, {"width": 30}, r"transformer_encoder: width must be .* heads \(4\), got 30"),
        (
            transformer_encoder,
            5,
            {"width": 12, "heads": 4},
            "transformer_encoder: width must be an even .* rotary positions, got 12",
        ),
    ],
)
def test_options_that_cannot_work_are_refused_in_one_sentence(build, length, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model_of(build, length, 4, **options)


@pytest.mark.parametrize(
    ("build", "options"),
    [
        (tcn, {"width": 8, "activation": "gated"}),
        (recurrent, {"units": (5,), "bidirectional": True}),
        (transformer_encoder, {"depth": 1, "width": 8, "heads": 2}),
    ],
    ids=["tcn", "recurrent", "transformer_encoder"],
)
def test_a_masked_model_in_half_precision_exports_to_a_graph_that_agrees(build, options: dict, tmp_path) -> None:
    inputs = keras.Input((None, 4))
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        features = build(keras.layers.Masking()(inputs), **options)
    finally:
        keras.config.set_dtype_policy("float32")
    model = keras.Model(inputs, keras.layers.Dense(2, dtype="float32")(features))
    model.export(tmp_path / "m", verbose=False)
    x = np.concatenate([noise(2, 11, 4), np.zeros((2, 3, 4), "float32")], axis=1)
    served = tf.saved_model.load(str(tmp_path / "m"))  # the variables live as long as this name
    np.testing.assert_allclose(model(x), served.serve(x), rtol=0.02, atol=0.02)  # bfloat16 keeps 8 bits
