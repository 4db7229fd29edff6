"""DNA as bit masks: one byte a base, the same meaning in every file, model and export.

A = 1, C = 2, G = 4, T = 8, and U is T. An IUPAC letter is the OR of the bases it stands for (R = A|G = 5, N = 15); 0 is
padding. Lower case (soft-masked) means the same as upper case. A gap `-`, a stop `*`, a digit or a blank is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np

from data.errors import BadInput

LETTERS = "ACMGRSVTWYHKDBN"
"""The letter of code 1, 2, ... 15."""


def _codes_of_letters() -> bytes:
    table = bytearray(256)
    for code, letter in enumerate(LETTERS, start=1):
        table[ord(letter)] = table[ord(letter.lower())] = code
    table[ord("U")] = table[ord("u")] = table[ord("T")]
    return bytes(table)


CODES = _codes_of_letters()
"""The code of each byte, 0 where it is no base."""

BASES = np.array([1, 2, 4, 8], np.uint8)
"""The codes of A, C, G and T."""

NUMBERS = np.full(16, -1, np.int8)
"""Of each code the base's number, 0 to 3, so that 3 minus it is its complement's; -1 of what is no single base."""
NUMBERS[BASES] = range(4)

_LETTERS = np.frombuffer(b"\0" + LETTERS.encode(), np.uint8)
# The complement swaps A with T and C with G, which reverses the four bits; padding and N are their own complements.
_COMPLEMENTS = np.array([int(f"{code:04b}"[::-1], 2) for code in range(16)], np.uint8)
_OTHER = "".join(LETTERS[_COMPLEMENTS[code] - 1] for code in range(1, 16))
_OTHER_LETTERS = str.maketrans(LETTERS + "U" + LETTERS.lower() + "u", _OTHER + "A" + _OTHER.lower() + "a")


class Sequences:
    """A column of sequences of any length, one byte a base; gathering pads to one width, whatever stands in the batch.

    Args:
        codes: (bases,) uint8, all sequences one after another.
        offsets: (rows + 1,) int64, where each sequence begins and, last, where the last one ends.
        width: length to which gathered rows are padded on the right with 0; at least that of the longest.
    """

    def __init__(self, codes: np.ndarray, offsets: np.ndarray, width: int) -> None:
        self.codes, self.offsets, self.width = codes, offsets, width
        self.lengths = np.diff(offsets)
        self.fixed = bool((self.lengths == width).all())

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, indices: Any) -> np.ndarray:
        """The sequences at these indices, (indices, width) uint8; for one integer (width,)."""
        if self.fixed:
            return self.codes.reshape(len(self), self.width)[indices]
        position = np.arange(self.width)
        inside = position < self.lengths[indices][..., None]
        return np.where(inside, self.codes[np.where(inside, self.offsets[:-1][indices][..., None] + position, 0)], 0)

    @cached_property
    def ambiguous(self) -> np.ndarray:
        """(rows,) number of letters that stand for several bases."""
        several = np.concatenate([[0], np.cumsum(NUMBERS[self.codes] < 0)])
        return several[self.offsets[1:]] - several[self.offsets[:-1]]

    def mostly_ambiguous(self) -> int:
        """Rows of which more than half of the letters stand for several bases."""
        return int((self.ambiguous > self.lengths / 2).sum())

    @property
    def array(self) -> np.ndarray | Sequences:
        """The column as one (rows, width) array where all rows are that wide, else itself."""
        return self.codes.reshape(len(self), self.width) if self.fixed else self

    def select(self, indices: np.ndarray, width: int = 0) -> Sequences:
        """The sequences at these indices or under this mask, not padded; `width` 0 keeps that of the source."""
        starts, lengths = self.offsets[:-1][indices], self.lengths[indices]
        offsets = _offsets(lengths)
        bases = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Sequences(self.codes[bases], offsets, width or self.width)

    @staticmethod
    def concat(parts: Sequence[Sequences]) -> Sequences:
        """All rows of the parts in their order, as wide as the widest."""
        lengths = np.concatenate([part.lengths for part in parts])
        codes = np.concatenate([part.codes for part in parts])
        return Sequences(codes, _offsets(lengths), max(part.width for part in parts))


def _offsets(lengths: np.ndarray) -> np.ndarray:
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def _nth(row: int) -> str:
    return f"sequence {row + 1}"


def encode(
    sequences: Sequence[str], *, shortest: int = 1, longest: int = 0, place: Callable[[int], str] = _nth
) -> Sequences:
    """Strings of bases as codes.

    Args:
        sequences: strings of A C G T U and the IUPAC letters, either case.
        shortest: fewest bases that a sequence may have.
        longest: most bases that a sequence may have, and the width of the result; 0 for that of the longest given.
        place: names a row by its index in errors, `genes.csv:7:sequence`.

    Returns:
        Sequences of as many rows.

    Raises:
        BadInput: an unknown letter, with its position counted from 1, or a length out of range.
    """
    codes = "".join(sequences).encode("ascii", "replace").translate(CODES)
    lengths = np.fromiter(map(len, sequences), np.int64, len(sequences))
    offsets = _offsets(lengths)
    wrong = (lengths < shortest) | (lengths > longest) if longest else lengths < shortest
    if wrong.any():
        row = int(wrong.argmax())
        raise _wrong_length(int(lengths[row]), shortest, longest, place(row))
    if (bad := codes.find(0)) >= 0:
        row = int(np.searchsorted(offsets, bad, side="right")) - 1
        raise _unknown_letter(sequences[row], bad - int(offsets[row]), place(row))
    return Sequences(np.frombuffer(codes, np.uint8), offsets, longest or int(lengths.max(initial=0)))


def _wrong_length(length: int, shortest: int, longest: int, where: str) -> BadInput:
    bases = f"{shortest}" if shortest == longest else f"{shortest} to {longest}" if longest else f"at least {shortest}"
    what = "empty sequence" if length == 0 else "sequence too short" if length < shortest else "sequence too long"
    as_trained = ", as in training" if longest else ""
    wanted = f"{bases} base{'s' * ((longest or shortest) > 1)}{as_trained}"
    return BadInput(what, wanted=wanted, got=length, where=where)


def _unknown_letter(sequence: str, index: int, where: str) -> BadInput:
    wanted = "A, C, G, T, U or an IUPAC letter (R Y S W K M B D H V N)"
    return BadInput(f"unknown letter at position {index + 1}", wanted=wanted, got=repr(sequence[index]), where=where)


def decode(codes: np.ndarray | Sequences) -> list[str]:
    """Upper-case strings of (rows, width) codes or of a column, without the padding; U has become T."""
    if isinstance(codes, Sequences):
        text = _LETTERS[codes.codes].tobytes().decode()
        return [text[a:b] for a, b in pairwise(codes.offsets.tolist())]
    rows, width = codes.shape
    if not width:
        return [""] * rows
    # NumPy's fixed-width strings end at their trailing zero bytes, which is what the padding is.
    return [text.decode() for text in _LETTERS[codes].view(f"S{width}").ravel().tolist()]


def reverse_complement(codes: np.ndarray) -> np.ndarray:
    """The other strand, read in its own direction; padding stays on the right. (..., width) to (..., width)."""
    width = codes.shape[-1]
    source = (codes != 0).sum(-1, keepdims=True) - 1 - np.arange(width)
    strand = np.take_along_axis(_COMPLEMENTS[codes], np.maximum(source, 0), axis=-1)
    return np.where(source >= 0, strand, np.uint8(0))


def lesser_strand(sequences: Sequences) -> Sequences:
    """Of each row the sequence or its reverse complement, whichever has the lesser codes: one for both strands."""
    ends = sequences.offsets.tolist()
    given, other = sequences.codes.tobytes(), _COMPLEMENTS[sequences.codes[::-1]].tobytes()
    lesser = (min(given[a:b], other[ends[-1] - b : ends[-1] - a]) for a, b in pairwise(ends))
    return Sequences(np.frombuffer(b"".join(lesser), np.uint8), sequences.offsets, sequences.width)


def other_strand(bases: str) -> str:
    """The reverse complement of a string, case and IUPAC letters kept; U becomes A, as T does."""
    return bases[::-1].translate(_OTHER_LETTERS)


def content_ids(parts: Sequence[Sequences]) -> list[np.ndarray]:
    """One int64 array a part; two sequences, of whichever parts, have one number just where their codes are equal."""
    seen: dict[bytes, int] = {}
    result = []
    for part in parts:
        data = part.codes.data
        # A digest instead of the bases keeps the table small however long the sequences are.
        digests = (blake2b(data[a:b], digest_size=16).digest() for a, b in pairwise(part.offsets.tolist()))
        result.append(np.array([seen.setdefault(digest, len(seen)) for digest in digests], np.int64))
    return result
