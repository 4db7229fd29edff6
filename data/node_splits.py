"""Which papers are learnt from, chosen by and judged on: as given, at random by class, or by year."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data.errors import BadInput
from data.graphs import PARTS, UNKNOWN, Graph

TRAIN, VAL, TEST = (PARTS.index(part) for part in ("train", "val", "test"))


def as_given(graph: Graph) -> np.ndarray:
    """The source's own split.

    Raises:
        BadInput: there is none, or a paper of it has no label.
    """
    if graph.parts is None:
        raise BadInput("no split is given", wanted="a column `split`, or data.split random or year")
    blind = (graph.parts > 0) & (graph.labels == UNKNOWN)
    if blind.any():
        paper = int(blind.argmax())
        what = f"paper {graph.ids[paper]!s} is in {PARTS[graph.parts[paper]]} and has no label"
        raise BadInput(what, wanted="a label, or no part", where=graph.place(paper))
    return graph.parts


def at_random(labels: np.ndarray, *, per_class: int, val: int, test: int, seed: int) -> np.ndarray:
    """So many papers of each class to learn from, and of the others so many to choose by and to be judged on.

    Args:
        labels: (papers,) class index, -1 where unknown.
        per_class: papers of each class to learn from; half of a class that has fewer than twice as many.
        val: papers to choose by. Where too few papers are left, val and test keep their proportion.
        test: papers to be judged on.
        seed: same seed, same split.

    Returns:
        (papers,) uint8 index into PARTS.

    Raises:
        BadInput: a number below 1, or no papers left to choose by and to be judged on.
    """
    for name, number in {"train_per_class": per_class, "val_papers": val, "test_papers": test}.items():
        if number < 1:
            raise BadInput(f"data.{name} out of range", wanted="at least 1", got=number)
    rng = np.random.default_rng(seed)
    parts = np.zeros(len(labels), np.uint8)
    for label in np.unique(labels[labels != UNKNOWN]):
        papers = rng.permutation(np.flatnonzero(labels == label))
        parts[papers[: max(1, min(per_class, len(papers) // 2))]] = TRAIN
    rest = rng.permutation(np.flatnonzero((labels != UNKNOWN) & (parts == 0)))
    if len(rest) < val + test:
        val = max(1, len(rest) * val // (val + test))
        test = len(rest) - val
    parts[rest[:val]], parts[rest[val : val + test]] = VAL, TEST
    return parts


def by_year(graph: Graph, *, train_until: int, val_until: int) -> np.ndarray:
    """Labelled papers by when they appeared; those without a year are in no part.

    Args:
        graph: with years.
        train_until: last year to learn from.
        val_until: last year to choose by; later papers are judged.

    Raises:
        BadInput: no years, or years out of order.
    """
    if graph.years is None:
        raise BadInput("data.split year: no years are given", wanted="a column `year`", got="none")
    if not 0 < train_until < val_until:
        wanted, got = "data.train_until before data.val_until", f"{train_until} and {val_until}"
        raise BadInput("data.split year: which years", wanted=wanted, got=got)
    parts = np.where(graph.years <= train_until, TRAIN, np.where(graph.years <= val_until, VAL, TEST))
    return np.where((graph.labels == UNKNOWN) | (graph.years < 0), 0, parts).astype(np.uint8)


def check_parts(parts: np.ndarray, labels: np.ndarray, classes: tuple[str, ...], where: str) -> None:
    """Refuse a split that nothing can be learnt from, or judged on.

    Raises:
        BadInput: a class that has no paper to learn from, or an empty part.
    """
    for number, part in enumerate(PARTS[1:], start=1):
        if not (parts == number).any():
            raise BadInput(f"no paper in {part}", wanted="labelled papers in train, val and test", where=where)
    counts = np.bincount(labels[parts == TRAIN], minlength=len(classes))
    if not counts.all():
        what = f"class {classes[int(counts.argmin())]!r} has no paper to learn from"
        raise BadInput(what, wanted="at least one in train", where=where)


def summary(parts: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]) -> Mapping[str, dict[str, int]]:
    """Part -> class -> number of papers."""
    counts = {
        part: np.bincount(labels[parts == number], minlength=len(classes)).tolist()
        for number, part in enumerate(PARTS[1:], start=1)
    }
    return {part: dict(zip(classes, count, strict=True)) for part, count in counts.items()}
