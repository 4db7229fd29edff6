"""A file of labelled sequences, and its labels as class indices."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from data.errors import BadInput
from data.sequences import Sequences, encode
from data.tables import stream


@dataclass(frozen=True)
class Labelled:
    """A file as read.

    Attributes:
        path: the file, as it was named.
        column: name of the column of labels.
        sequences: the bases of each row.
        labels: (rows,) text.
        lines: (rows,) line in the file, counted from 1.
    """

    path: str
    column: str
    sequences: Sequences
    labels: np.ndarray
    lines: np.ndarray

    def place(self, row: int) -> str:
        """`file:line:column` of a row's label."""
        return f"{self.path}:{self.lines[row]}:{self.column}"


def read_labelled(
    path: str, sequence_column: str, label_column: str, *, shortest: int = 1, longest: int = 0
) -> Labelled:
    """Read one file in pieces, so that only the codes of its sequences stay in memory.

    Args:
        path: CSV or TSV, plain or gzip.
        sequence_column: name of the column of sequences.
        label_column: name of the column of labels.
        shortest: fewest bases that a sequence may have.
        longest: most bases that a sequence may have, and the width of the column; 0 for that of the longest there is.

    Raises:
        BadInput: the file cannot be read, a cell is empty, a letter is unknown, a length out of range.
    """
    sequences, labels, lines = [], [], []
    for table in stream(path, columns=(sequence_column, label_column)):
        place = partial(table.place, column=sequence_column)
        cells = table.column(sequence_column)
        sequences.append(encode(cells, shortest=shortest, longest=longest, place=place))
        labels.append(np.array(table.column(label_column)))
        lines.append(np.array(table.lines))
    return Labelled(path, label_column, Sequences.concat(sequences), np.concatenate(labels), np.concatenate(lines))


def class_names(file: Labelled) -> list[str]:
    """The different labels, in numerical order where all are integers, else in that of the alphabet.

    Raises:
        BadInput: there is only one.
    """
    names = in_order(set(file.labels.tolist()))
    if len(names) < 2:
        wanted = "at least two different labels"
        raise BadInput("one class only", wanted=wanted, got=repr(names[0]), where=file.place(0))
    return names


def in_order(names: Iterable[str]) -> list[str]:
    """Labels in numerical order where all are integers, else in that of the alphabet."""
    whole = all(re.fullmatch("[+-]?[0-9]+", name) for name in names)
    return sorted(names, key=int) if whole else sorted(names)


def class_indices(file: Labelled, classes: Sequence[str]) -> np.ndarray:
    """(rows,) int32 indices into classes.

    Raises:
        BadInput: a label that is none of the classes.
    """
    names, inverse = np.unique(file.labels, return_inverse=True)
    index = {name: number for number, name in enumerate(classes)}
    unseen = [number for number, name in enumerate(names.tolist()) if name not in index]
    if unseen:
        row = int(np.isin(inverse, unseen).argmax())
        wanted, got = f"one of {_listed(classes)}", repr(str(file.labels[row]))
        raise BadInput("label unseen in training", wanted=wanted, got=got, where=file.place(row))
    return np.array([index[name] for name in names.tolist()], np.int32)[inverse]


def _listed(classes: Sequence[str]) -> str:
    return ", ".join(classes[:10]) + (f" and {len(classes) - 10} more" if len(classes) > 10 else "")
