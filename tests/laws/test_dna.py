"""Bases, the other strand, k-mers and strand invariance, against small cases worked by hand."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest

from arch import builder
from arch.dna import KMers, OneHotBases, ReverseComplement, strand_invariant
from arch.kmer_deep import SteadyRoot, WordCounts
from arch.spectrum import GappedWordCounts

A, C, G, T, R, N = 1, 2, 4, 8, 5, 15
COMPLEMENT = {A: T, C: G, G: C, T: A, R: 10, N: N}  # 10 is Y: C or T

SMALL = {
    "mlp": {"widths": (11,)},
    "cnn": {},
    "resnet": {"blocks": (1,), "width": 8},
    "tcn": {"width": 8, "dilations": (1, 2)},
    "recurrent": {"units": (7,)},
    "transformer_encoder": {"depth": 1, "width": 8, "heads": 2},
    "positional_cnn": {"width": 5, "kernel_size": 3, "reads": 2, "units": 3},
    "wide_deep": {"widths": (5,), "units": 3, "kernel_size": 3},
    "kmer_deep": {"kmers": (1, 2, 3), "widths": (5,), "units": 3, "kernel_size": 3},
    "spectrum": {"letters": 3, "span": 4, "units": 5},
}


def codes(*rows: list[int]) -> np.ndarray:
    return np.array(rows, dtype="uint8")


def one_hot(*rows: list[int]) -> np.ndarray:
    return keras.ops.convert_to_numpy(OneHotBases()(codes(*rows)))


def test_a_code_spreads_its_mass_evenly_over_its_bases() -> None:
    expected = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0.5, 0, 0.5, 0], [0.25] * 4, [0] * 4]
    np.testing.assert_array_equal(one_hot([A, C, G, T, R, N, 0])[0], expected)


def test_every_code_but_padding_has_mass_one() -> None:
    np.testing.assert_allclose(one_hot(list(range(16)))[0].sum(-1), [0] + [1] * 15, rtol=1e-6)  # thirds are rounded


@pytest.mark.parametrize(("masked", "expected"), [(False, None), (True, [[True, True, False]])])
def test_padding_is_masked_where_asked(masked: bool, expected: list | None) -> None:
    mask = OneHotBases(masked=masked).compute_mask(codes([A, N, 0]))
    assert (mask if mask is None else keras.ops.convert_to_numpy(mask).tolist()) == expected


def test_bases_come_in_the_compute_dtype_of_the_policy() -> None:
    assert keras.backend.standardize_dtype(OneHotBases(dtype="mixed_bfloat16")(codes([A])).dtype) == "bfloat16"


def test_the_other_strand_is_read_backwards_and_stays_padded_at_the_right() -> None:
    rows = [[A, C, G, R, N], [A, A, C, 0, 0], [0, 0, 0, 0, 0]]
    other = [[N, 10, C, G, T], [G, T, T, 0, 0], [0, 0, 0, 0, 0]]
    result = keras.ops.convert_to_numpy(ReverseComplement()(one_hot(*rows)))
    np.testing.assert_array_equal(result, one_hot(*other))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(ReverseComplement()(result)), one_hot(*rows))


def test_words_of_two_letters_are_in_alphabetical_order() -> None:
    words = keras.ops.convert_to_numpy(KMers(2)(one_hot([A, C, T])))
    assert words.shape == (1, 2, 16)
    assert words[0].argmax(-1).tolist() == [1, 7]  # AC = 4 * 0 + 1, CT = 4 * 1 + 3
    assert words[0].sum(-1).tolist() == [1, 1]


def test_an_ambiguous_base_spreads_its_word_and_padding_has_none() -> None:
    words = keras.ops.convert_to_numpy(KMers(2)(one_hot([C, N, R, 0])))
    expected = np.zeros((3, 4, 4))
    expected[0, 1] = 0.25  # C then any
    expected[1, :, [0, 2]] = 0.125  # any then A or G
    np.testing.assert_array_equal(words[0], expected.reshape(3, 16))


def test_words_of_three_letters_count_what_a_loop_counts() -> None:
    rows = np.random.default_rng(3).integers(0, 4, (5, 11))
    words = keras.ops.convert_to_numpy(KMers(3)(np.eye(4, dtype="float32")[rows]))
    loop = [[16 * row[t] + 4 * row[t + 1] + row[t + 2] for t in range(9)] for row in rows]
    assert words.shape == (5, 9, 64)
    np.testing.assert_array_equal(words.argmax(-1), loop)
    np.testing.assert_array_equal(words.sum(-1), np.ones((5, 9)))


def test_words_of_one_letter_are_the_letters_and_channels_need_not_be_four() -> None:
    x = np.random.default_rng(1).normal(size=(2, 7, 5)).astype("float32")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(KMers(1)(x)), x)
    assert KMers(2)(keras.Input((None, 5))).shape == (None, None, 25)


def test_a_word_is_masked_as_soon_as_it_touches_padding() -> None:
    mask = KMers(3).compute_mask(np.zeros((1, 6, 4), "float32"), np.array([[True] * 4 + [False] * 2]))
    assert keras.ops.convert_to_numpy(mask).tolist() == [[True, True, False, False]]


@pytest.mark.parametrize(("k", "gap"), [(1, 0), (2, 0), (3, 2), (5, 0), (4, 3)])
def test_counts_of_words_with_gaps_are_what_a_loop_counts(k: int, gap: int) -> None:
    rows = np.random.default_rng(5).integers(0, 4, (3, 13))
    half = k // 2 or 1
    loop = np.zeros((3, 4**k))
    for row, letters in enumerate(rows):
        for t in range(13 - k - gap + 1):
            word = [*letters[t : t + half], *letters[t + half + gap : t + k + gap]]
            loop[row, int("".join(map(str, word)), 4)] += 1
    counts = keras.ops.convert_to_numpy(WordCounts(k, gap)(np.eye(4, dtype="float32")[rows]))
    np.testing.assert_array_equal(counts, loop)  # sums of ones are exact


@pytest.mark.parametrize(("k", "span"), [(2, 2), (2, 5), (3, 3), (3, 5), (5, 7), (6, 8)])
def test_counts_of_words_with_letters_left_out_are_what_a_loop_counts(k: int, span: int) -> None:
    rows = np.random.default_rng(6).integers(0, 4, (3, 17))
    loop = np.zeros((3, 4**k))
    for between in itertools.combinations(range(1, span - 1), k - 2):
        for t in range(17 - span + 1):
            for row, word in enumerate(rows[:, [t, *(t + place for place in between), t + span - 1]]):
                loop[row, int("".join(map(str, word)), 4)] += 1
    inputs = np.eye(4, dtype="float32")[rows]
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(GappedWordCounts(k, span)(inputs)), loop)
    if span == k:
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(WordCounts(k)(inputs)), loop)


def test_the_other_strand_has_the_complements_of_the_words() -> None:
    rows = np.random.default_rng(7).integers(0, 4, (3, 17))
    own, other = (GappedWordCounts(4, 6)(np.eye(4, dtype="float32")[r]) for r in (rows, 3 - rows[:, ::-1]))
    complements = [int("".join(str(3 - int(c)) for c in reversed(np.base_repr(w, 4).zfill(4))), 4) for w in range(256)]
    np.testing.assert_array_equal(np.array(own)[:, complements], np.array(other))


def test_every_row_of_counts_has_the_same_length() -> None:
    inputs = keras.Input((8, 4))
    model = keras.Model(inputs, builder("spectrum")(inputs, letters=2, span=2, scale=3.0, units=1))
    rows = np.eye(4, dtype="float32")[[[0, 0, 0, 0, 1, 1, 1, 1], [2, 2, 2, 2, 2, 2, 2, 2]]]
    lengths = np.linalg.norm(keras.Model(inputs, model.get_layer("length").output)(rows), axis=1)
    np.testing.assert_allclose(lengths, 3.0, rtol=1e-6)


def test_words_in_padding_are_not_counted_and_ambiguous_ones_in_parts() -> None:
    counts = keras.ops.convert_to_numpy(WordCounts(2)(one_hot([C, R, C, 0, 0])))[0].reshape(4, 4)
    assert counts[1].tolist() == [0.5, 0, 0.5, 0]  # CA and CG
    assert counts[:, 1].tolist() == [0.5, 0, 0.5, 0]  # AC and GC
    assert counts.sum() == 2


def test_roots_of_counts_have_one_spread_whatever_their_mean():
    exact = np.array([0, 2, 6, 12, -1], "float32")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(SteadyRoot()(exact)), [0, 2, 4, 6, 0])
    counts = np.random.default_rng(0).poisson([[3.0], [11.0], [101.0]], (3, 20_011)).astype("float32")
    spread = keras.ops.convert_to_numpy(SteadyRoot()(counts)).std(1)
    np.testing.assert_allclose(spread, 1, atol=0.12)  # Anscombe 1948: 1 as the mean grows; near 1.1 at 3


def test_products_of_words_are_counted() -> None:
    assert KMers(3).multiply_adds((None, 11, 4)) == 9 * (16 + 64)
    assert WordCounts(4, 3).multiply_adds((None, 11, 4)) == 5 * 256
    assert GappedWordCounts(4, 6).multiply_adds((None, 11, 4)) == 6 * 3 * 256


@pytest.mark.parametrize("k", [0, 8])
def test_words_that_do_not_fit_are_refused(k: int) -> None:
    with pytest.raises(ValueError, match=r"KMers: .*got"):
        KMers(k)(np.zeros((1, 7, 4), "float32"))


@pytest.mark.parametrize("name", sorted(SMALL))
def test_features_of_a_sequence_and_of_its_other_strand_are_equal(name: str) -> None:
    inputs = keras.Input((23,), dtype="uint8")
    features = strand_invariant(builder(name))(OneHotBases()(inputs), **SMALL[name])
    model = keras.Model(inputs, features)
    rows = np.random.default_rng(7).choice([A, C, G, T, R, N], (3, 23)).astype("uint8")
    other = np.vectorize(COMPLEMENT.get)(rows[:, ::-1]).astype("uint8")
    one_way, other_way = model.predict(rows, verbose=0), model.predict(other, verbose=0)
    np.testing.assert_allclose(one_way, other_way, rtol=1e-5, atol=1e-6)  # a sum of two in either order
    assert np.ptp(one_way, axis=0).max() > 1e-3  # the features are not the same for every sequence


def test_strand_invariance_holds_with_masked_padding_which_changes_nothing() -> None:
    inputs = keras.Input((None,), dtype="uint8")
    model = keras.Model(inputs, strand_invariant(builder("recurrent"))(OneHotBases(masked=True)(inputs), units=(5,)))
    short, padded, other = [[A, A, C, G, T]], [[A, A, C, G, T, 0, 0]], [[A, C, G, T, T, 0, 0, 0]]
    expected = model.predict(codes(*short), verbose=0)
    for row in (padded, other):
        np.testing.assert_allclose(model.predict(codes(*row), verbose=0), expected, rtol=1e-5, atol=1e-6)


def test_strand_invariance_adds_no_weights_and_survives_saving(tmp_path) -> None:
    inputs = keras.Input((13,), dtype="uint8")
    x = OneHotBases(masked=True)(inputs)
    plain = keras.Model(inputs, builder("tcn")(x, **SMALL["tcn"]))
    model = keras.Model(inputs, strand_invariant(builder("tcn"))(x, **SMALL["tcn"]))
    assert model.count_params() == plain.count_params()
    model.save(tmp_path / "m.keras")
    row = codes([A, C, R, N, T, T, G, A, C, C, C, 0, 0])
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(row, verbose=0), model.predict(row, verbose=0))


def test_strand_invariance_wants_four_channels_and_a_vector() -> None:
    with pytest.raises(ValueError, match="strand_invariant: inputs must have 4 channels, got 5"):
        strand_invariant(builder("tcn"))(keras.Input((13, 5)))
    with pytest.raises(ValueError, match="strand_invariant: features must be a vector, got"):
        strand_invariant(builder("tcn"))(keras.Input((13, 4)), pool="none")
