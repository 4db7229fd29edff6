"""A graph as the named arrays that a model takes: the whole of it, or what is sampled around some papers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np

from data.features import Features, bags, blanked, rows_of
from data.graphs import digest
from data.neighbours import Neighbours, sample

Around = Callable[[Mapping[str, np.ndarray], int, int], Mapping[str, np.ndarray]]
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


def sampler(
    features: Features, neighbours: Neighbours, fan_outs: Sequence[int], positions: np.ndarray | None = None
) -> Around:
    """What samples around the papers of a batch: columns, seed, epoch -> the arrays of `whole`, and `node`.

    Args:
        features: of all papers.
        neighbours: of all papers.
        fan_outs: neighbours drawn at each hop; 0 for all.
        positions: of all papers.
    """

    def around(columns: Mapping[str, np.ndarray], seed: int, epoch: int) -> dict[str, np.ndarray]:
        part = sample(neighbours, columns["node"], fan_outs, seed=seed, epoch=epoch)
        own = None if positions is None else positions[part.nodes]
        return whole(rows_of(features, part.nodes), part.edges, own) | {
            "node": np.arange(part.levels[0], dtype=np.int32)
        }

    return around


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
            neighbours = Neighbours.of(self.edges, len(self._hidden))
            return {}, sampler(self.features, neighbours, self._fan_outs, self._positions)
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
