"""Negatives that are made anew in every epoch: whose children they are, how they were made, and that it goes on so."""

import numpy as np
import pytest

from data.dna_negatives import SHARED, Substituted, kinship, substituted
from data.errors import BadInput
from data.genomics import GenomicsData, folds, load
from data.sequences import Sequences
from pipelines.batches import ordered_batches
from pipelines.genomics import DOMAIN

ROWS, LENGTH, STARTS, KEPT = 997, 67, (0, 11, 28, 45, 62), 0.5
PIECE = np.searchsorted(STARTS, np.arange(LENGTH), side="right") - 1
BASES = np.array([1, 2, 4, 8], np.uint8)


def family(seed=0):
    """Rows, and of each a child of which half of the pieces, which begin anywhere, are random."""
    rng = np.random.default_rng(seed)
    parents, drawn = BASES[rng.integers(4, size=(2, ROWS, LENGTH))]
    gone = rng.random((ROWS, len(STARTS))) >= KEPT
    return parents, np.where(gone[:, PIECE], drawn, parents), gone


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The family's rows, its children among them under a label of their own."""
    parents, children, _ = family()
    letters = np.array(list("?AC?G???T"))
    rows = [("".join(letters[row]), "found") for row in parents] + [("".join(letters[row]), "made") for row in children]
    rows = [rows[row] for row in np.random.default_rng(1).permutation(len(rows))]
    path = tmp_path_factory.mktemp("negatives") / "rows.csv"
    path.write_text("sequence,label\n" + "\n".join(map(",".join, rows)) + "\n")
    return str(path)


def test_children_are_known_by_what_they_kept():
    parents, children, gone = family()
    order = np.random.default_rng(2).permutation(2 * ROWS)
    codes, made = np.concatenate([parents, children])[order], (order >= ROWS)
    found = kinship(codes, made)
    assert (order[found.children] - ROWS == order[found.parents]).all()
    np.testing.assert_array_equal(found.differs, codes[found.children] != codes[found.parents])
    whole = ~gone[:, 1:4].all(1)  # the pieces of 17 bases; the others are shorter than what must be shared
    assert set(order[found.children] - ROWS) >= set(np.flatnonzero(whole))


def test_of_several_parents_that_which_agrees_most_is_taken_if_it_is_as_long():
    child = BASES[np.random.default_rng(3).integers(4, size=41)]
    other = BASES[(np.searchsorted(BASES, child) + 1) % 4]
    place, codes = np.arange(41), np.zeros((4, 43), np.uint8)
    codes[0, :41], codes[1, :41] = child, np.where(place < SHARED, child, other)
    codes[2, :41] = np.where((place >= SHARED) & (place != 30), child, other)  # 25 places, to 15 of the one before
    codes[3, :41], codes[3, 41:] = np.where(place == 40, other, child), 1
    found = kinship(codes, np.arange(4) == 0)
    assert (found.parents.tolist(), found.differs.sum()) == ([2], 16)


def test_rows_are_made_of_other_parents_at_the_places_of_other_children(file):
    splits = load(GenomicsData(path=file, negatives="made"), 0)
    train, everything = splits.train, np.arange(splits.train.size)
    given, kin = train["sequence"][everything], train.around.kin
    places = {}
    found = np.flatnonzero(train["label"] == 0)
    for seed in (0, 1):
        first = train.batch(everything, seed=seed, epoch=0)["sequence"]
        codes = np.concatenate([given[found], first[kin.children]])
        again = kinship(codes, np.arange(len(codes)) >= len(found))
        parents = found[again.parents]
        assert np.mean(parents == kin.parents) < 0.02  # one in 800 by chance
        assert len(np.unique(parents)) > 0.5 * len(parents)  # of so many drawn from as many, 0.63 are expected
        assert np.mean((again.differs == kin.differs).all(1)) < 0.02
        places[seed] = parents
    assert np.mean(places[0] == places[1]) < 0.02


def test_rows_are_made_of_the_class_and_the_length_of_their_parents():
    rng = np.random.default_rng(4)
    parents, children, _ = family(5)
    poor = BASES[rng.choice([0, 3], size=(ROWS, LENGTH))]  # A and T alone: of these no row was made
    whole = np.concatenate([parents, children, poor])
    whole[::2, 53:] = 0  # rows of two lengths; parents and children are an odd number of rows apart
    whole[ROWS : 2 * ROWS : 2, 53:], whole[ROWS + 1 : 2 * ROWS : 2] = 0, children[1::2]
    labels = np.repeat([0, 1, 2], ROWS).astype(np.int32)
    lengths = (whole > 0).sum(1)
    sequences = Sequences(whole[whole > 0], np.concatenate([[0], np.cumsum(lengths)]), LENGTH)
    around = Substituted(sequences, labels, kinship(whole, labels == 1))
    made = around({"row": np.arange(len(whole)), "sequence": whole}, 0, 0)["sequence"]
    np.testing.assert_array_equal((made > 0).sum(1), lengths)
    assert (
        np.isin(made[around.kin.children], [1, 8]).mean() < 0.55
    )  # half of the bases of parents; all of the third class
    np.testing.assert_array_equal(made[labels != 1], whole[labels != 1])


