"""Stratified parts, folds in which every row is tested once, and kin that never straddle them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import BadInput
from data.folds import fold_numbers, grouped_split, stratified_split
from data.folds import folds as folds_of_rows
from data.genomics import GenomicsData, folds, load
from data.kmers import canonical_kmers, kmer_groups, shares_kmer
from data.sequences import decode, encode
from data.splits import Rows, Splits

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def kmers_of(sequence: str, k: int) -> set[str]:
    """The plain k-mers of both strands, without those that hold an ambiguous base."""
    both = (sequence, sequence[::-1].translate(COMPLEMENT))
    windows = {text[start : start + k] for text in both for start in range(len(text) - k + 1)}
    return {window for window in windows if set(window) <= set("ACGT")}


def groups_by_hand(sequences: list[str], k: int) -> list[int]:
    """The lowest row that each row is linked to, by walking from row to row."""
    kmers = [kmers_of(sequence, k) for sequence in sequences]
    lowest = list(range(len(sequences)))
    for _ in sequences:
        for a in range(len(sequences)):
            for b in range(len(sequences)):
                if kmers[a] & kmers[b]:
                    lowest[a] = min(lowest[a], lowest[b])
    return lowest


@pytest.fixture(scope="module")
def splice() -> Splits:
    return load(GenomicsData(), 7)


# Two letters and a short k, so that chance alone makes shared k-mers, chains of them and palindromes.
@given(st.lists(st.text(alphabet="ACN", min_size=1, max_size=9) | st.text(alphabet="ACGT", min_size=1, max_size=9),
                min_size=1, max_size=9), st.integers(3, 5))  # fmt: skip
def test_groups_are_those_that_a_walk_over_string_kmers_finds(sequences: list[str], k: int) -> None:
    assert kmer_groups(encode(sequences), k).tolist() == groups_by_hand(sequences, k)


def test_a_shared_kmer_links_rows_on_either_strand_and_through_a_chain() -> None:
    rows = ["AACAACGG", "TTTTTTTT", "CCGTTG", "GTTGCC", "AAAAANAA", "CCC"]
    # CAACGG is the other strand of CCGTTG; GTTG links rows 2 and 3; AAAAA in row 4 is the other strand of TTTTT.
    assert kmer_groups(encode(rows), 4).tolist() == [0, 1, 0, 0, 1, 5]
    assert kmer_groups(encode(rows), 6).tolist() == [0, 1, 0, 3, 4, 5]


def test_ambiguous_kmers_link_nothing_and_a_kmer_never_spans_two_rows() -> None:
    assert kmer_groups(encode(["ACNGTA", "ACNGTA"]), 4).tolist() == [0, 1]
    assert len(canonical_kmers(encode(["ACG", "TAC"]), 4)[0]) == 0


def test_a_kmer_of_31_bases_fits_and_is_one_with_its_other_strand() -> None:
    text = "".join(np.random.default_rng(0).choice(list("ACGT"), 31))
    other = text[::-1].translate(COMPLEMENT)
    kmers, rows = canonical_kmers(encode([text, other]), 31)
    assert kmers[0] == kmers[1]
    assert rows.tolist() == [0, 1]
    with pytest.raises(BadInput, match="wanted 1 to 31, got 32"):
        canonical_kmers(encode([text]), 32)


def test_rows_that_share_a_kmer_with_others_are_found() -> None:
    assert shares_kmer(encode(["AAACC", "CATCA", "GG"]), encode(["TGGTTTC", "GG"]), 5).tolist() == [True, False, False]


@pytest.mark.parametrize("seed", [0, 1])
def test_each_class_keeps_its_share_in_each_part(seed: int) -> None:
    labels = np.repeat([0, 1, 2], [101, 47, 3])
    parts = stratified_split(labels, {"val": 0.2, "test": 0.1}, seed=seed)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(151))
    assert np.bincount(labels[parts["val"]]).tolist() == [20, 9, 1]
    assert np.bincount(labels[parts["test"]]).tolist() == [10, 5, 1]
    assert np.bincount(labels[parts["rest"]]).tolist() == [71, 33, 1]
    assert all((np.diff(part) > 0).all() for part in parts.values())


def test_a_class_with_fewer_rows_than_parts_is_learnt_from() -> None:
    labels = np.repeat([0, 1], [13, 2])
    parts = stratified_split(labels, {"val": 0.2, "test": 0.2}, seed=0)
    assert np.bincount(labels[parts["rest"]])[1] == 2


def test_folds_hold_each_class_in_equal_numbers_to_one_row() -> None:
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [53, 31, 17]))
    numbers = fold_numbers(labels, 7, seed=0)
    counts = np.array([np.bincount(labels[numbers == fold], minlength=3) for fold in range(7)])
    assert (np.ptp(counts, axis=0) <= 1).all()
    assert np.ptp(counts.sum(1)) <= 1


def test_grouped_folds_keep_groups_whole_and_classes_balanced() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 211, 601)
    labels = rng.integers(0, 3, 601)
    numbers = fold_numbers(labels, 5, seed=0, groups=groups)
    assert all(len(set(numbers[groups == group].tolist())) == 1 for group in np.unique(groups))
    counts = np.array([np.bincount(labels[numbers == fold], minlength=3) for fold in range(5)])
    # A group is some 3 rows, so that a class of 40 a fold can miss its share by about that.
    assert (np.ptp(counts, axis=0) <= 6).all()


@pytest.mark.parametrize("shares", [(0.1, 0.1), (0.4, 0.1), (0.2, 0.7), (0.3, 0.3), (0.03, 0.15)])
def test_groups_are_held_out_to_the_share_that_was_asked_for(shares: tuple[float, float]) -> None:
    labels = np.random.default_rng(0).integers(0, 2, 1201)
    parts = grouped_split(labels, np.arange(1201), dict(zip(("val", "test"), shares, strict=True)), seed=0)
    for name, share in zip(("val", "test"), shares, strict=True):
        assert len(parts[name]) / 1201 == pytest.approx(share, abs=0.025)  # half of a twentieth


def test_a_share_of_groups_near_all_of_them_leaves_some() -> None:
    parts = grouped_split(np.zeros(997, np.int64), np.arange(997), {"val": 0.99}, seed=0)
    assert len(parts["val"]) / 997 == pytest.approx(0.95, abs=0.01)


def all_texts(split: Splits) -> list[list[str]]:
    return [decode(rows["sequence"]) for _, rows in split.items()]


@pytest.mark.parametrize("shared_kmers", [0, 30])
def test_every_row_is_tested_once_and_no_fold_shares_rows_between_its_parts(splice: Splits, shared_kmers: int) -> None:
    tested: list[str] = []
    for split in folds(splice, 5, seed=3, shared_kmers=shared_kmers):
        train, val, test = all_texts(split)
        assert len({*train, *val, *test}) == len(train) + len(val) + len(test) == 3004
        assert {name: rows.size for name, rows in split.items()} == split.meta["rows"]
        tested += test
    assert len(tested) == len(set(tested)) == 3004


def test_grouped_folds_share_no_30_mer_on_either_strand(splice: Splits) -> None:
    def kmers(texts: list[str]) -> set[str]:
        return set().union(*(kmers_of(text, 30) for text in texts))

    plain = next(folds(splice, 10, seed=3))
    assert kmers(all_texts(plain)[0]) & kmers(all_texts(plain)[2]), "without groups kin do straddle"
    for split in list(folds(splice, 10, seed=3, shared_kmers=30))[:3]:
        train, val, test = map(kmers, all_texts(split))
        assert not train & test
        assert not train & val
        assert not val & test
        assert not shares_kmer(split.test["sequence"], split.train["sequence"]).any()
        shares = [np.bincount(rows["label"], minlength=3) / rows.size for _, rows in split.items()]
        # One group of at most a dozen kin among the 300 rows of a fold.
        assert np.allclose(shares[0], shares[2], atol=0.02)


def test_one_seed_gives_one_set_of_folds_and_another_seed_another(splice: Splits) -> None:
    digests = [[split.meta["digest"] for split in folds(splice, 5, seed=seed)] for seed in (3, 3, 4)]
    assert digests[0] == digests[1]
    assert all(a["test"] != b["test"] and a["val"] != b["val"] for a, b in zip(digests[0], digests[2], strict=True))
    assert next(folds(splice, 5, seed=3)).meta["split_rule"] == "fold 1 of 5, stratified by class, seed 3"


def test_repeats_that_were_kept_do_not_enter_folds() -> None:
    kept = load(GenomicsData(duplicates="keep"), 7)
    assert sum(next(folds(kept, 3, seed=0)).meta["rows"].values()) == 3004


def test_folds_that_cannot_be_made_are_refused(splice: Splits) -> None:
    with pytest.raises(BadInput, match="too few folds; wanted at least 2, got 1"):
        next(folds(splice, 1, seed=0))
    with pytest.raises(BadInput, match="fraction of val out of range; wanted above 0 and below 1, got 0"):
        next(folds(splice, 2, seed=0, val_fraction=0))
    with pytest.raises(BadInput, match="too many folds; wanted at most 672, the rows of the smallest class, got 700"):
        next(folds(splice, 700, seed=0))
    rows = Rows({"label": np.repeat([0, 1], [11, 5])})
    with pytest.raises(
        BadInput, match="fold 1 lacks a class or a part; wanted smaller groups or fewer folds, got 16 rows"
    ):
        list(folds_of_rows(rows, 3, seed=0, groups=np.repeat([0, 1], [11, 5])))
