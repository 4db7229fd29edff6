"""Negatives that are made anew in every epoch: which rows change, how, and that the same step is made again alike."""

import numpy as np
import pytest

from data.dna_negatives import ANEW, KEPT, substituted
from data.errors import BadInput
from data.genomics import GenomicsData, folds, load
from pipelines.genomics import DOMAIN

ROWS = 997


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Rows of the letter A alone, and of one class, made of others, that has none."""
    rng = np.random.default_rng(0)
    rows = [("A" * 46 + "".join(rng.choice(list("AC"), 15)), "found") for _ in range(ROWS)]
    rows += [("".join(rng.choice(list("CGT"), 61)), "made") for _ in range(ROWS)]
    path = tmp_path_factory.mktemp("negatives") / "rows.csv"
    path.write_text("sequence,label\n" + "\n".join(map(",".join, rows)) + "\n")
    return str(path)


def test_most_rows_of_the_made_class_are_made_of_the_others_anew_in_every_epoch(file):
    splits = load(GenomicsData(path=file, negatives="made"), 0)
    train, made = splits.train, splits.train["label"] == splits.meta["classes"].index("made")
    everything = np.arange(train.size)
    given = train.batch(everything)["sequence"]
    first, second = (train.batch(everything, seed=3, epoch=epoch)["sequence"] for epoch in (0, 1))
    np.testing.assert_array_equal(given, train["sequence"][everything])
    np.testing.assert_array_equal(first[~made], given[~made])
    changed = (first != given).any(1)[made]
    share = 4 * np.sqrt(ANEW * (1 - ANEW) / made.sum())  # four standard deviations
    assert abs(changed.mean() - ANEW) < share
    assert (first[made] != second[made]).any(1).mean() > ANEW
    # A made one keeps the A of its kept pieces, and a quarter of the replaced bases is A too.
    a = (first[made][changed][:, :46] == 1).mean()
    assert abs(a - (KEPT + (1 - KEPT) / 4)) < 0.03
    for part in (splits.val, splits.test):
        assert part.around is None
    assert DOMAIN.about(splits.meta)[-1] == "most of class made is made anew in every epoch (--data.negatives)"


def test_a_step_is_made_again_alike_whatever_was_made_before_it(file):
    rows = np.array([5, 3, 701])
    once, again = (load(GenomicsData(path=file, negatives="made"), 0).train for _ in range(2))
    for epoch in range(4):
        last = once.batch(rows, seed=7, epoch=epoch)
    np.testing.assert_array_equal(last["sequence"], again.take(rows).batch(np.arange(3), seed=7, epoch=3)["sequence"])


def test_whole_pieces_are_replaced_and_padding_is_not():
    codes = np.full((2000, 40), 15, np.uint8)
    codes[:, 37:] = 0
    new = substituted(codes, 7, np.random.default_rng(0))
    assert (new[:, 37:] == 0).all()
    kept = new[:, :37] == 15
    assert abs(kept.mean() - KEPT) < 0.02
    switches = (kept[:, 1:] != kept[:, :-1]).mean()  # only where a piece ends, and the next one fares otherwise
    assert abs(switches - 2 * KEPT * (1 - KEPT) / 7) < 0.01


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
        ({"negatives": "made", "piece": 0}, "data.piece cannot work; wanted 1 or more bases, got 0"),
        ({"negatives": "made", "target": "labels"}, "data.negatives names no class; wanted data.target class"),
    ],
)
def test_what_cannot_be_made_is_refused(file, options, message):
    with pytest.raises(BadInput, match=message):
        load(GenomicsData(path=file, **options), 0)
