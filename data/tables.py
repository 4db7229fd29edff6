"""Delimited text with a header: read whole or in chunks, every fault told with its file, line and column.

UTF-8, with or without a byte order mark; plain or gzip, known by its first bytes; LF or CRLF. The delimiter is that of
the suffix (.tsv and .tab a tab, else a comma) where the header has it, or else the one of comma, tab and semicolon that
the header has most of.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import itertools
import os
import re
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from data.errors import BadInput

# A cell may hold a long sequence, yet an open quote must not read a whole genome into one cell.
_LONGEST_CELL = 1 << 24
csv.field_size_limit(_LONGEST_CELL)

_GZIP = b"\x1f\x8b"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Table:
    """Rows of a file, as they stand there.

    Attributes:
        path: the file, as it was named.
        header: names of the columns.
        rows: cells of each row, as many as the header has.
        lines: line in the file, counted from 1, at which each row begins.
    """

    path: str
    header: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]

    def place(self, row: int, column: str = "") -> str:
        """`file:line` or `file:line:column` of a row."""
        return ":".join([self.path, str(self.lines[row]), *([column] if column else [])])

    def cells(self, name: str) -> list[str]:
        """The cells of one column without surrounding blanks, empty ones too."""
        index = self.header.index(name)
        return [row[index].strip() for row in self.rows]

    def column(self, name: str) -> list[str]:
        """The cells of one column without surrounding blanks.

        Raises:
            BadInput: a cell is empty.
        """
        cells = self.cells(name)
        if not all(cells):
            raise BadInput(f"empty {name}", wanted="a value in every row", where=self.place(cells.index(""), name))
        return cells

    def known(self, name: str, words: Collection[str]) -> list[str]:
        """The cells of one column, each of which is one of these words or, where that is one of them, empty.

        Raises:
            BadInput: for another word.
        """
        cells = self.cells(name)
        for row, cell in enumerate(cells):
            if cell not in words:
                wanted = ", ".join(filter(None, words)) + (" or nothing" if "" in words else "")
                raise BadInput(f"unknown {name}", wanted=wanted, got=repr(cell), where=self.place(row, name))
        return cells


def read_table(path: str | os.PathLike[str], *, columns: Sequence[str] = ()) -> Table:
    """A whole file at once. `stream` says what is read and what is refused."""
    chunks = list(stream(path, columns=columns))
    rows = list(itertools.chain.from_iterable(chunk.rows for chunk in chunks))
    lines = list(itertools.chain.from_iterable(chunk.lines for chunk in chunks))
    return Table(chunks[0].path, chunks[0].header, rows, lines)


def stream(path: str | os.PathLike[str], *, columns: Sequence[str] = (), chunk: int = 20_000) -> Iterator[Table]:
    """A file in pieces of at most `chunk` rows, in order, with all of its columns.

    Args:
        path: CSV or TSV with a header, plain or gzip.
        columns: names that the header must have, each once.
        chunk: rows held at a time, at least 1.

    Yields:
        Table of the next rows; at least one.

    Raises:
        BadInput: the file cannot be opened or read, is empty, lacks a column or a row, or is no table.
    """
    name = os.fspath(path)
    records = _records(name)
    line, cells = next(records)
    header = [cell.strip() for cell in cells]
    _check_header(header, columns, f"{name}:{line}")
    rows: list[list[str]] = []
    lines: list[int] = []
    for line, cells in _full(records, header, name):
        rows.append(cells)
        lines.append(line)
        if len(rows) == chunk:
            yield Table(name, tuple(header), rows, lines)
            rows, lines = [], []
    if rows:
        yield Table(name, tuple(header), rows, lines)


def _check_header(header: list[str], columns: Sequence[str], where: str) -> None:
    for name in columns:
        if header.count(name) > 1:
            raise BadInput(f"two columns are named {name!r}", wanted="one", where=where)
        if name not in header:
            raise BadInput(f"no column {name!r}{_meant(name, header)}", wanted=f"a header with {name!r}",
                           got=_short(header), where=where)  # fmt: skip


def _meant(name: str, header: list[str]) -> str:
    lower = {column.lower(): column for column in header}
    close = difflib.get_close_matches(name.lower(), lower, n=1)
    return f" (did you mean {lower[close[0]]!r}?)" if close else ""


def _short(cells: list[str]) -> str:
    text = ", ".join(cells)
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _full(records: Iterator[tuple[int, list[str]]], header: list[str], name: str) -> Iterator[tuple[int, list[str]]]:
    """The rows, each as long as the header; blank lines may only end the file."""
    blank = count = 0
    for line, cells in records:
        if len(cells) < 2 and not "".join(cells).strip():
            blank = blank or line
            continue
        if blank:
            raise BadInput("blank line", wanted=f"a row of {len(header)} cells", where=f"{name}:{blank}")
        if len(cells) != len(header):
            wanted = f"{len(header)} cells as in the header, {_short(header)}"
            raise BadInput("row of another length", wanted=wanted, got=len(cells), where=f"{name}:{line}")
        count += 1
        yield line, cells
    if not count:
        raise BadInput("no rows after the header", wanted="at least one row", where=f"{name}:2")


def _records(name: str) -> Iterator[tuple[int, list[str]]]:
    """(first line, cells) of the header and of every row."""
    lines = text_lines(name)
    first = next(lines, "")
    if not first.strip():
        raise BadInput("empty file" if not first else "blank line", wanted="a header line", where=f"{name}:1")
    reader = csv.reader(itertools.chain([first], lines), delimiter=_delimiter(name, first), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _not_a_row(error, f"{name}:{line}") from None
        yield line, cells


def _not_a_row(error: csv.Error, where: str) -> BadInput:
    reason = str(error)
    if "unexpected end of data" in reason:
        return BadInput("a quote is opened and not closed", wanted='a closing "', where=where)
    if "field limit" in reason:
        wanted = f"at most {_LONGEST_CELL:,} (is a quote left open?)"
        return BadInput("a cell with too many characters", wanted=wanted, where=where)
    if "new-line character" in reason:
        return BadInput("a carriage return inside a line", wanted="lines that end in LF or CRLF", where=where)
    return BadInput("malformed row", wanted="quotes around whole cells, doubled inside", got=reason, where=where)


def _delimiter(name: str, header: str) -> str:
    usual = "\t" if unpacked(name).lower().endswith((".tsv", ".tab")) else ","
    return usual if usual in header else max(usual + "\t;,", key=header.count)


def unpacked(name: str) -> str:
    """A file's name without what says that it is packed: gzip, or bgzip, which is gzip in blocks."""
    return re.sub(r"\.b?gz$", "", name, flags=re.IGNORECASE)


