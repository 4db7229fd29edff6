"""Where a node stands in its graph, as numbers for a model that does not follow the edges."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.sparse import csr_array, diags_array

from data.errors import BadInput

PositionKind = Literal["random_walk", "laplacian"]
BLOCK = 512  # walks held at a time
MOST_NODES = 50_000


def positions(edges: np.ndarray, nodes: int, count: int, kind: PositionKind) -> np.ndarray | None:
    """Positional encodings of a graph, whose edges are taken in both directions.

    Args:
        edges: (edges, 2) source and target.
        nodes: number of nodes.
        count: numbers a node, 0 for none.
        kind: random_walk: the chance to be back after 1, 2, ... steps (Dwivedi et al. 2022); laplacian: its normalised
            Laplacian's eigenvectors of the lowest frequencies but the first, each with its largest entry positive
            (Dwivedi and Bresson 2021).

    Returns:
        (nodes, count) float32; None where the count is 0.

    Raises:
        BadInput: a graph too large for it.
    """
    if not count:
        return None
    if nodes > MOST_NODES or (kind == "laplacian" and count + 1 >= nodes):
        wanted = f"{count + 2} to {MOST_NODES:,} papers, or data.positions 0"
        raise BadInput(f"data.positions {kind}: a graph of another size", wanted=wanted, got=f"{nodes:,} papers")
    adjacency = _symmetric(edges, nodes)
    return _random_walk(adjacency, count) if kind == "random_walk" else _laplacian(adjacency, count)


def _symmetric(edges: np.ndarray, nodes: int) -> csr_array:
    """1 where an edge goes either way."""
    both = np.concatenate([edges, edges[:, ::-1]])
    adjacency = csr_array((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(nodes, nodes))
    adjacency.data[:] = 1
    return adjacency


def _random_walk(adjacency: csr_array, count: int) -> np.ndarray:
    nodes = adjacency.shape[0]
    degrees = adjacency.sum(axis=0)
    step = csr_array(adjacency @ diags_array(1 / np.maximum(degrees, 1)))
    found = np.zeros((nodes, count), np.float32)
    for start in range(0, nodes, BLOCK):
        own = np.arange(start, min(start + BLOCK, nodes))
        walkers = np.zeros((nodes, len(own)))
        walkers[own, own - start] = 1
        for column in range(count):
            walkers = step @ walkers
            found[own, column] = walkers[own, own - start]
    return found


def _laplacian(adjacency: csr_array, count: int) -> np.ndarray:
    from scipy.sparse.linalg import eigsh

    degrees = adjacency.sum(axis=0)
    scale = diags_array(1 / np.sqrt(np.maximum(degrees, 1)))
    normal = csr_array(scale @ adjacency @ scale)
    start = np.random.default_rng(0).standard_normal(adjacency.shape[0])  # else the same graph has other vectors
    values, vectors = eigsh(normal, k=count + 1, which="LA", v0=start)
    vectors = vectors[:, np.argsort(-values)[1:]]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(count)]
    return (vectors * np.sign(largest)).astype(np.float32)
