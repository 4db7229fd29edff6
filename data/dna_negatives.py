"""Negatives that were made, not found: made anew in every epoch, so that none of them is learnt by heart.

Who makes negatives by substituting bases of positives hands over how it was done: beside its parent, a made row shows
which bases were substituted. Further ones can be made alike, whatever the rule was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from data.errors import BadInput
from data.sequences import BASES, NUMBERS, Sequences
from data.splits import Rows, Splits

SHARED = 15  # bases that a made row must share with its parent, at the same places
LEAST = 0.1  # share of the made rows whose parents must be known


@dataclass(frozen=True)
class Kinship:
    """Rows that were made of others.

    Attributes:
        children: (pairs,) rows.
        parents: (pairs,) the row that each was made of.
        differs: (pairs, length) bool, where the two have different bases.
    """

    children: np.ndarray
    parents: np.ndarray
    differs: np.ndarray


def kinship(codes: np.ndarray, made: np.ndarray, shared: int = SHARED) -> Kinship:
    """For each made row another one that both share a run of bases with; of several, that which agrees at most places.

    Both are of one length. Of the rows that share one and the same run, the first alone is looked at.

    Args:
        codes: (rows, length) of the bases; 0 pads.
        made: (rows,) bool, which rows were made of the others.
        shared: bases in a run that both have at the same places, 1 to 31. By chance alone 15 agree once in 4 ** 15.
    """
    numbers, lengths = NUMBERS[codes], (codes > 0).sum(1)
    children, others = np.flatnonzero(made), np.flatnonzero(~made)
    parents, agree = np.full(len(children), -1), np.zeros(len(children), np.int64)
    for start in range(codes.shape[1] - shared + 1):
        words = _words(numbers[:, start : start + shared])
        child, other = _same(words[children], words[others])
        same = (codes[children[child]] == codes[others[other]]).sum(1)
        more = (same > agree[child]) & (lengths[children[child]] == lengths[others[other]])
        agree[child[more]], parents[child[more]] = same[more], others[other[more]]
    children, parents = children[parents >= 0], parents[parents >= 0]
    pure = (numbers[children] >= 0) & (numbers[parents] >= 0)
    return Kinship(children, parents, pure & (codes[children] != codes[parents]))


def _words(numbers: np.ndarray) -> np.ndarray:
    """(rows,) numbers of words of bases; -1 where a letter is none."""
    powers = 4 ** np.arange(numbers.shape[1], dtype=np.int64)
    return np.where((numbers >= 0).all(1), numbers @ powers, -1)


def _same(some: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a word of `some` stands among `others`, once each."""
    known, first = np.unique(others, return_index=True)
    at = np.minimum(np.searchsorted(known, some), len(known) - 1)
    found = np.flatnonzero((known[at] == some) & (some >= 0))
    return found, first[at[found]]


class Substituted:
    """In place of each row whose parent is known, a row made alike: of another parent, at the places of another child.

    Both are of one length, and the parents of one class: children of each class go on to be made of that class. At
    these places a row has one of the three bases that its parent has not: given that a base differs, a substitution by
    random bases is just that. A pure function of seed, epoch and row; nothing is changed outside training.

    Args:
        sequences: of all training rows, which the column `row` counts.
        labels: (rows,) class indices.
        kin: how they were made.
    """

    def __init__(self, sequences: Sequences, labels: np.ndarray, kin: Kinship) -> None:
        self.sequences, self.kin = sequences, kin
        kinds = np.stack([sequences.lengths, labels], axis=1)
        found, self.kind = np.unique(kinds[kin.parents], axis=0, return_inverse=True)
        self.pools = [np.flatnonzero((kinds == kind).all(1)) for kind in found]  # a child may be made of any of its own
        self._epoch = lru_cache(maxsize=2)(self._made_anew)  # batches are made ahead, over the end of an epoch

    def __call__(self, columns: Mapping[str, np.ndarray], seed: int, epoch: int) -> dict[str, np.ndarray]:
        """`sequence` (rows, length) uint8 for these rows."""
        return {"sequence": columns["sequence"] if epoch < 0 else self._epoch(seed, epoch)[columns["row"]]}

    def _made_anew(self, seed: int, epoch: int) -> np.ndarray:
        """The sequences of all rows in this epoch."""
        rng = np.random.default_rng([seed, epoch, len(self.kin.children)])
        codes = np.array(self.sequences[np.arange(len(self.sequences))])
        for number, pool in enumerate(self.pools):
            mine = np.flatnonzero(self.kind == number)
            parents = self.sequences[rng.choice(pool, len(mine))]
            codes[self.kin.children[mine]] = substituted(parents, rng.permutation(self.kin.differs[mine]), rng)
        return codes


def substituted(codes: np.ndarray, places: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(rows, length) codes with another base at these places; what is no single base stays."""
    numbers = NUMBERS[codes]
    other = BASES[(numbers + rng.integers(1, 4, size=codes.shape, dtype=np.int8)) % 4]
    return np.where(places & (numbers >= 0), other, codes)


def made_anew(splits: Splits, negatives: str) -> Splits:
    """The splits, of whose training rows those of one class that were made of others are made anew in every epoch.

    Args:
        splits: of rows with `sequence` and `label`.
        negatives: name of the class; empty leaves the rows as they are.

    Raises:
        BadInput: no such class, or one that was not made of the others.
    """
    if not negatives:
        return splits
    train, classes = splits.train, splits.meta["classes"]
    if splits.meta["target"] != "class" or negatives not in classes:
        wanted = f"one of {', '.join(classes)}" if splits.meta["target"] == "class" else "data.target class"
        raise BadInput("data.negatives names no class", wanted=wanted, got=negatives)
    made = train["label"] == classes.index(negatives)
    kin = kinship(train["sequence"][np.arange(train.size)], made)
    if len(kin.children) < LEAST * made.sum():
        what = f"data.negatives: class {negatives!r} is not made of the others"
        wanted = f"rows that share {SHARED} bases with a row of another class, at the same places, one in ten at least"
        raise BadInput(what, wanted=wanted, got=f"{len(kin.children):,} of {made.sum():,}")
    around = Substituted(train["sequence"], train["label"], kin)
    rows = Rows({**train, "row": np.arange(train.size, dtype=np.int32)}, around=around)
    told = {"class": negatives, "rows": int(made.sum()), "anew": len(kin.children)}
    return replace(splits, train=rows, meta={**splits.meta, "negatives": told})
