"""FASTA: names and sequences of a file, plain or gzip, every fault told with its line.

A header is `>NAME DESCRIPTION`. A label stands in the description: in all headers as `label=CTCF`, or as the first word
of each. A name of the
form `chr1:17036408-17036508` says where in a genome the sequence lies, with a strand, `(-)`, and behind another name,
`peak7::chr1:17036408-17036508(-)`, as bedtools writes them, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from data.errors import BadInput
from data.tables import text_lines, unpacked

SUFFIXES = (".fa", ".fasta", ".fna", ".ffn", ".fas")
_PLACE = re.compile(r"^(?:.*::)?(\w[\w.]*):\d[\d,]*-\d[\d,]*(?:\([+.-]\))?$")


class Record(NamedTuple):
    """One sequence of a file.

    Attributes:
        line: of the header, counted from 1.
        name: first word of the header.
        description: what stands behind the name.
        sequence: bases as they stand there, the lines joined.
    """

    line: int
    name: str
    description: str
    sequence: str

    def valued(self, key: str) -> str:
        """The word behind `key=` in the description; empty where there is none."""
        words = self.description.split()
        return next((word[len(key) + 1 :] for word in words if word.startswith(f"{key}=")), "")

    @property
    def word(self) -> str:
        """The description's first word; empty where there is none."""
        return next(iter(self.description.split()), "")

    @property
    def chromosome(self) -> str:
        """That of a name which is a place in a genome; else empty."""
        match = _PLACE.match(self.name)
        return match[1] if match else ""


def is_fasta(path: str) -> bool:
    """Whether a file is named as FASTA files are."""
    return unpacked(path).lower().endswith(SUFFIXES)


def read_fasta(path: str) -> Iterator[Record]:
    """The records of a file, in order, one held at a time.

    Raises:
        BadInput: with file and line, when the file cannot be read, does not begin with a header, a header lacks a
            name or a sequence, or has the name of one before.
    """
    line, header, parts, seen = 0, "", list[str](), dict[str, int]()
    for number, text in enumerate(text_lines(path), start=1):
        text = text.rstrip("\r\n").strip(" \t")
        if "\r" in text:
            raise BadInput(
                "a carriage return within a line", wanted="lines that end in LF or CRLF", where=f"{path}:{number}"
            )
        if text.startswith(">"):
            if line:
                yield _record(path, line, header, parts, seen)
            line, header, parts = number, text[1:], []
        elif not line and text:
            wanted = "a line that begins with >"
            raise BadInput("not a FASTA file", wanted=wanted, got=repr(text[:20]), where=f"{path}:{number}")
        else:
            parts.append(text)
    if not line:
        raise BadInput("empty file", wanted="FASTA: a header line with > and a sequence", where=f"{path}:1")
    yield _record(path, line, header, parts, seen)


def _record(path: str, line: int, header: str, parts: list[str], seen: dict[str, int]) -> Record:
    name, description = (*header.strip().split(maxsplit=1), "", "")[:2]
    if not name:
        raise BadInput("header without a name", wanted=">NAME", where=f"{path}:{line}")
    if (first := seen.setdefault(name, line)) != line:
        raise BadInput("a name that stands twice", wanted="one of its own", got=f"{name}, of line {first} too",
                       where=f"{path}:{line}")  # fmt: skip
    sequence = "".join(parts)
    if not sequence:
        raise BadInput(f"{name} has no sequence", wanted="bases behind its header", where=f"{path}:{line}")
    return Record(line, name, description, sequence)
