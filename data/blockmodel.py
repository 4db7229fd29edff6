"""Graphs of any size out of a seed: a degree-corrected block model (Karrer and Newman 2011) with words or columns."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from data.errors import BadInput
from data.features import Features
from data.graphs import Source, different

TAIL = 2.5  # exponent of the degrees' power law, as of citations
FIRST_YEAR, YEARS = 2000, 20
OWN = 3  # words of a paper that tell its class: alone they do not suffice
ROUNDS = 60  # of drawing what repeats have taken away; far fewer are needed where there is room


def block_model(
    nodes: int = 1_000,
    citations: int = 5_000,
    *,
    classes: int = 5,
    mixing: float = 0.2,
    words: int = 500,
    columns: int = 0,
    seed: int = 0,
) -> Source:
    """A graph in which papers cite mostly their own class, some papers are cited far more than others, and words tell.

    Papers stand in the order of their years; the later one of two cites the earlier. No citation repeats, none is of
    the paper itself, and there are exactly as many as asked for.

    Args:
        nodes: number of papers.
        citations: number of citations; a symmetric graph has twice as many edges.
        classes: number of classes, of equal size.
        mixing: share of the citations that do not look at the class, 0 to 1.
        words: size of the vocabulary; each paper has about 20 words, three of them of its class's own.
        columns: where above 0, papers have so many normal numbers instead of words, around a centre for each class.
        seed: same seed, same graph.

    Raises:
        BadInput: numbers that do not fit each other.
    """
    _check(nodes, citations, classes, mixing)
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(nodes, dtype=np.int32) % classes)
    keys = _citations(labels, citations, classes, mixing, rng)
    pairs = np.empty((citations, 2), np.int64)
    np.divmod(keys, nodes, out=(pairs[:, 0], pairs[:, 1]))
    return Source(
        features=_columns(labels, classes, columns, rng) if columns else _words(labels, classes, words, rng),
        citations=pairs,
        labels=labels,
        classes=[f"class_{number}" for number in range(classes)],
        ids=np.arange(nodes),
        years=FIRST_YEAR + np.arange(nodes) * YEARS // nodes,
    )


def _check(nodes: int, citations: int, classes: int, mixing: float) -> None:
    if not 2 <= classes <= nodes // 2:
        raise BadInput("data.block_classes out of range", wanted="at least 2, and 2 papers for each", got=classes)
    if not 1 <= citations <= nodes * (nodes - 1) // 8:
        wanted = f"1 to {nodes * (nodes - 1) // 8:,}, a quarter of the pairs of {nodes:,} papers"
        raise BadInput("data.block_citations out of range", wanted=wanted, got=f"{citations:,}")
    if not 0 <= mixing <= 1:
        raise BadInput("data.block_mixing out of range", wanted="0 to 1", got=mixing)


def _citations(labels: np.ndarray, count: int, classes: int, mixing: float, rng: np.random.Generator) -> np.ndarray:
    """(count,) int64, later * nodes + earlier, each once, sorted."""
    nodes = len(labels)
    members = [np.flatnonzero(labels == label).astype(np.int32) for label in range(classes)]
    # Pareto weights, cut so that no paper expects more than a hundredth of its class's citations.
    weights = [(1 - rng.random(len(papers))) ** (-1 / (TAIL - 1)) for papers in members]
    shares = [
        np.minimum(weight, weight.sum() / 100) / np.minimum(weight, weight.sum() / 100).sum() for weight in weights
    ]
    blocks = np.full((classes, classes), mixing / classes**2)
    blocks[np.diag_indices(classes)] += (1 - mixing) / classes
    keys = np.empty(0, np.int64)
    for _ in range(ROUNDS):
        drawn = rng.multinomial(count - len(keys), blocks.ravel()).reshape(classes, classes)
        a = np.concatenate([_ends(members[r], shares[r], drawn[r].sum(), rng) for r in range(classes)])
        b = _ends_of_blocks(members, shares, drawn, rng)
        new = np.maximum(a, b).astype(np.int64) * nodes + np.minimum(a, b)
        keys = different(np.concatenate([keys, new[a != b]]))
        if len(keys) == count:
            return keys
    raise BadInput("data.block_citations too many for the degrees", wanted="fewer, or more papers", got=f"{count:,}")


def _ends(papers: np.ndarray, shares: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """So many papers, drawn by their shares with replacement, in random order."""
    ends = np.repeat(papers, rng.multinomial(count, shares))
    rng.shuffle(ends)
    return ends


def _ends_of_blocks(
    members: list[np.ndarray], shares: list[np.ndarray], drawn: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The other end of each citation: of those that begin in block r, drawn[r, s] end in block s, s after s."""
    pieces = {
        s: np.split(_ends(members[s], shares[s], drawn[:, s].sum(), rng), np.cumsum(drawn[:-1, s]))
        for s in range(len(members))
    }
    return np.concatenate([pieces[s][r] for r in range(len(members)) for s in range(len(members))])


def _words(labels: np.ndarray, classes: int, vocabulary: int, rng: np.random.Generator) -> csr_array:
    """Bags of 20 words, OWN of them of the class's own part of the vocabulary, which no other class prefers."""
    count, topic = 20, max(vocabulary // classes, 1)
    drawn = rng.integers(0, vocabulary, (len(labels), count), dtype=np.int32)
    own = rng.integers(0, topic, (len(labels), OWN), dtype=np.int32)
    drawn[:, :OWN] = (own + labels[:, None] * topic) % vocabulary
    drawn.sort(axis=1)
    kept = np.ones(drawn.shape, bool)
    kept[:, 1:] = drawn[:, 1:] != drawn[:, :-1]
    starts = np.zeros(len(labels) + 1, np.int32)
    np.cumsum(kept.sum(axis=1), out=starts[1:])
    indices = drawn[kept]
    return csr_array((np.ones(len(indices), np.float32), indices, starts), shape=(len(labels), vocabulary))


def _columns(labels: np.ndarray, classes: int, columns: int, rng: np.random.Generator) -> Features:
    """Normal numbers of deviation one, around centres at distance one from the origin."""
    centres = rng.standard_normal((classes, columns), np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    values = rng.standard_normal((len(labels), columns), np.float32)
    for start in range(0, len(labels), 65_536):  # a whole (papers, columns) of centres would double the memory
        values[start : start + 65_536] += centres[labels[start : start + 65_536]]
    return values
