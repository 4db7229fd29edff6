"""Files for a model that is already trained: a whole graph, a labelled one, or new papers that cite those it knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from data.citation_sources import table_in
from data.citations import CitationsData, for_serving, read_graph
from data.errors import BadInput
from data.features import Features
from data.given import options_of
from data.graph_inputs import whole
from data.graphs import UNKNOWN, Graph
from data.papers import KNOWN_COLUMNS, parse_words, read_columns
from data.positions import positions
from data.splits import Rows
from data.tables import Table, read_table, stream

CITES = "cites"
"""The column by which a file of new papers is known: ids of papers of the training graph."""


def requests(path: str, metadata: Mapping[str, Any]) -> Iterator[tuple[Table, dict[str, Any]]]:
    """The papers of a file as a served model takes them, checked, in order.

    Args:
        path: a folder with papers.csv and citations.csv, or papers.csv itself with citations.csv beside it: one piece,
            the whole graph; or a table of new papers with a column `cites`: in pieces.
        metadata: of the export; says what features papers have and which way edges go.

    Yields:
        The papers as read, and the inputs of the served function whose names they are.

    Raises:
        BadInput: with file, line and column.
    """
    papers = _papers_of(path)
    first = next(stream(papers, chunk=1))
    if CITES in first.header:
        yield from _new_papers(papers, metadata)
        return
    known, shared = _sendable(papers, metadata)
    places = {"positions": shared["eigenvectors"]} if "eigenvectors" in shared else {}
    yield read_table(papers), {**sent_features(known.features), "edges": known.edges, **places}


def labelled_rows(path: str, metadata: Mapping[str, Any]) -> Rows:
    """A labelled graph for the served function of a trained model: its classes, its features.

    Returns:
        Every labelled paper; beside them the graph, its features as they were read.

    Raises:
        BadInput: with file, line and column; a label that the model does not know.
    """
    known, shared = _sendable(_papers_of(path), metadata)
    papers = np.flatnonzero(known.labels != UNKNOWN).astype(np.int32)
    if not len(papers):
        raise BadInput("no labelled paper", wanted="labels to judge by", where=path)
    return Rows({"node": papers, "label": _known_labels(known, metadata["classes"], papers)}, shared)


def _sendable(papers: str, metadata: Mapping[str, Any]) -> tuple[Graph, dict[str, Any]]:
    """The user's graph, and the arrays of it that a client would send."""
    known, options = _graph(papers, metadata), options_of(CitationsData, metadata)
    laplacian = options.positions if options.position_kind == "laplacian" else 0
    places = positions(known.edges, known.nodes, laplacian, "laplacian")
    return known, {
        **whole(known.features, known.edges),
        **for_serving(known, options, places),
        "unscaled": known.features,
    }


def sent_features(features: Features) -> dict[str, Any]:
    """Features as a client sends them: `words`, a text a paper, or `features`, numbers."""
    return {"features": features} if isinstance(features, np.ndarray) else {"words": texts(features)}


def texts(words: csr_array) -> np.ndarray:
    """Bags of words as texts of `index`, or of `index:value` where the value is not one."""
    pairs = zip(words.indices.tolist(), words.data.tolist(), strict=True)
    tokens = [str(index) if value == 1 else f"{index}:{np.float32(value)!s}" for index, value in pairs]
    starts = words.indptr.tolist()
    return np.array([" ".join(tokens[a:b]) for a, b in pairwise(starts)], object)


def _papers_of(path: str) -> str:
    return table_in(Path(path), "papers") if Path(path).is_dir() else path


def _graph(papers: str, metadata: Mapping[str, Any]) -> Graph:
    """The user's graph, put in order as the training graph was, with as many features."""
    facts = metadata["data"]
    citations = table_in(Path(papers).parent, "citations")
    options = replace(
        options_of(CitationsData, metadata), path="", name="", papers=papers, citations=citations, words=facts["words"]
    )
    known, _ = read_graph(options, 0)
    form = "columns" if isinstance(known.features, np.ndarray) else "words"
    if form != facts["form"] or known.features.shape[1] != facts["words"]:
        wanted, got = f"{facts['words']:,} {facts['form']}", f"{known.features.shape[1]:,} {form}"
        raise BadInput("papers with other features than the model knows", wanted=wanted, got=got, where=papers)
    if form == "columns":
        known = replace(known, features=known.features[:, in_order_of(facts, known.columns, papers)])
    return known


def in_order_of(facts: Mapping[str, Any], names: Sequence[str], where: str) -> list[int]:
    """Places of the columns that a model learnt from, in its order, by their names where it knows these.

    Raises:
        BadInput: one is missing, or there are others.
    """
    learnt = facts.get("columns") or names
    count = facts["words"]
    if len(names) != count or set(names) != set(learnt):
        wanted = ", ".join(learnt) if facts.get("columns") else f"{count:,} columns of numbers"
        got = ", ".join(names) or "none"
        raise BadInput("papers with other features than the model knows", wanted=wanted, got=got, where=where)
    return [list(names).index(name) for name in learnt]


def _known_labels(known: Graph, classes: list[str], papers: np.ndarray) -> np.ndarray:
    index = {name: number for number, name in enumerate(classes)}
    numbers = np.array([index.get(name, UNKNOWN) for name in known.classes], np.int32)
    labels = numbers[known.labels[papers]]
    if (labels == UNKNOWN).any():
        paper = int(papers[labels == UNKNOWN][0])
        got = repr(known.classes[known.labels[paper]])
        raise BadInput("label unseen in training", wanted=f"one of {', '.join(classes)}", got=got,
                       where=known.place(paper))  # fmt: skip
    return labels


def _new_papers(path: str, metadata: Mapping[str, Any]) -> Iterator[tuple[Table, dict[str, Any]]]:
    """New papers in pieces: features, and the ids they cite, which the served function looks up."""
    facts, known = metadata["data"], _ids(metadata)
    for table in stream(path, columns=(CITES,)):
        cells = table.cells(CITES)
        _check_ids(cells, known, table)
        if facts["form"] == "words":
            _need_column(table, "words")
            words = table.cells("words")
            parse_words(words, most=facts["words"], place=partial(table.place, column="words"))
            yield table, {"words": words, CITES: cells}
            continue
        names = [name for name in table.header if name not in (*KNOWN_COLUMNS, CITES)]
        values = read_columns(table, names)[:, in_order_of(facts, names, f"{path}:1")]
        yield table, {"features": values, CITES: cells}


def _ids(metadata: Mapping[str, Any]) -> set[str]:
    """Ids of the training graph, read again from its own files."""
    run = metadata["run"]
    known, _ = read_graph(
        options_of(CitationsData, metadata), run["split_seed"] if run["split_seed"] >= 0 else run["seed"]
    )
    return set(known.ids.astype(str).tolist())


def _check_ids(cells: list[str], known: set[str], table: Table) -> None:
    cited = set(chain.from_iterable(cell.split() for cell in cells))
    if unknown := cited - known:
        row = next(row for row, cell in enumerate(cells) if unknown & set(cell.split()))
        got = repr(next(paper for paper in cells[row].split() if paper in unknown))
        raise BadInput("a citation of an unknown paper", wanted="ids of papers of the training graph", got=got,
                       where=table.place(row, CITES))  # fmt: skip


def _need_column(table: Table, name: str) -> None:
    if name not in table.header:
        wanted, got = f"a header with {name!r}", ", ".join(table.header)
        raise BadInput(f"no column {name!r}", wanted=wanted, got=got, where=f"{table.path}:1")
