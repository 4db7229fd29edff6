"""Samples of a graph: pure functions of (seed, epoch, hop, node), without bias, and the graph in pieces."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.blockmodel import block_model
from data.graphs import arrange, graph
from data.mixing import GOLDEN, mixed
from data.neighbours import Neighbours, Sample, chunks, sample


def random_graph(nodes: int, citations: int, seed: int) -> np.ndarray:
    """Edges in canonical order, with hubs, isolated nodes and neither repeats nor loops."""
    rng = np.random.default_rng(seed)
    pairs = (rng.random((citations, 2)) ** 2 * nodes).astype(np.int64)
    return arrange(pairs, nodes, "as_given")[0]


def neighbours_of(part: Sample, target: int) -> list[int]:
    """The graph's own numbers of the neighbours of one of a sample's nodes, ascending."""
    return sorted(part.nodes[part.edges[part.edges[:, 1] == target, 0]].tolist())


graphs = st.builds(random_graph, st.just(23), st.integers(1, 113), st.integers(0, 2**32))


@given(graphs, st.lists(st.integers(0, 5), min_size=1, max_size=3), st.integers(0, 2**62))
def test_sampled_edges_are_edges_of_the_graph_under_other_numbers(
    edges: np.ndarray, fan_outs: list[int], seed: int
) -> None:
    targets = np.array([3, 0, 19])
    part = sample(Neighbours.of(edges, 23), targets, fan_outs, seed=seed)
    assert part.nodes[part.edges].tolist() == edges[part.positions].tolist()
    assert part.nodes[:3].tolist() == targets.tolist()
    assert part.levels[0] == 3
    assert len(part.levels) == len(fan_outs) + 1
    assert part.levels[-1] == len(part.nodes)
    assert (np.diff(part.edges[:, 1]) >= 0).all()


@given(graphs, st.integers(1, 5), st.integers(1, 5))
def test_every_node_but_the_last_level_has_all_its_neighbours_or_as_many_different_ones_as_the_fan_out(
    edges: np.ndarray, first: int, second: int
) -> None:
    neighbours = Neighbours.of(edges, 23)
    part = sample(neighbours, np.arange(7), [first, second], seed=5, epoch=2)
    for local, node in enumerate(part.nodes[: part.levels[1]]):
        drawn = neighbours_of(part, local)
        whole = edges[edges[:, 1] == node, 0].tolist()
        assert len(set(drawn)) == len(drawn) == min(len(whole), first if local < part.levels[0] else second)
        assert set(drawn) <= set(whole)


def test_fan_out_zero_takes_all_and_an_isolated_node_has_none() -> None:
    edges = arrange(np.array([[0, 3], [1, 3], [2, 3], [4, 2]]), 6, "as_given")[0]
    part = sample(Neighbours.of(edges, 6), np.array([3, 5]), [0, 0], seed=0)
    assert neighbours_of(part, 0) == [0, 1, 2]
    assert neighbours_of(part, 1) == []
    assert sorted(part.nodes[part.levels[1] :].tolist()) == [4]


def test_within_a_level_a_node_stands_once_and_two_levels_do_not_share_it() -> None:
    # 0 - 1 - 2 in a line, both ways: the neighbours of 0's neighbour are 0 itself and 2.
    edges = arrange(np.array([[0, 1], [1, 2]]), 3, "both")[0]
    part = sample(Neighbours.of(edges, 3), np.array([0, 2]), [0, 0], seed=0)
    assert part.levels == (2, 3, 5)
    assert part.nodes[:3].tolist() == [0, 2, 1]
    assert sorted(part.nodes[3:].tolist()) == [0, 2]


def test_what_is_drawn_for_a_node_does_not_depend_on_the_batch_nor_on_its_place_in_it() -> None:
    neighbours = Neighbours.of(random_graph(101, 3001, 7), 101)
    together = sample(neighbours, np.arange(101), [3], seed=11, epoch=4)
    for node in (0, 1, 17, 50, 100):
        alone = sample(neighbours, np.array([node]), [3], seed=11, epoch=4)
        among = sample(neighbours, np.array([50, node, node, 2]), [3], seed=11, epoch=4)
        assert neighbours_of(together, node) == neighbours_of(alone, 0) == neighbours_of(among, 1)
        assert neighbours_of(among, 1) == neighbours_of(among, 2)


def test_another_seed_epoch_or_hop_draws_others() -> None:
    neighbours = Neighbours.of(arrange(np.array([[i, 0] for i in range(1, 100)]), 100, "as_given")[0], 100)
    drawn = {
        (seed, epoch): neighbours_of(sample(neighbours, np.array([0]), [7], seed=seed, epoch=epoch), 0)
        for seed in (0, 1, 2**63 - 1)
        for epoch in (-1, 0, 1, 300)
    }
    assert len({tuple(one) for one in drawn.values()}) == len(drawn)
    # The same node at both hops: 0 and 1 are each other's neighbours and hear from all others.
    full = arrange(np.array([[i, j] for i in range(60) for j in (0, 1) if i != j]), 60, "as_given")[0]
    part = sample(Neighbours.of(full, 60), np.array([0, 1]), [59, 7], seed=0)
    zero = int(np.flatnonzero(part.nodes[part.levels[0] : part.levels[1]] == 0)[0]) + part.levels[0]
    assert neighbours_of(part, zero) != neighbours_of(sample(Neighbours.of(full, 60), np.array([0]), [7], seed=0), 0)


def test_what_two_layers_compute_for_a_node_is_the_same_in_any_batch() -> None:
    edges = random_graph(89, 1201, 3)
    neighbours, values = Neighbours.of(edges, 89), np.random.default_rng(0).integers(0, 1000, 89)

    def two_layers(targets: np.ndarray) -> np.ndarray:
        part = sample(neighbours, targets, [4, 3], seed=2, epoch=1)
        hidden = values[part.nodes]
        for factor in (7, 13):  # whole numbers: sums are exact in any order
            hidden = factor * hidden + np.bincount(
                part.edges[:, 1], hidden[part.edges[:, 0]], minlength=len(hidden)
            ).astype(int)
        return hidden[: len(targets)]

    whole = two_layers(np.arange(89))
    for start in range(0, 89, 13):
        share = np.arange(start, min(start + 13, 89))
        assert two_layers(share).tolist() == whole[share].tolist()


def test_every_set_of_neighbours_is_as_likely_as_any_other() -> None:
    # 2,000 papers that hear from the same 5; two are drawn for each: 10 sets.
    nodes, draws = 2005, 20_000
    edges = arrange(np.array([[s, t] for t in range(5, nodes) for s in range(5)]), nodes, "as_given")[0]
    neighbours = Neighbours.of(edges, nodes)
    counts = dict.fromkeys(combinations(range(5), 2), 0)
    for epoch in range(draws // 2000):
        part = sample(neighbours, np.arange(5, nodes), [2], seed=1, epoch=epoch)
        for pair in np.sort(part.nodes[part.edges[:, 0]].reshape(-1, 2), axis=1).tolist():
            counts[tuple(pair)] += 1
    statistic = sum((count - draws / 10) ** 2 / (draws / 10) for count in counts.values())
    assert statistic < 27.9  # 0.999 quantile of chi square with 9 degrees of freedom


def test_the_hash_is_splitmix64() -> None:
    # The first numbers of the generator started at 0, as its authors' program prints them.
    states = np.arange(1, 4, dtype=np.uint64) * GOLDEN
    assert [hex(value) for value in mixed(states).tolist()] == [
        "0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4", "0x6c45d188009454f",
    ]  # fmt: skip


@pytest.mark.parametrize("messages", [1, 7, 100, 10_000])
def test_pieces_hold_every_node_once_with_all_its_edges_and_no_more_messages_than_allowed(messages: int) -> None:
    known = graph(block_model(211, 1009, seed=3))
    neighbours, values = Neighbours.of(known.edges, 211), np.random.default_rng(0).integers(0, 1000, 211)
    summed, covered, positions = np.zeros(211, int), [], []
    for targets, piece in chunks(neighbours, messages):
        asked = piece.levels[0]
        assert piece.nodes[:asked].tolist() == list(range(targets.start, targets.stop))
        assert len(np.unique(piece.nodes)) == len(piece.nodes)
        assert len(piece.edges) <= messages or asked == 1
        assert piece.nodes[piece.edges].tolist() == known.edges[piece.positions].tolist()
        summed[targets] = np.bincount(piece.edges[:, 1], values[piece.nodes[piece.edges[:, 0]]], minlength=asked)
        covered += list(range(targets.start, targets.stop))
        positions += piece.positions.tolist()
    assert covered == list(range(211))
    assert positions == list(range(len(known.edges)))
    assert summed.tolist() == np.bincount(known.edges[:, 1], values[known.edges[:, 0]], minlength=211).tolist()


def test_edges_in_another_order_are_refused() -> None:
    with pytest.raises(ValueError, match="sorted by target"):
        Neighbours.of(np.array([[0, 2], [1, 0]]), 3)
