"""Contributions add up, and motifs are found where they were planted, on either strand."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from arch.attribution import integrated_gradients
from arch.dna import OneHotBases
from data.sequences import encode, other_strand
from pipelines.genomics.importance import gradients, mutagenesis, score_of
from pipelines.genomics.motifs import SAME, find_motifs, similarity


def test_contributions_sum_to_what_changes():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(7, 7)).astype("float32")
    x, b = rng.normal(size=(2, 11, 7)).astype("float32")

    def quadratic(x):  # the midpoint rule is exact for a gradient that is linear along the way
        return ops.sum(ops.matmul(x, matrix) * x, axis=-1)

    found = integrated_gradients(quadratic, x, b, steps=3, batch_size=4)
    np.testing.assert_allclose(found.sum(1), quadratic(x) - quadratic(b), rtol=1e-4, atol=1e-4)
    linear = integrated_gradients(lambda x: ops.matmul(x, matrix[0]), x, b, steps=1)
    np.testing.assert_allclose(linear, (x - b) * matrix[0], rtol=1e-5, atol=1e-6)


def test_contributions_need_a_step_and_a_row():
    with pytest.raises(ValueError, match="integrated_gradients: steps must be"):
        integrated_gradients(lambda x: x, np.ones((1, 2)), np.zeros(2), steps=0)


def counting_model(length):
    """Logits (0, 3 * number of CG, -1): an answer that is known."""
    codes = keras.Input((length,), dtype="uint8", name="sequence")
    bases = OneHotBases(name="bases")(codes)
    pairs = layers.Lambda(lambda x: 3 * ops.sum(x[:, :-1, 1] * x[:, 1:, 2], axis=1, keepdims=True))(bases)
    zero = layers.Lambda(lambda x: ops.zeros_like(x))(pairs)
    return keras.Model({"sequence": codes}, layers.Concatenate()([zero, pairs, zero - 1]))


def test_a_base_contributes_what_its_changes_lose():
    model = counting_model(7)
    codes = encode(["AACGAAA", "AAAAACA"])[np.arange(2)]
    value = mutagenesis(model, codes, score_of("value", 1))
    np.testing.assert_allclose(value.contributions, [[0, 0, 3, 3, 0, 0, 0], [0, 0, 0, 0, 0, 0, -1]], atol=1e-6)
    assert value.effects[0, 2].tolist() == [-3, 0, -3, -3]
    assert value.effects[1, 6].tolist() == [0, 0, 3, 0]
    odds = mutagenesis(model, codes, score_of("class", 1)).contributions  # one class more moves no difference of logits
    np.testing.assert_allclose(odds, value.contributions, atol=1e-5)
    found = gradients(model, codes, score_of("value", 1))
    even = 3 * 6 / 16  # of a sequence of which nothing is known
    np.testing.assert_allclose(found.contributions.sum(1), [3 - even, -even], rtol=1e-3)
    assert set(found.contributions[0].argsort()[-2:]) == {2, 3}


def test_padding_contributes_nothing():
    model = counting_model(7)
    codes = encode(["ACGT", "AACGAAA"], longest=7)[np.arange(2)]
    found = mutagenesis(model, codes, score_of("value", 1))
    assert not found.contributions[0, 4:].any()
    assert not found.effects[0, 4:].any()


PLANTED = {"GCCACTAGAGGGC": 60, "AAAGAGGAAGTG": 40}


def planted(seed, motifs=PLANTED):
    """Random sequences, each with a motif on a random strand, its bases weighed, and noise on all others."""
    rng = np.random.default_rng(seed)
    texts, weights = [], []
    for motif, count in motifs.items():
        for _ in range(count):
            text = rng.choice(list("ACGT"), 50)
            letters = motif if rng.random() < 0.5 else other_strand(motif)
            start = rng.integers(0, 50 - len(motif))
            text[start : start + len(motif)] = list(letters)
            weight = rng.normal(0, 0.1, 50)
            weight[start : start + len(motif)] += 1
            texts.append("".join(text))
            weights.append(weight)
    bases = np.eye(4)[[["ACGT".index(base) for base in text] for text in texts]]
    return bases, np.array(weights)


@pytest.mark.parametrize("seed", [0, 1])
def test_planted_motifs_and_no_others_are_found_on_both_strands(seed):
    bases, weights = planted(seed)
    found = find_motifs(bases, weights, 5, width=15)
    assert len(found) == len(PLANTED)
    for motif, (wanted, count) in zip(found, PLANTED.items(), strict=True):
        assert wanted[1:-1] in motif.consensus  # both are written with more purines than pyrimidines
        assert abs(motif.windows - count) <= 3
        assert motif.information.max() <= 2
        np.testing.assert_allclose(motif.frequencies.sum(1), 1)
    assert 0.3 < found[0].share < 0.8


def test_a_motif_is_read_on_one_strand_whichever_its_sequences_are_read_on():
    bases, weights = planted(0)
    other = find_motifs(bases[:, ::-1, ::-1], weights[:, ::-1], 2)
    for one, turned in zip(find_motifs(bases, weights, 2), other, strict=True):
        assert one.consensus == turned.consensus
        assert one.windows == turned.windows
        assert [place.strand for place in one.places] != [place.strand for place in turned.places]


def test_a_motif_that_stands_on_one_strand_is_told_on_it():
    """As that before an acceptor site does, though it is rich in pyrimidines."""
    rng = np.random.default_rng(0)
    bases, weights = np.eye(4)[rng.integers(0, 4, (50, 60))], np.zeros((50, 60))
    for row, start in enumerate(rng.integers(5, 40, 50)):
        bases[row, start : start + 13], weights[row, start : start + 13] = one_hot("CTCTTTCCTGCAG"), 1.0
    for read, wanted in ((slice(None), "CTCTTTCCTGCAG"), (slice(None, None, -1), "CTGCAGGAAAGAG")):
        (motif,) = find_motifs(bases[:, read, read], weights[:, read], 2, width=13)
        assert motif.consensus == wanted
        assert {place.strand for place in motif.places} == {"+"}


def one_hot(letters):
    return np.eye(4)[["ACGT".index(base) for base in letters]]


def test_a_motif_is_known_again_where_it_is_shifted_or_turned():
    core, edges = "GCCACTAGGGGGCAC", "TTGCA"
    long = one_hot(edges + core + edges)
    for shift in (-5, -1, 0, 3, 5):
        one, other = long[5:20], long[5 + shift : 20 + shift]
        assert similarity(one, other) == (pytest.approx(1), False, shift)
        assert similarity(one, other[::-1, ::-1]) == (pytest.approx(1), True, shift)
    even = np.full((15, 4), 0.25)
    assert similarity(long[5:20], even)[0] == 0


def test_motifs_that_differ_are_not_taken_for_one():
    known = ["GCCACCAGGGGGC", "AAAGAGGAAGTGA", "ATGAGTCATATGC", "CCGCCCACGCTGA", "GATTACAGATAAG", "TTGCGCAATCCGT"]
    scores = [similarity(one_hot(a), one_hot(b))[0] for i, a in enumerate(known) for b in known[:i]]
    assert max(scores) < SAME
    boxes = [np.pad(one_hot(core) - 0.25, ((4, 3), (0, 0))) + 0.25 for core in ("CACGTG", "CAGCTG")]
    assert similarity(*boxes)[0] < SAME  # four bases of six


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_has_the_middle_of_a_motif_alone_counts_to_it(seed):
    bases, weights = planted(seed, {"AAAAAGAGGAAGTGA": 40, "GAGGAAGTG": 20})
    (motif,) = find_motifs(bases, weights, 5)
    assert motif.windows >= 55
    assert len({place.row for place in motif.places}) == motif.windows == len(motif.places)


def test_places_of_a_motif_are_where_it_was_planted():
    bases, weights = planted(0)
    motif = find_motifs(bases, weights, 1)[0]
    at = motif.consensus.index("CCACTAGAGGG")
    for row, start, strand, strength in motif.places[:50]:
        read = bases[row] if strand == "+" else bases[row, ::-1, ::-1]
        start = start if strand == "+" else 50 - start - 15
        letters = "".join("ACGT"[i] for i in read.argmax(1)[start + at : start + at + 11])
        assert letters == "CCACTAGAGGG"
        assert strength > 10


@pytest.mark.parametrize("seed", range(3))
def test_random_bases_make_no_motif(seed):
    rng = np.random.default_rng(seed)
    bases = np.eye(4)[rng.integers(0, 4, (60, 50))]
    assert find_motifs(bases, rng.normal(size=(60, 50)), 3, width=15) == []


def test_what_weighs_nothing_has_no_motif():
    bases, weights = planted(0)
    assert find_motifs(bases, 0 * weights, 2) == []
    assert find_motifs(bases, -abs(weights), 2) == []
