"""Who sends messages to whom, and samples of it: pure functions of (seed, epoch, hop, node), no loop over nodes.

A sample is a graph of its own, in levels: the seeds, the neighbours drawn for them, the neighbours drawn for those. A
node that stands at two distances from the seeds stands in it twice, so that what a model of as many layers as hops
computes for a seed depends on that seed alone, whatever else is in its batch. Batches may therefore be cut among
replicas, or taken up again at any step, and every seed keeps its value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data.mixing import GOLDEN, mixed


@dataclass(frozen=True)
class Neighbours:
    """The edges of a graph by their targets.

    Attributes:
        starts: (nodes + 1,) int64, where the edges into each node begin and, last, where the last ones end.
        sources: (edges,) int32, the other end of each edge, in the order of the edges.
    """

    starts: np.ndarray
    sources: np.ndarray

    @staticmethod
    def of(edges: np.ndarray, nodes: int) -> Neighbours:
        """The neighbours in a graph whose edges are sorted by target, as those of a `Graph` are.

        Args:
            edges: (edges, 2) source and target.
            nodes: number of nodes.

        Raises:
            ValueError: when the edges are in another order.
        """
        targets = edges[:, 1]
        if (targets[1:] < targets[:-1]).any():
            raise ValueError("Neighbours: edges must be sorted by target")
        starts = np.zeros(nodes + 1, np.int64)
        np.cumsum(np.bincount(targets, minlength=nodes), out=starts[1:])
        return Neighbours(starts, edges[:, 0].astype(np.int32))

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.starts) - 1

    @cached_property
    def degrees(self) -> np.ndarray:
        """(nodes,) int64, edges into each node."""
        return np.diff(self.starts)


@dataclass(frozen=True)
class Sample:
    """A part of a graph with nodes numbered anew.

    Attributes:
        nodes: (nodes,) int32, the graph's index of each; the targets asked for come first, in their order.
        edges: (edges, 2) int32 source and target in the new numbers, sorted by target.
        positions: (edges,) int64, which edge of the graph each is.
        levels: number of nodes down to each level: targets, with their neighbours, with the neighbours of those.
    """

    nodes: np.ndarray
    edges: np.ndarray
    positions: np.ndarray
    levels: tuple[int, ...]


def sample(
    neighbours: Neighbours, targets: np.ndarray, fan_outs: Sequence[int], *, seed: int, epoch: int = 0
) -> Sample:
    """The targets with neighbours drawn for them, neighbours drawn for those, and so on.

    Each node gets all of its neighbours where it has no more than the fan-out, else that many different ones, every set
    of that size equally likely.

    Args:
        neighbours: of the whole graph.
        targets: (targets,) nodes to be judged; one that stands twice is sampled twice, alike.
        fan_outs: most neighbours of a node at each hop, nearest first; 0 for all.
        seed: same seed, epoch, hop and node: same neighbours.
        epoch: of the training; other neighbours in each.
    """
    nodes, edges, positions = [np.asarray(targets, np.int32)], [], []
    before = 0
    for hop, fan_out in enumerate(fan_outs):
        frontier = nodes[-1]
        owners, drawn = _draw(neighbours, frontier, fan_out, _stream(seed, epoch, hop))
        sources = neighbours.sources[drawn]
        new, local = _numbered(sources, neighbours.nodes)
        edges.append(_pairs(local + (before + len(frontier)), owners + before))
        nodes.append(new)
        positions.append(drawn)
        before += len(frontier)
    levels = tuple(np.cumsum([len(level) for level in nodes]).tolist())
    return Sample(np.concatenate(nodes), np.concatenate(edges), np.concatenate(positions), levels)


def chunks(neighbours: Neighbours, messages: int) -> Iterator[tuple[slice, Sample]]:
    """Every node in turn with all of its neighbours, in pieces that hold few messages at a time.

    One layer of a model applied to each piece is that layer applied to the whole graph, and no more than one piece's
    messages stand in memory.

    Args:
        neighbours: of the whole graph.
        messages: most edges of a piece; a node that has more of them is a piece of its own.

    Yields:
        The targets, as a slice of the nodes, and their piece: targets first, then those they hear from.
    """
    start, starts = 0, neighbours.starts
    while start < neighbours.nodes:
        stop = int(np.searchsorted(starts, starts[start] + messages, side="right")) - 1
        stop = min(max(stop, start + 1), neighbours.nodes)
        yield slice(start, stop), _piece(neighbours, start, stop)
        start = stop


def _piece(neighbours: Neighbours, start: int, stop: int) -> Sample:
    first, last = neighbours.starts[start], neighbours.starts[stop]
    targets = np.arange(start, stop, dtype=np.int32)
    sources = neighbours.sources[first:last]
    inside = (sources >= start) & (sources < stop)
    local = np.empty(len(sources), np.int32)
    local[inside] = sources[inside] - start
    others, local[~inside] = _numbered(sources[~inside], neighbours.nodes)
    local[~inside] += len(targets)
    owners = np.repeat(targets - start, neighbours.degrees[start:stop])
    nodes = np.concatenate([targets, others])
    return Sample(nodes, _pairs(local, owners), np.arange(first, last), (len(targets), len(nodes)))


def _pairs(sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    pairs = np.empty((len(sources), 2), np.int32)
    pairs[:, 0], pairs[:, 1] = sources, targets
    return pairs


def _numbered(nodes: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The different nodes and, for each one given, its number among them.

    A table with an entry for each node of the graph beats sorting; of equal nodes the last written one stays.
    """
    table = np.empty(size, np.int32)
    order = np.arange(len(nodes), dtype=np.int32)
    table[nodes] = order
    different = nodes[table[nodes] == order]
    table[different] = order[: len(different)]
    return different, table[nodes]


