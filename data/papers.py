"""The user's own graph: papers.csv with `paper,label,split,words` or columns of numbers, and citations.csv."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain

import numpy as np
from scipy.sparse import csr_array

from data.errors import BadInput
from data.features import Features
from data.graphs import PARTS, UNKNOWN, Source
from data.tables import Table, stream
from data.targets import in_order

MOST_WORDS = 1 << 24  # a larger index is a slip rather than a vocabulary
KNOWN_COLUMNS = ("paper", "label", "split", "words", "year")


def read_papers(papers: str, citations: str, *, words: int = 0) -> Source:
    """A graph out of two tables, plain or gzip.

    Args:
        papers: one row a paper: `paper` (its id); `label`, empty where unknown; `split`: train, val, test or nothing;
            `words`: indices of the words present, counted from 0, as `118 125` or with values as `118:0.5 125:2`; where
            that column is not there, all others are features and hold numbers; `year`. Only `paper` must be there.
        citations: one row a citation: `cited` and `citing`, ids of papers.
        words: size of the vocabulary; 0 for one more than the largest index.

    Raises:
        BadInput: with file, line and column.
    """
    read = _Papers(papers, words)
    index = {paper: number for number, paper in enumerate(read.ids)}
    pairs, lines = read_citations(citations, index, what="paper")
    return Source(
        features=read.features(),
        citations=pairs,
        labels=read.labels(),
        classes=read.classes,
        ids=np.array(read.ids),
        parts=np.array(read.parts) if read.parts else None,
        years=np.array(read.years) if read.years else None,
        paper_place=read.place,
        citation_place=lambda row: f"{citations}:{lines[row]}",
        columns=read.columns,
    )


def read_citations(path: str, index: dict[str, int], *, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Citations between papers that are known.

    Args:
        path: table with `cited` and `citing`.
        index: number of each paper by its id.
        what: what an unknown id is called in errors.

    Returns:
        (citations, 2) int64 citing and cited, and (citations,) the line of each.

    Raises:
        BadInput: with file, line and column, where an id is unknown.
    """
    ends: dict[str, list[np.ndarray]] = {"citing": [], "cited": []}
    lines: list[np.ndarray] = []
    for table in stream(path, columns=("cited", "citing")):
        for name, numbers in ends.items():
            cells = table.column(name)
            found = np.fromiter((index.get(cell, UNKNOWN) for cell in cells), np.int64, len(cells))
            if (found < 0).any():
                row = int((found < 0).argmax())
                wanted, where = f"a {what} of the graph", table.place(row, name)
                raise BadInput(f"a citation of an unknown {what}", wanted=wanted, got=repr(cells[row]), where=where)
            numbers.append(found)
        lines.append(np.array(table.lines))
    return np.stack([np.concatenate(numbers) for numbers in ends.values()], axis=1), np.concatenate(lines)


def parse_words(cells: Sequence[str], *, most: int, place: Callable[[int], str]) -> csr_array:
    """Bags of words out of cells of `index` or `index:value`, a repeated word counting as often as it stands.

    Args:
        cells: one a paper; empty for a paper without words.
        most: how many words there can be.
        place: names a paper by its index in errors.

    Raises:
        BadInput: a token that is no word, an index below 0 or not below `most`.
    """
    split = [cell.split() for cell in cells]
    tokens = list(chain.from_iterable(split))
    try:
        indices, values = _numbers(tokens)
        fault = bool(len(indices)) and (indices.min() < 0 or indices.max() >= most or not np.isfinite(values).all())
    except (ValueError, OverflowError):
        fault = True
    if fault:
        raise _wrong_word(split, most, place)
    ends = np.cumsum([0, *map(len, split)])
    bags = csr_array((values, indices, ends), shape=(len(cells), most))
    bags.sum_duplicates()
    return bags