def is_gzip(path: str) -> bool:
    """Whether a file that can be read begins as gzip does."""
    with open(path, "rb") as file:
        return file.read(2) == _GZIP


def text_lines(name: str) -> Iterator[str]:
    """Lines of a plain or gzip file with their ends, decoded one by one so that a fault has a line.

    Raises:
        BadInput: the file cannot be opened, is damaged, or is no UTF-8 text.
    """
    with _open(name) as file:
        number = 0
        try:
            for raw in file:
                number += 1
                yield _text(raw, number, f"{name}:{number}")
        except EOFError:
            raise BadInput("gzip cut short", wanted="the whole file", where=f"{name}:{number + 1}") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise BadInput("damaged gzip", wanted="an intact file", got=error, where=f"{name}:{number + 1}") from None


def _text(raw: bytes, number: int, where: str) -> str:
    if number == 1 and raw.startswith(_UTF16):
        raise BadInput("wrong encoding", wanted="UTF-8", got="UTF-16", where=where)
    if b"\0" in raw:
        raise BadInput(f"NUL at byte {raw.index(0) + 1} of the line", wanted="text", where=where)
    try:
        return raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        what = f"wrong encoding at byte {error.start + 1} of the line"
        raise BadInput(what, wanted="UTF-8", got=f"0x{raw[error.start]:02x}", where=where) from None


def _open(name: str) -> BinaryIO:
    try:
        file = open(name, "rb")  # noqa: SIM115 - the caller closes it
    except OSError as error:
        raise _cannot_open(error, name) from None
    magic = file.peek(2)[:2]
    if magic == _GZIP:
        # Not wrapped in another buffer: that would lose the whole lines that stand before a damaged place.
        return gzip.open(file)  # type: ignore[return-value]
    if magic and name.lower().endswith(".gz"):
        file.close()
        raise BadInput("not gzip, though named so", wanted="gzip, or a name without .gz", where=name)
    return file


def _cannot_open(error: OSError, name: str) -> BadInput:
    what = {
        FileNotFoundError: "no such file",
        IsADirectoryError: "a folder, not a file",
        PermissionError: "no permission to read",
    }.get(type(error), error.strerror or "cannot be opened")
    return BadInput(what, wanted="a readable file, plain or gzip", where=name)
