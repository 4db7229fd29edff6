"""Rows into parts: stratified splits and K folds, with groups that stay together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

import numpy as np

from data.errors import BadInput
from data.sequences import Sequences
from data.splits import Column, Rows, Splits
from data.targets import strata

FOLDS = 20  # that a share is made of at most, unless it is smaller


def subset(rows: Rows, indices: np.ndarray) -> Rows:
    """The rows at these indices with each column in its compact form, not gathered and padded."""
    return Rows({name: _select(column, indices) for name, column in rows.items()})


def _select(column: Column, indices: np.ndarray) -> Column:
    return column.select(indices) if isinstance(column, Sequences) else column[indices]


def join(parts: Sequence[Rows]) -> Rows:
    """All rows of the parts, in their order."""
    return Rows({name: _concat([part[name] for part in parts]) for name in parts[0]})


def _concat(columns: Sequence[Column]) -> Column:
    return Sequences.concat(columns) if isinstance(columns[0], Sequences) else np.concatenate(columns)  # type: ignore


def stratified_split(labels: np.ndarray, parts: Mapping[str, float], *, seed: int) -> dict[str, np.ndarray]:
    """Indices of random parts in which the classes keep their shares.

    A class with more rows than there are parts has at least one in each, and one in the rest.

    Args:
        labels: (rows,) class indices.
        parts: name -> fraction of the rows; above 0, together below 1.
        seed: same seed, same parts.

    Returns:
        name -> sorted indices, with what is left under `rest`.
    """
    rng = np.random.default_rng(seed)
    taken: dict[str, list[np.ndarray]] = {name: [] for name in (*parts, "rest")}
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        ends = np.cumsum(_counts(len(rows), list(parts.values())))
        for name, piece in zip(taken, np.split(rows, ends), strict=True):
            taken[name].append(piece)
    return {name: np.sort(np.concatenate(pieces)) for name, pieces in taken.items()}


def grouped_split(
    labels: np.ndarray, groups: np.ndarray, parts: Mapping[str, float], *, seed: int
) -> dict[str, np.ndarray]:
    """As `stratified_split`, but rows of one group stand in one part, so that shares are met about.

    Args:
        labels: (rows,) class indices.
        groups: (rows,) numbers.
        parts: name -> fraction of the rows; above 0, together below 1.
        seed: same seed, same parts.
    """
    left, found = np.arange(len(labels)), {}
    for name, share in parts.items():
        if not len(left):  # a group that is all there is stands in the first part
            found[name] = left
            continue
        share = share * len(labels) / len(left)  # of what is left
        held = _held_out(labels[left], share, seed, groups[left])
        found[name], left = left[held], left[~held]
    return {**found, "rest": left}


def carved(
    labels: np.ndarray, shares: Mapping[str, float], *, seed: int, groups: np.ndarray | None = None
) -> tuple[dict[str, np.ndarray], str]:
    """Random parts, and the rest to learn from.

    Args:
        labels: (rows,) class indices, whose shares the parts keep.
        shares: part -> fraction of the rows.
        seed: same seed, same parts.
        groups: (rows,) numbers; rows of one group stand in one part. None: every row is its own group.

    Returns:
        part -> indices, what is left under `train`, and the rule in words.

    Raises:
        BadInput: fractions that do not leave something for every part.
    """
    if not all(share > 0 for share in shares.values()) or sum(shares.values()) >= 1:
        wanted = "each above 0, together below 1"
        raise BadInput("data: fractions do not leave three parts", wanted=wanted, got=dict(shares))
    if groups is None:
        pieces = stratified_split(labels, shares, seed=seed)
    else:
        pieces = grouped_split(labels, groups, shares, seed=seed)
    held = ", ".join(f"{part} {share:g}" for part, share in shares.items())
    return {"train": pieces.pop("rest"), **pieces}, f"random, stratified by class, seed {seed}, held out: {held}"


def _counts(rows: int, fractions: list[float]) -> list[int]:
    if rows <= len(fractions):
        return [0] * len(fractions)
    counts: list[int] = []
    for later, fraction in zip(range(len(fractions), 0, -1), fractions, strict=True):
        counts.append(min(max(1, round(rows * fraction)), rows - sum(counts) - later))
    return counts


def fold_numbers(labels: np.ndarray, k: int, *, seed: int, groups: np.ndarray | None = None) -> np.ndarray:
    """The fold, 0 to k - 1, in which each row is tested; the classes keep their shares as well as groups allow.

    Args:
        labels: (rows,) class indices.
        k: number of folds.
        seed: same seed, same folds.
        groups: (rows,) numbers; rows of one group stand in one fold. None: every row is its own group.
    """
    rng = np.random.default_rng(seed)
    if groups is None:
        order = np.lexsort((rng.random(len(labels)), labels))
        numbers = np.empty(len(labels), np.int64)
        numbers[order] = np.arange(len(labels)) % k
        return numbers
    _, group = np.unique(groups, return_inverse=True)
    return _fold_of_groups(_table(group, labels), k, rng)[group]


def _table(group: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(groups, classes) number of rows."""
    counts = np.zeros((group.max() + 1, labels.max() + 1), np.int64)
    np.add.at(counts, (group, labels), 1)
    return counts


