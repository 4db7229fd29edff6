"""A graph as the named arrays that a model takes: the whole of it, or what is sampled around some papers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data.features import Features, bags, blanked, features_of, rows_of
from data.graphs import digest
from data.neighbours import Neighbours, sample
from data.splits import Around, Rows

Place = Callable[[np.ndarray, int], np.ndarray | None]


def whole(features: Features, edges: np.ndarray, positions: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """The arrays of a graph.

    Args:
        features: (papers, words), CSR or dense.
        edges: (edges, 2) source and target.
        positions: (papers, numbers), if the model takes any.

    Returns:
        `features` (papers, columns) float32, or `words` (nonzeros, 2) int32 of paper and word, `values` (nonzeros,) and
        `nodes` (papers,), which says how many there are; `edges` (edges, 2) int32 and `weights` (edges,); `positions`.
    """
    arrays = {"features": features} if isinstance(features, np.ndarray) else bags(features)
    arrays |= {"edges": edges.astype(np.int32), "weights": np.ones(len(edges), np.float32)}
    return arrays if positions is None else arrays | {"positions": positions}


@dataclass(frozen=True)
class Sampler:
    """What samples around the papers of a batch: columns, seed, epoch -> the arrays of `whole`, and `node`.

    Attributes:
        features: (papers, words), of all papers.
        edges: (edges, 2), of the whole graph.
        fan_outs: neighbours drawn at each hop; 0 for all.
        positions: (papers, numbers) or None.
    """

    features: Features
    edges: np.ndarray
    fan_outs: Sequence[int]
    positions: np.ndarray | None = None

    @cached_property
    def neighbours(self) -> Neighbours:
        """Of all papers."""
        return Neighbours.of(self.edges, self.features.shape[0])

    def __call__(self, columns: Mapping[str, np.ndarray], seed: int, epoch: int) -> dict[str, np.ndarray]:
        """The graph around these papers."""
        part = sample(self.neighbours, columns["node"], self.fan_outs, seed=seed, epoch=epoch)
        own = None if self.positions is None else self.positions[part.nodes]
        arrays = whole(rows_of(self.features, part.nodes), part.edges, own)
        return arrays | {"node": np.arange(part.levels[0], dtype=np.int32)}


def graph_beside(rows: Rows, words: int) -> tuple[Features, np.ndarray]:
    """Features and edges of the whole graph that rows of papers see.

    Args:
        rows: of `data.citations.load`.
        words: how many there can be.
    """
    if isinstance(rows.around, Sampler):
        return rows.around.features, rows.around.edges
    return features_of(rows.shared, words), rows.shared["edges"]


class Seen:
    """A graph without the papers that a part must not know: their edges and words are gone.

    Args:
        edges: of the whole graph.
        features: of all papers, as the model takes them.
        hidden: (papers,) bool.
        fan_outs: neighbours drawn at each hop; empty for the whole graph.
        place: edges, number of papers -> positions of the papers, or None.
    """

    def __init__(
        self, edges: np.ndarray, features: Features, hidden: np.ndarray, fan_outs: Sequence[int], place: Place
    ) -> None:
        self._whole, self._all, self._hidden, self._fan_outs, self._place = edges, features, hidden, fan_outs, place

    def beside(self, *, sampled: bool) -> tuple[dict[str, np.ndarray], Around | None]:
        """What every batch holds whole, and what makes the rest of a batch."""
        if sampled and self._fan_outs:
            return {}, Sampler(self.features, self.edges, self._fan_outs, self._positions)
        return self._arrays, None

    @cached_property
    def edges(self) -> np.ndarray:
        """(edges, 2) between papers that are known."""
        hidden = self._hidden
        return self._whole[~hidden[self._whole].any(axis=1)] if hidden.any() else self._whole

    @cached_property
    def features(self) -> Features:
        """(papers, words), zero for a paper that is not known."""
        return blanked(self._all, self._hidden)

    @cached_property
    def digest(self) -> str:
        """sha256 over edges and features."""
        return digest(self.edges, self.features)

    @cached_property
    def _positions(self) -> np.ndarray | None:
        return self._place(self.edges, len(self._hidden))

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        return whole(self.features, self.edges, self._positions)
