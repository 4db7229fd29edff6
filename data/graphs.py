"""Graph: papers, their words and labels, and who cites whom, in one canonical order; and what may be done to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

import numpy as np
from scipy.sparse import csr_array

from data.errors import BadInput
from data.features import Features

UNKNOWN = -1
PARTS = ("", "train", "val", "test")
"""What a number in `Graph.parts` means."""

Direction = Literal["both", "as_given", "symmetric"]


@dataclass(frozen=True)
class Graph:
    """Papers and citations.

    Attributes:
        features: (papers, words) float32, SciPy CSR for bags of words, NumPy for columns of numbers.
        edges: (edges, 2) int64, source (the citing paper) and target (the cited one), each pair once, sorted by target
            and then by source.
        labels: (papers,) int32 class index, -1 where unknown.
        classes: names of the classes.
        ids: (papers,) what the source calls each paper.
        parts: (papers,) uint8 index into PARTS where the source has a split, else None.
        years: (papers,) int64 where the source has them, else None.
        found: what was found and what was done to the edges, JSON-ready.
        place: names a paper by its index in errors, `papers.csv:7`.
        columns: names of the columns of numbers; empty where they have none.
    """

    features: Features
    edges: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    ids: np.ndarray
    parts: np.ndarray | None
    years: np.ndarray | None
    found: Mapping[str, Any]
    place: Callable[[int], str] = "paper {}".format
    columns: tuple[str, ...] = ()

    @property
    def nodes(self) -> int:
        """Number of papers."""
        return len(self.labels)


@dataclass(frozen=True)
class Source:
    """A graph as it was read: citations as they stand there, and where each thing stands.

    Attributes:
        features: (papers, words) float32, SciPy CSR or NumPy.
        citations: (citations, 2) int64, citing and cited, in the order of the source, repeats and all.
        labels: (papers,) class index, -1 where unknown.
        classes: names of the classes.
        ids: (papers,) what the source calls each paper.
        parts: (papers,) index into PARTS, or None.
        years: (papers,) or None.
        paper_place: names a paper by its index in errors, `papers.csv:7`.
        citation_place: names a citation, `citations.csv:3`.
        columns: names of the columns of numbers; empty where they have none.
    """

    features: Features
    citations: np.ndarray
    labels: np.ndarray
    classes: Sequence[str]
    ids: np.ndarray
    parts: np.ndarray | None = None
    years: np.ndarray | None = None
    paper_place: Callable[[int], str] = "paper {}".format
    citation_place: Callable[[int], str] = "citation {}".format
    columns: tuple[str, ...] = ()


def graph(source: Source, *, direction: Direction = "both", self_citations: Literal["drop", "keep"] = "drop") -> Graph:
    """Check a graph as read and put it in order.

    Args:
        source: as read.
        direction: both adds the reverse of every citation, as_given adds none, symmetric wants both to be there.
        self_citations: whether a paper that cites itself keeps that edge; a model adds self loops of its own.

    Raises:
        BadInput: an empty graph, an index out of range, NaN or infinite features, a label without a class, an id that
            stands twice, a one-way citation where symmetric was asked for.
    """
    _check(source)
    edges, found = arrange(source.citations, len(source.labels), direction, self_citations, place=source.citation_place)
    parts = None if source.parts is None else source.parts.astype(np.uint8)
    labels = source.labels.astype(np.int32)
    known = tuple(source.classes), source.ids, parts, source.years
    return Graph(source.features, edges, labels, *known, found, source.paper_place, source.columns)


def arrange(
    citations: np.ndarray,
    nodes: int,
    direction: Direction = "both",
    self_citations: Literal["drop", "keep"] = "drop",
    *,
    place: Callable[[int], str] = "citation {}".format,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Edges in their canonical order, and what was found in the citations.

    Args:
        citations: (citations, 2) integers, source and target, in any order.
        nodes: number of nodes.
        direction: as in `graph`.
        self_citations: as in `graph`.
        place: names a citation by its index in errors.

    Returns:
        (edges, 2) int64 sorted by target and then by source, each pair once; and a JSON-ready report.

    Raises:
        BadInput: an index out of range, a one-way citation where symmetric was asked for.
    """
    _check_range(citations, nodes, place)
    sources, targets = citations[:, 0].astype(np.int64), citations[:, 1].astype(np.int64)
    once = different(targets * nodes + sources)
    mirrored = sources * nodes + targets
    if direction == "symmetric":
        _check_symmetric(once, mirrored, place)
    found = {
        "citations": len(citations),
        "repeated": len(citations) - len(once),
        "self_citations": int((sources == targets).sum()),
        "direction": direction,
    }
    if direction == "both":
        once = different(np.concatenate([once, mirrored]))
    if self_citations == "drop" and found["self_citations"]:
        once = once[once // nodes != once % nodes]
    edges = np.empty((len(once), 2), np.int64)
    np.divmod(once, nodes, out=(edges[:, 1], edges[:, 0]))
    return edges, found


def different(numbers: np.ndarray) -> np.ndarray:
    """The different numbers, ascending; the numbers themselves are put in order.

    Sorting takes a tenth of the time of `np.unique`, which hashes.
    """
    numbers.sort()
    new = np.ones(len(numbers), bool)
    np.not_equal(numbers[1:], numbers[:-1], out=new[1:])
    return numbers[new]


def digest(*parts: np.ndarray | csr_array | str) -> str:
    """sha256 over the content of arrays and texts, one after another."""
    total = sha256()
    for part in parts:
        if isinstance(part, str):
            total.update(part.encode())
            continue
        for piece in (part.indptr, part.indices, part.data) if isinstance(part, csr_array) else (part,):
            total.update(np.ascontiguousarray(piece, piece.dtype.newbyteorder("<")).data)
    return total.hexdigest()


def _check(source: Source) -> None:
    nodes = len(source.labels)
    if not nodes:
        raise BadInput("no papers", wanted="at least one")
    if not len(source.citations):
        raise BadInput("an empty graph: no citations", wanted="at least one citation")
    if source.features.shape[0] != nodes or len(source.ids) != nodes:
        got = f"{source.features.shape[0]:,} rows of features, {len(source.ids):,} ids, {nodes:,} labels"
        raise BadInput("papers differ in number", wanted="features, an id and a label for each paper", got=got)
    if not source.features.shape[1]:
        raise BadInput("no features", wanted="at least one word or column")
    _check_ids(source)
    _check_features(source)
    outside = (source.labels < UNKNOWN) | (source.labels >= len(source.classes))
    if outside.any():
        paper = int(outside.argmax())
        wanted = f"-1 for unknown, or 0 to {len(source.classes) - 1}"
        raise BadInput("no such class", wanted=wanted, got=source.labels[paper], where=source.paper_place(paper))


def _check_ids(source: Source) -> None:
    _, first, counts = np.unique(source.ids, return_index=True, return_counts=True)
    if len(first) == len(source.ids):
        return
    paper = int(first[counts > 1].min())
    again = np.flatnonzero(source.ids == source.ids[paper])[1]
    what = f"paper {source.ids[paper]!s} stands twice"
    got = f"another at {source.paper_place(paper)}"
    raise BadInput(what, wanted="each paper once", got=got, where=source.paper_place(int(again)))


def _check_features(source: Source) -> None:
    values = source.features if isinstance(source.features, np.ndarray) else source.features.data
    if np.isfinite(values).all():
        return
    first = int(np.argmax(~np.isfinite(values)))  # of the flattened values
    if isinstance(source.features, np.ndarray):
        paper, column = divmod(first, source.features.shape[1])
    else:
        paper = int(np.searchsorted(source.features.indptr, first, side="right")) - 1
        column = int(source.features.indices[first])
    got = values.ravel()[first]
    what = f"feature {column} is no finite number"
    raise BadInput(what, wanted="finite numbers", got=got, where=source.paper_place(paper))


def _check_range(citations: np.ndarray, nodes: int, place: Callable[[int], str]) -> None:
    if citations.ndim != 2 or citations.shape[1] != 2 or citations.dtype.kind not in "iu":
        got = f"{citations.dtype} of shape {citations.shape}"
        raise BadInput("citations of another form", wanted="(citations, 2) whole numbers", got=got)
    outside = ((citations < 0) | (citations >= nodes)).any(axis=1)
    if outside.any():
        row = int(outside.argmax())
        wanted = f"the index of a paper, 0 to {nodes - 1}"
        got = " -> ".join(map(str, citations[row].tolist()))
        raise BadInput("a citation of an unknown paper", wanted=wanted, got=got, where=place(row))


def _check_symmetric(once: np.ndarray, mirrored: np.ndarray, place: Callable[[int], str]) -> None:
    alone = once[np.minimum(np.searchsorted(once, mirrored), len(once) - 1)] != mirrored
    if alone.any():
        row = int(alone.argmax())
        wanted = "each citation in both directions, or data.direction both or as_given"
        raise BadInput("a directed graph where a symmetric one was asked for", wanted=wanted,
                       got=f"{int(alone.sum()):,} citations without their reverse", where=place(row))  # fmt: skip
