"""A genome in FASTA, read by place, and BED intervals of it: starts count from 0, ends are not included."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from data.errors import BadInput
from data.tables import is_gzip, text_lines, unpacked

_HEADERS = ("track", "browser", "#")
_INDEXED = "FASTA, each name once, the lines of a chromosome all of one length, with one kind of line end"
HEADERS = (256, 1 << 16)  # bytes in which a chromosome's header is looked for: most are short
DIGITS = 18  # of a place, more than any genome needs and fewer than an int64 has
COLUMNS = ("chromosome", "start", "end", "name", "score", "strand")


class Interval(NamedTuple):
    """A line of a BED file.

    Attributes:
        line: counted from 1.
        chromosome: its name.
        start: first base, counted from 0.
        end: base behind the last one.
        name: fourth column; empty where there is none.
        score: fifth column.
        strand: sixth column: +, - or . for none.
        signal: seventh column, the strength of a peak in narrowPeak and broadPeak.
    """

    line: int
    chromosome: str
    start: int
    end: int
    name: str = ""
    score: str = ""
    strand: str = "."
    signal: str = ""

    def around(self, width: int) -> Interval:
        """As many bases about the same centre; itself for width 0."""
        if not width:
            return self
        start = (self.start + self.end) // 2 - width // 2
        return self._replace(start=start, end=start + width)


def is_bed(path: str) -> bool:
    """Whether a file is named as BED files, or the peaks of ENCODE, are."""
    return unpacked(path).lower().endswith((".bed", ".narrowpeak", ".broadpeak"))


def read_bed(path: str) -> Iterator[Interval]:
    """The intervals of a file, in order.

    Raises:
        BadInput: with file, line and column.
    """
    found = 0
    for number, text in enumerate(text_lines(path), start=1):
        if text.strip() and not text.startswith(_HEADERS):
            found += 1
            yield _interval(text.rstrip("\r\n"), number, f"{path}:{number}")
    if not found:
        raise BadInput("no interval", wanted="lines of chromosome, start and end", where=path)


def _interval(text: str, line: int, where: str) -> Interval:
    if "\r" in text:
        raise BadInput("a carriage return within a line", wanted="lines that end in LF or CRLF", where=where)
    cells = text.split("\t") if "\t" in text else text.split()
    if len(cells) < 3:
        raise BadInput("too few columns", wanted="chromosome, start and end", got=len(cells), where=where)
    start, end = (_number(cells[place], f"{where}:{COLUMNS[place]}") for place in (1, 2))
    if start >= end:
        wanted = "a start below the end (BED counts starts from 0 and leaves ends out)"
        raise BadInput("start and end are swapped or equal", wanted=wanted, got=f"{start} to {end}", where=where)
    found = Interval(line, cells[0], start, end, *(cell.strip() for cell in cells[3:7]))
    if found.strand not in ("+", "-", "."):
        raise BadInput("unknown strand", wanted="+, - or .", got=repr(found.strand), where=f"{where}:strand")
    return found


def _number(cell: str, where: str) -> int:
    if not cell.strip().isdecimal() or len(cell) > DIGITS:
        raise BadInput("not a place", wanted="a whole number from 0", got=repr(cell), where=where)
    return int(cell)


class Genome:
    """A FASTA file of chromosomes with an index beside it, `GENOME.fai`, which is made where there is none.

    Args:
        path: the file, not compressed: places cannot be found in a compressed one.

    Raises:
        BadInput: no such file, a compressed one, one that cannot be indexed, or an index that is older than the file.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        next(text_lines(path), "")
        if is_gzip(path):
            raise BadInput("the genome is compressed", wanted="the file unpacked: gunzip", where=path)
        index = path + ".fai"
        if os.path.exists(index) and os.path.getmtime(index) < os.path.getmtime(path):
            raise BadInput("the index is older than the genome", wanted="no index, or a new one", where=index)

    @cached_property
    def _file(self) -> Any:
        index = Path(self.path + ".fai")
        known = index.exists()
        try:
            file = self._indexed(known)
            self._check_places(file.faidx.index, known)
        except BadInput:
            if not known:
                index.unlink(missing_ok=True)
            raise
        return file

    def _indexed(self, known: bool) -> Any:
        import pyfaidx

        try:
            return pyfaidx.Fasta(self.path, as_raw=True, rebuild=False)
        except (pyfaidx.FastaIndexingError, ValueError) as error:
            if known:
                raise self._foreign_index(error) from None
            raise BadInput("the genome cannot be indexed", wanted=_INDEXED, got=error, where=self.path) from None
        except OSError as error:
            wanted = "a folder that can be written to, or an index beside the genome"
            raise BadInput("the genome's index cannot be written", wanted=wanted, got=error, where=self.path) from None

    def _foreign_index(self, got: object) -> BadInput:
        wanted = "no index, or a new one"
        return BadInput("the index is not of this genome", wanted=wanted, got=got, where=self.path + ".fai")

    def _check_places(self, index: Mapping[str, Any], known: bool) -> None:
        """Refuse places behind which no next chromosome begins: they would give other bases, and say nothing."""
        size = os.path.getsize(self.path)
        with open(self.path, "rb") as file:
            wrong = [name for name, place in index.items() if not _fits(file, size, name, place)]
            file.seek(max((place.bend for place in index.values()), default=0))
            more = bool(file.read(64).strip())
        if known and (wrong or more):
            raise self._foreign_index(f"other places of {wrong[0]}" if wrong else f"{len(index)} chromosomes, not all")
        if wrong:
            # An index knows one length of line and one kind of end for each chromosome.
            raise BadInput("the genome cannot be indexed", wanted=_INDEXED, got=f"lines of {wrong[0]} that end in two "
                           "ways", where=self.path)  # fmt: skip

    @cached_property
    def lengths(self) -> dict[str, int]:
        """Bases of each chromosome."""
        return {name: len(chromosome) for name, chromosome in self._file.items()}

    def bases(self, chromosome: str, start: int, end: int) -> str:
        """The plus strand from start to end, N where that lies beyond the chromosome."""
        inside = self._file[chromosome][max(start, 0) : min(end, self.lengths[chromosome])] if end > 0 else ""
        return ("N" * max(-start, 0) + str(inside)).ljust(end - start, "N")

    def require(self, chromosome: str, end: int, where: str) -> None:
        """Refuse a place that the genome lacks.

        Args:
            chromosome: a name.
            end: base behind the last one that is asked for.
            where: file and line that ask.

        Raises:
            BadInput: no such chromosome, or one that ends before.
        """
        if chromosome not in self.lengths:
            near = (
                [renamed] if (renamed := self.renamed(chromosome)) else get_close_matches(chromosome, self.lengths, n=1)
            )
            wanted = f"one that {self.path} has" + "".join(f", such as {name}" for name in near)
            raise BadInput("unknown chromosome", wanted=wanted, got=repr(chromosome), where=where)
        if end > (length := self.lengths[chromosome]):
            first = " (does the file count from 1? BED counts from 0)" if end == length + 1 else ""
            wanted = f"an end of at most {length}"
            raise BadInput(f"beyond the end of {chromosome}{first}", wanted=wanted, got=end, where=where)

    def renamed(self, name: str) -> str:
        """What `1` means where the genome has `chr1`, or the other way about; empty where it has neither."""
        other = name.removeprefix("chr") if name.startswith("chr") else f"chr{name}"
        return other if other in self.lengths else ""


def _fits(file: BinaryIO, size: int, name: str, place: Any) -> bool:
    """Whether bases begin behind the header of this name, and end where the file does or the next header begins."""
    begins = any(_header(file, place.offset, back) == name.encode() for back in HEADERS)
    file.seek(place.bend)
    behind = file.read(64).lstrip()
    return begins and place.bend <= size + len("\r\n") and (not behind or behind.startswith(b">"))


def _header(file: BinaryIO, offset: int, back: int) -> bytes:
    """The first word of the header that ends at a place; empty where none does, or it is longer than what is read."""
    file.seek(max(offset - back, 0))
    before = file.read(min(offset, back))
    line = before.rstrip(b"\r\n").rpartition(b"\n")[2] if before.endswith(b"\n") else b""
    return line[1:].split(maxsplit=1)[0] if line.startswith(b">") and line[1:].strip() else b""
