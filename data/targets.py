"""What is to be learnt of a row, from text: one of several classes, a set of labels, or a value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import numpy as np

from data.errors import BadInput

Target = Literal["class", "labels", "value"]
SEPARATOR = ";"
LARGEST = 1e18  # value whose square float32 still holds
LOST = 0.01  # share of the values' deviation that rounding to float32 may take
Place = Callable[[int], str]


def in_order(names: Iterable[str]) -> list[str]:
    """Labels in numerical order where all are integers, else in that of the alphabet."""
    names = list(names)
    whole = all(re.fullmatch("[+-]?[0-9]+", name) for name in names)
    return sorted(names, key=int) if whole else sorted(names)


def names_of(target: Target, labels: np.ndarray, place: Place) -> list[str]:
    """The classes, or the labels that rows may have; none of values.

    There must be something to learn: two classes, one label, two values.

    Args:
        target: what a row's text says.
        labels: (rows,) text.
        place: row -> `file:line:column`.

    Raises:
        BadInput: one class or value only, values that cannot be learnt, or no label at all.
    """
    if target == "value":
        _check_values(_values(labels, place), labels, place)
        return []
    names = in_order({name for cell in set(labels.tolist()) for name in _parts(target, cell)})
    if target == "class" and len(names) < 2:
        raise BadInput("one class only", wanted="at least two different labels", got=repr(names[0]), where=place(0))
    if not names:
        raise BadInput(
            "no row has a label", wanted=f"labels split by {SEPARATOR}", got=repr(str(labels[0])), where=place(0)
        )
    return names


def column_of(target: Target, labels: np.ndarray, names: Sequence[str], place: Place) -> np.ndarray:
    """What the engine learns from.

    Args:
        target: what a row's text says.
        labels: (rows,) text.
        names: as of `names_of`, in training.
        place: row -> `file:line:column`.

    Returns:
        class: (rows,) int32 indices into names; labels: (rows, names) float32 of 0 and 1; value: (rows,) float32.

    Raises:
        BadInput: a label that is none of the names; a value that is no finite number.
    """
    if target == "value":
        return _values(labels, place).astype(np.float32)
    texts, inverse = np.unique(labels, return_inverse=True)
    index = {name: number for number, name in enumerate(names)}
    parts = [_parts(target, text) for text in texts.tolist()]
    known = np.array([all(part in index for part in row) for row in parts])
    _require(known, inverse, labels, place, "label unseen in training", f"one of {_listed(names)}")
    if target == "class":
        return np.array([index[row[0]] for row in parts], np.int32)[inverse]
    sets = np.zeros((len(texts), len(names)), np.float32)
    for number, row in enumerate(parts):
        sets[number, [index[part] for part in row]] = 1
    return sets[inverse]


def strata(column: np.ndarray) -> np.ndarray:
    """(rows,) integers whose shares random parts keep: classes, sets of labels; of values all are alike."""
    if column.ndim == 2:
        return np.unique(column, axis=0, return_inverse=True)[1].reshape(-1)
    return column if column.dtype.kind == "i" else np.zeros(len(column), np.int32)


def summary(column: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Rows of each class or label; of values the mean and the standard deviation."""
    if column.ndim == 1 and column.dtype.kind == "f":
        exact = column.astype(np.float64)
        return {"mean": float(exact.mean()), "deviation": float(exact.std())}
    counts = column.sum(0) if column.ndim == 2 else np.bincount(column, minlength=len(names))
    return dict(zip(names, counts.astype(int).tolist(), strict=True))


def _parts(target: Target, cell: str) -> list[str]:
    if target == "class":
        return [cell]
    return [name for part in cell.split(SEPARATOR) if (name := part.strip()) and name != "."]


def _values(labels: np.ndarray, place: Place) -> np.ndarray:
    """(rows,) float64 of texts."""

    def number(text: str) -> float:
        try:
            return float(text)
        except ValueError:
            return float("nan")

    texts, inverse = np.unique(labels, return_inverse=True)
    numbers = np.array([number(text) for text in texts.tolist()])
    right = np.abs(numbers) < LARGEST  # which NaN is not
    _require(right, inverse, labels, place, "not a value", f"a finite number below {LARGEST:g}")
    return numbers[inverse]


def _check_values(values: np.ndarray, labels: np.ndarray, place: Place) -> None:
    """Refuse values of which nothing can be learnt in float32."""
    if len(np.unique(values)) < 2:
        raise BadInput("one value only", wanted="values that differ", got=repr(str(labels[0])), where=place(0))
    lost = np.abs(values - values.astype(np.float32))
    if lost.max() > LOST * values.std():
        row = int(lost.argmax())
        wanted = "values whose differences seven digits can show, such as those from their mean"
        raise BadInput("values that float32 makes equal", wanted=wanted, got=repr(str(labels[row])), where=place(row))


def _require(right: np.ndarray, inverse: np.ndarray, labels: np.ndarray, place: Place, what: str, wanted: str) -> None:
    """Refuse the first row whose text is not right."""
    if not right.all():
        row = int((~right[inverse]).argmax())
        raise BadInput(what, wanted=wanted, got=repr(str(labels[row])), where=place(row))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