def test_few_rows_that_are_made_anew_are_judged_in_one_piece(file):
    train = load(GenomicsData(path=file, negatives="made"), 0).train.take(np.arange(7))
    (batch,) = ordered_batches(train, 7)()
    np.testing.assert_array_equal(batch["sequence"], train["sequence"][np.arange(7)])


def test_ambiguous_letters_and_padding_make_no_kin():
    codes = np.full((2, 40), 15, np.uint8)
    codes[:, 30:] = 0
    assert not len(kinship(codes, np.array([False, True])).children)
    codes[:, : SHARED - 1] = 1
    assert not len(kinship(codes, np.array([False, True])).children)
    codes[:, SHARED - 1], codes[1, 20] = 2, 4
    one = kinship(codes, np.array([False, True]))
    assert (one.children.tolist(), one.parents.tolist(), one.differs.sum()) == ([1], [0], 0)


def test_substituted_bases_are_the_three_others_alike_often():
    codes = np.repeat(np.array([1, 2, 4, 8, 15, 0], np.uint8), 3001).reshape(6, 3001)
    new = substituted(codes, np.arange(3001) < 3000, np.random.default_rng(0))
    np.testing.assert_array_equal(new[4:], codes[4:])
    np.testing.assert_array_equal(new[:, 3000], codes[:, 3000])
    for own, row in zip(BASES, new[:4, :3000], strict=True):
        counts = [np.sum(row == base) for base in BASES if base != own]
        assert sum(counts) == 3000
        assert np.ptp(counts) < 8 * np.sqrt(3000 * 2 / 9)  # four standard deviations of each


def test_rows_that_were_made_are_made_alike_anew_in_every_epoch(file):
    splits = load(GenomicsData(path=file, negatives="made"), 0)
    train, made = splits.train, splits.train["label"] == splits.meta["classes"].index("made")
    everything = np.arange(train.size)
    given = train.batch(everything)["sequence"]
    first, second = (train.batch(everything, seed=3, epoch=epoch)["sequence"] for epoch in (0, 1))
    np.testing.assert_array_equal(given, train["sequence"][everything])
    np.testing.assert_array_equal(first[~made], given[~made])
    anew = (first != given).any(1)
    assert anew.sum() == splits.meta["negatives"]["anew"] < made.sum() == splits.meta["negatives"]["rows"]
    assert (first[anew] != second[anew]).any(1).mean() > 0.99
    # The rule that nobody told: pieces of 17 from 11 on, of which half are random, a quarter of those bases by chance
    # as before. Children without a piece of 17 cannot be known, so that somewhat more than half is kept of those.
    codes = np.concatenate([given[~made], first[anew]])
    known = kinship(codes, np.arange(len(codes)) >= (~made).sum())
    assert len(known.children) == anew.sum()
    rates = known.differs.mean(0)
    expected = kinship(given, made).differs.mean(0)
    np.testing.assert_allclose(rates, expected, atol=4 * np.sqrt(0.25 / anew.sum()))
    together = np.corrcoef(known.differs[:, 11:45].T)
    assert together[:17, :17].mean() > together[:17, 17:].mean() + 0.2  # whole pieces, as before
    for part in (splits.val, splits.test):
        assert part.around is None
    told = f"{anew.sum():,} of {made.sum():,} rows of class made are made anew in every epoch (--data.negatives)"
    assert DOMAIN.about(splits.meta)[-1] == told


def test_a_step_is_made_again_alike_whatever_was_made_before_it(file):
    rows = np.array([5, 3, 701])
    once, again = (load(GenomicsData(path=file, negatives="made"), 0).train for _ in range(2))
    for epoch in range(4):
        last = once.batch(rows, seed=7, epoch=epoch)
    np.testing.assert_array_equal(last["sequence"], again.take(rows).batch(np.arange(3), seed=7, epoch=3)["sequence"])


def test_folds_make_their_own_training_rows_anew(file):
    run = DOMAIN.recipe("cnn").with_(data=GenomicsData(path=file, negatives="made"), folds=3)
    for fold in DOMAIN.folds(run, load(run.data, 0), 3):
        assert fold.train.size == len(fold.train["row"])
        assert (fold.train.batch(np.arange(fold.train.size), 0, 0)["sequence"] != fold.train["sequence"][:]).any()
    assert next(folds(load(run.data, 0), 3, seed=0)).train.around is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"negatives": "shuffled"}, "data.negatives names no class; wanted one of found, made, got shuffled"),
        ({"negatives": "made", "target": "labels"}, "data.negatives names no class; wanted data.target class"),
    ],
)
def test_what_cannot_be_made_is_refused(file, options, message):
    with pytest.raises(BadInput, match=message):
        load(GenomicsData(path=file, **options), 0)


def test_a_class_that_was_not_made_of_others_is_refused():
    told = "data.negatives: class 'N' is not made of the others; wanted rows that share 15 bases .* got [0-9]+ of 1,3"
    with pytest.raises(BadInput, match=told):
        load(GenomicsData(negatives="N"), 0)