def _draw(neighbours: Neighbours, nodes: np.ndarray, fan_out: int, stream: int) -> tuple[np.ndarray, np.ndarray]:
    """For each edge that is drawn, which of the nodes it goes to (ascending), and which edge it is."""
    starts, degrees = neighbours.starts[nodes], neighbours.degrees[nodes]
    counts = np.minimum(degrees, fan_out) if fan_out else degrees
    ends = np.cumsum(counts)
    owners = np.repeat(np.arange(len(nodes), dtype=np.int32), counts)
    # Each takes its first edges, and where there are more than the fan-out, those drawn are put in their place.
    edges = np.arange(len(owners)) + np.repeat(starts - ends + counts, counts)
    if fan_out and len(many := np.flatnonzero(degrees > fan_out)):
        offsets = _different(nodes[many], degrees[many], fan_out, stream)
        places = (ends[many] - fan_out)[:, None] + np.arange(fan_out)
        edges[places] = starts[many][:, None] + offsets.T
    return owners, edges


def _different(nodes: np.ndarray, sizes: np.ndarray, count: int, stream: int) -> np.ndarray:
    """`count` different numbers below each size, drawn by each node's own generator, by Floyd's algorithm.

    Returns:
        (count, nodes) int64.
    """
    chosen = _uniform(nodes, count, stream)
    for row in range(count):
        last = sizes - (count - row)  # the largest number that this draw may give
        number = (chosen[row] * (last + 1).astype(np.uint64)) >> np.uint64(32)
        taken = (chosen[:row] == number).any(axis=0)
        chosen[row] = np.where(taken, last.astype(np.uint64), number)
    return chosen.view(np.int64)


def _uniform(nodes: np.ndarray, count: int, stream: int) -> np.ndarray:
    """Numbers of 32 bits, `count` for each node, from SplitMix64 started at the node. (count, nodes) uint64."""
    states = mixed(nodes.astype(np.uint64) * GOLDEN + np.uint64(stream))
    steps = np.arange(1, -(-count // 2) + 1, dtype=np.uint64) * GOLDEN
    words = mixed(states + steps[:, None])
    return np.concatenate([words >> np.uint64(32), words & np.uint64(0xFFFFFFFF)])[:count]


def _stream(*numbers: int) -> int:
    """One number of 64 bits out of several."""
    state = np.zeros(1, np.uint64)
    for number in numbers:
        state = mixed((state ^ np.array([number & 0xFFFFFFFFFFFFFFFF], np.uint64)) + GOLDEN)
    return int(state[0])
