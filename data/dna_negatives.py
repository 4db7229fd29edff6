"""Negatives that were made, not found: made anew in every epoch, so that none of them is learnt by heart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np

from data.errors import BadInput
from data.sequences import Sequences
from data.splits import Rows, Splits

ANEW = 0.7  # share of the made class that an epoch makes anew; the rest is as given
KEPT = 0.4  # share of the pieces that stay: 8 of 20
BASES = np.array([1, 2, 4, 8], np.uint8)


class Substituted:
    """In place of most rows of one class, rows of the others with random bases in place of most of their pieces.

    Where the pieces begin is drawn for each row, whatever it is in the given ones. A pure function of seed, epoch and
    row; nothing is changed outside training.

    Args:
        sequences: of all training rows, which the column `row` counts.
        made: (rows,) bool, which rows are of the class that was made.
        piece: bases of a piece, at least 1.

    Source: Oubounyt, Louadi, Tayara and Chong 2019, "DeePromoter: robust promoter predictor using deep learning",
        section 2.1: 12 of the 20 pieces of a promoter are substituted. There it makes the data, here it goes on.
    """

    def __init__(self, sequences: Sequences, made: np.ndarray, piece: int) -> None:
        self.sequences, self.piece = sequences, piece
        self.made, self.found = np.flatnonzero(made), np.flatnonzero(~made)
        self._epoch = lru_cache(maxsize=2)(self._made_anew)  # batches are made ahead, over the end of an epoch

    def __call__(self, columns: Mapping[str, np.ndarray], seed: int, epoch: int) -> dict[str, np.ndarray]:
        """`sequence` (rows, length) uint8 for these rows."""
        return {"sequence": columns["sequence"] if epoch < 0 else self._epoch(seed, epoch)[columns["row"]]}

    def _made_anew(self, seed: int, epoch: int) -> np.ndarray:
        """The sequences of all rows in this epoch."""
        rng = np.random.default_rng([seed, epoch, self.piece])
        codes = np.array(self.sequences[np.arange(len(self.sequences))])
        rows = self.made[rng.random(len(self.made)) < ANEW]
        codes[rows] = substituted(codes[rng.choice(self.found, len(rows))], self.piece, rng)
        return codes


def substituted(codes: np.ndarray, piece: int, rng: np.random.Generator) -> np.ndarray:
    """(rows, length) codes with random bases in place of most pieces; padding stays."""
    rows, length = codes.shape
    pieces = (np.arange(length) + rng.integers(piece, size=(rows, 1))) // piece
    gone = rng.random((rows, length // piece + 2)) >= KEPT
    replaced = np.take_along_axis(gone, pieces, axis=1) & (codes != 0)
    return np.where(replaced, BASES[rng.integers(4, size=codes.shape)], codes)


def made_anew(splits: Splits, negatives: str, piece: int) -> Splits:
    """The splits, of whose training rows one class is made anew in every epoch.

    Args:
        splits: of rows with `sequence` and `label`.
        negatives: name of the class; empty leaves the rows as they are.
        piece: bases of a piece, at least 1.

    Raises:
        BadInput: no such class, or no size of a piece.
    """
    if not negatives:
        return splits
    train, classes = splits.train, splits.meta["classes"]
    if splits.meta["target"] != "class" or negatives not in classes:
        wanted = f"one of {', '.join(classes)}" if splits.meta["target"] == "class" else "data.target class"
        raise BadInput("data.negatives names no class", wanted=wanted, got=negatives)
    if piece < 1:
        raise BadInput("data.piece cannot work", wanted="1 or more bases", got=piece)
    around = Substituted(train["sequence"], train["label"] == classes.index(negatives), piece)
    rows = Rows({**train, "row": np.arange(train.size, dtype=np.int32)}, around=around)
    return replace(splits, train=rows, meta={**splits.meta, "negatives": negatives})