def _fold_of_groups(counts: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Largest group first, each to the fold that so far has least of the group's classes, and of those the emptiest."""
    share = counts / np.maximum(counts.sum(0), 1)
    filled = np.zeros((k, counts.shape[1]))
    folds = np.empty(len(counts), np.int64)
    for group in np.lexsort((rng.random(len(counts)), -counts.sum(1))):
        fold = np.lexsort((filled.sum(1), filled @ counts[group]))[0]
        folds[group] = fold
        filled[fold] += share[group]
    return folds


def folds(
    rows: Rows, k: int, *, seed: int, val_fraction: float = 0.1, groups: np.ndarray | None = None
) -> Iterator[Splits]:
    """K splits; every row is in `test` once. `val` is carved out of the part that is left to learn from.

    Args:
        rows: rows with a column `label` of `data.targets.column_of`, without duplicates.
        k: number of folds, at least 2.
        seed: same seed, same folds.
        val_fraction: share of a fold's training part held out for choosing, above 0 and below 1.
        groups: (rows,) numbers; rows of one group never straddle train, val and test. None: stratified alone.

    Yields:
        Splits with `fold` and `folds` in meta.

    Raises:
        BadInput: fewer rows of a class than folds, or groups so large that a training part lacks a class.
    """
    labels = strata(rows["label"])
    _check_folds(labels, k, val_fraction)
    numbers = fold_numbers(labels, k, seed=seed, groups=groups)
    for fold in range(k):
        rest, test = np.flatnonzero(numbers != fold), np.flatnonzero(numbers == fold)
        _check_fold(labels, rest, test, fold)
        held = _held_out(labels[rest], val_fraction, seed + 1 + fold, None if groups is None else groups[rest])
        train, val = rest[~held], rest[held]
        _check_fold(labels, train, val, fold)
        meta = {"fold": fold, "folds": k}
        yield Splits(subset(rows, train), subset(rows, val), subset(rows, test), meta)


def _check_folds(labels: np.ndarray, k: int, val_fraction: float) -> None:
    if not 0 < val_fraction < 1:
        raise BadInput("fraction of val out of range", wanted="above 0 and below 1", got=val_fraction)
    if k < 2:
        raise BadInput("too few folds", wanted="at least 2", got=k)
    if (fewest := int(np.unique(labels, return_counts=True)[1].min())) < k:
        raise BadInput("too many folds", wanted=f"at most {fewest}, the rows of the smallest class", got=k)


def _check_fold(labels: np.ndarray, learnt: np.ndarray, held: np.ndarray, fold: int) -> None:
    if not held.size or len(np.unique(labels[learnt])) < len(np.unique(labels)):
        wanted = "smaller groups or fewer folds"
        raise BadInput(f"fold {fold + 1} lacks a class or a part", wanted=wanted, got=f"{len(labels)} rows in all")


def _held_out(labels: np.ndarray, fraction: float, seed: int, groups: np.ndarray | None) -> np.ndarray:
    held = np.zeros(len(labels), bool)
    if groups is None:
        held[stratified_split(labels, {"val": fraction}, seed=seed)["val"]] = True
    else:
        taken, folds = _of_folds(fraction)
        held = fold_numbers(labels, folds, seed=seed, groups=groups) < taken
    return held


def _of_folds(fraction: float) -> tuple[int, int]:
    """How many folds of how many come nearest to a share: 0.1 is one of ten, 0.4 two of five."""
    if fraction < 1 / FOLDS:
        return 1, round(1 / fraction)
    near = Fraction(fraction).limit_denominator(FOLDS)
    return (near.numerator, near.denominator) if near < 1 else (FOLDS - 1, FOLDS)