def _numbers(tokens: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Indices and values of tokens; one without a value has 1."""
    if not any(":" in token for token in tokens):
        return np.array(tokens, str).astype(np.int64), np.ones(len(tokens), np.float32)
    pairs = [token.partition(":") for token in tokens]
    indices = np.array([index for index, _, _ in pairs], str).astype(np.int64)
    return indices, np.array([value if colon else "1" for _, colon, value in pairs], str).astype(np.float32)


def _wrong_word(split: list[list[str]], most: int, place: Callable[[int], str]) -> BadInput:
    """What is told of the first token that cannot be read."""
    row, token = next((r, t) for r, tokens in enumerate(split) for t in tokens if not 0 <= _index(t) < most)
    index = _index(token)
    if np.isnan(index):
        wanted = "indices of words, as 118 125, or with values, as 118:0.5"
        return BadInput("not a word", wanted=wanted, got=repr(token), where=place(row))
    what = "a negative word" if index < 0 else "a word beyond the vocabulary"
    return BadInput(what, wanted=f"0 to {most - 1:,}", got=int(index), where=place(row))


def _index(token: str) -> float:
    """The index of a token, NaN where it is no word."""
    try:
        indices, values = _numbers([token])
    except (ValueError, OverflowError):
        return np.nan
    return float(indices[0]) if np.isfinite(values[0]) else np.nan


class _Papers:
    """papers.csv, read in pieces so that only numbers stay in memory.

    Args:
        path: the file.
        words: size of the vocabulary, or 0.
    """

    def __init__(self, path: str, words: int) -> None:
        self.path, self.words = path, words
        self.ids: list[str] = []
        self.parts: list[int] = []
        self.years: list[int] = []
        self.columns: tuple[str, ...] = ()
        self._names: list[str] = []
        self._lines: list[np.ndarray] = []
        self._pieces: list[Features] = []
        for table in stream(path, columns=("paper",)):
            twice = [name for name, count in Counter(table.header).items() if count > 1]
            if twice:
                raise BadInput(f"two columns are named {twice[0]!r}", wanted="one", where=f"{path}:1")
            self._read(table)
        self.lines = np.concatenate(self._lines)
        self.classes = in_order({name for name in self._names if name})
        if self._names and len(self.classes) < 2:
            got = repr(self.classes[0]) if self.classes else "no label at all"
            raise BadInput("one class only", wanted="at least two different labels", got=got, where=self.path)

    def place(self, row: int) -> str:
        """`file:line` of a paper."""
        return f"{self.path}:{self.lines[row]}"

    def labels(self) -> np.ndarray:
        """(papers,) class indices, -1 where the label is empty or there is no such column."""
        index = {name: number for number, name in enumerate(self.classes)} | {"": UNKNOWN}
        return np.array([index[name] for name in self._names] or [UNKNOWN] * len(self.ids), np.int32)

    def features(self) -> Features:
        """Bags of words, or columns of numbers."""
        if isinstance(self._pieces[0], np.ndarray):
            return np.concatenate(self._pieces)
        from scipy.sparse import vstack

        bags = csr_array(vstack(self._pieces, format="csr"))
        width = self.words or max(int(bags.indices.max(initial=-1)) + 1, 1)
        return csr_array((bags.data, bags.indices, bags.indptr), shape=(bags.shape[0], width))

    def _read(self, table: Table) -> None:
        self.ids += table.column("paper")
        self._lines.append(np.array(table.lines))
        if "label" in table.header:
            self._names += table.cells("label")
        if "split" in table.header:
            self.parts += map(PARTS.index, table.known("split", PARTS))
        if "year" in table.header:
            self.years += _years(table)
        self._pieces.append(self._features(table))

    def _features(self, table: Table) -> Features:
        if "words" in table.header:
            place = partial(table.place, column="words")
            return parse_words(table.cells("words"), most=self.words or MOST_WORDS, place=place)
        self.columns = tuple(name for name in table.header if name not in KNOWN_COLUMNS)
        return read_columns(table, self.columns)


def read_columns(table: Table, names: Sequence[str]) -> np.ndarray:
    """(rows, columns) float32 of columns that hold numbers.

    Raises:
        BadInput: there is none, or a cell that is no finite number.
    """
    if not names:
        wanted = "a column 'words', or columns of numbers beside " + ", ".join(KNOWN_COLUMNS)
        raise BadInput("papers without features", wanted=wanted, got=", ".join(table.header), where=f"{table.path}:1")
    columns = [table.header.index(name) for name in names]
    cells = [[row[column].strip() for column in columns] for row in table.rows]
    try:
        values = np.array(cells, str).astype(np.float64)
    except ValueError:
        values = np.array([[_number(cell) for cell in row] for row in cells])
    with np.errstate(over="ignore"):  # what float32 cannot hold is told below
        values = values.astype(np.float32)
    if not np.isfinite(values).all():
        row, column = divmod(int(np.argmax(~np.isfinite(values))), len(names))
        where = table.place(row, names[column])
        raise BadInput("not a finite number", wanted="a number", got=repr(cells[row][column]), where=where)
    return values


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return np.nan


def _years(table: Table) -> list[int]:
    """The years, -1 where the cell is empty."""
    years = []
    for row, cell in enumerate(table.cells("year")):
        if cell and not cell.isdecimal():
            raise BadInput("not a year", wanted="a whole number, or nothing", got=repr(cell),
                           where=table.place(row, "year"))  # fmt: skip
        years.append(int(cell) if cell else -1)
    return years
