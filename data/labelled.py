"""A file of labelled sequences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.dna_files import Form, label_column, pieces
from data.sequences import Sequences, encode


@dataclass(frozen=True)
class Labelled:
    """A file as read.

    Attributes:
        path: the file, as it was named.
        column: name of the column of labels.
        sequences: the bases of each row.
        labels: (rows,) text.
        chromosomes: (rows,) text, empty where it is not known.
        places: (rows,) `file:line` of each row.
    """

    path: str
    column: str
    sequences: Sequences
    labels: np.ndarray
    chromosomes: np.ndarray
    places: np.ndarray

    def place(self, row: int) -> str:
        """`file:line:column` of a row's label."""
        return f"{self.places[row]}:{self.column}"


def read_labelled(path: str, form: Form, *, shortest: int = 1, longest: int = 0) -> Labelled:
    """Read one file in pieces, so that only the codes of its sequences stay in memory.

    Args:
        path: a file or folder of any form that `data.dna_files.pieces` reads.
        form: how it is read.
        shortest: fewest bases that a sequence may have.
        longest: most bases that a sequence may have, and the width of the column; 0 for that of the longest there is.

    Raises:
        BadInput: the file cannot be read, a cell is empty, a letter is unknown, a length out of range.
    """
    parts = []
    for piece in pieces(path, form):
        place = piece.place(form.sequence_column)
        codes = encode(piece.sequences, shortest=shortest, longest=longest, place=place)
        lines = [f"{piece.table.path}:{line}" for line in piece.table.lines]
        parts.append((codes, np.array(piece.labels), np.array(piece.chromosomes), np.array(lines)))
    codes, *others = zip(*parts, strict=True)
    return Labelled(path, label_column(path, form), Sequences.concat(codes), *map(np.concatenate, others))
