"""Small graphs and small instances of every graph builder, one for each of its ways to work."""

from __future__ import annotations

import keras
import numpy as np

import arch
from arch.graph import graph_inputs

FEATURES, POSITIONS, EDGE_FEATURES = 7, 3, 2
SMALL = {"outputs": 3}
WAYS = {
    "gcn": ("gcn", {"widths": (11, 5)}),
    "gcn of walks": ("gcn", {"widths": (5,), "norm": "random_walk"}),
    "gcn of sums": ("gcn", {"widths": (5,), "norm": "none", "self_loops": False}),
    "gat": ("gat", {"widths": (5,), "heads": 2, "output_heads": 3}),
    "gat without loops": ("gat", {"widths": (5,), "heads": 2, "self_loops": False}),
    "gat v2": ("gat", {"widths": (5,), "heads": 2, "version": "v2"}),
    "graphsage mean": ("graphsage", {"widths": (5,), "unit_length": True}),
    "graphsage max": ("graphsage", {"widths": (5,), "aggregator": "max"}),
    "graphsage pool": ("graphsage", {"widths": (5,), "aggregator": "pool"}),
    "graphsage lstm": ("graphsage", {"widths": (5,), "aggregator": "lstm", "neighbours": 31}),
    "message_passing": ("message_passing", {"width": 5, "depth": 2}),
    "message_passing mean": ("message_passing", {"width": 5, "depth": 1, "aggregate": "mean", "update": "dense"}),
    "message_passing max": ("message_passing", {"width": 5, "depth": 1, "aggregate": "max"}),
    "appnp": ("appnp", {"widths": (11, 5), "steps": 3}),
    "grand": ("grand", {"widths": (11, 5), "order": 3}),
    "grand normalized": ("grand", {"widths": (11, 5), "order": 3, "batch_norm": True}),
    "gcnii": ("gcnii", {"width": 11, "depth": 3}),
    "cheb": ("cheb", {"widths": (5,), "order": 3}),
    "cheb of powers": ("cheb", {"widths": (5,), "basis": "monomial"}),
    "gin": ("gin", {"widths": (11, 5)}),
    "graph_transformer": ("graph_transformer", {"width": 10, "depth": 2, "heads": 5}),
    "graph_transformer with walks": (
        "graph_transformer",
        {"width": 10, "depth": 1, "heads": 2, "positions": "random_walk"},
    ),
}


def build(way, *, words=False, seed=7, **changes):
    """The model of one way, its weights drawn from the seed and none of them zero."""
    name, options = WAYS[way]
    keras.utils.set_random_seed(seed)
    inputs, graph = graph_inputs(FEATURES, words=words, positions=POSITIONS, edge_features=EDGE_FEATURES)
    model = keras.Model(inputs, arch.builder(name)(graph, **{**SMALL, **options, **changes}))
    numbers = np.random.default_rng(seed)
    for weight in model.weights:
        if "seed" not in weight.path:
            weight.assign(np.asarray(weight) + numbers.uniform(0.05, 0.4, weight.shape))
    return model


def random_graph(nodes=13, edges=37, seed=1):
    """A directed graph without pairs that stand twice, edges in random order, all its inputs by name."""
    numbers = np.random.default_rng(seed)
    pairs = numbers.choice(nodes * nodes, edges, replace=False)
    return {
        "features": numbers.normal(size=(nodes, FEATURES)).astype("float32"),
        "edges": np.stack([pairs // nodes, pairs % nodes], 1).astype("int32"),
        "weights": numbers.uniform(0.2, 2.0, edges).astype("float32"),
        "positions": numbers.normal(size=(nodes, POSITIONS)).astype("float32"),
        "edge_features": numbers.normal(size=(edges, EDGE_FEATURES)).astype("float32"),
    }


PER_NODE, PER_EDGE = ("features", "positions"), ("edges", "weights", "edge_features")


def with_edges(graph, chosen):
    """The graph with these of its edges, in this order; an index may stand twice."""
    return graph | {name: graph[name][chosen] for name in PER_EDGE}


def relabelled(graph, order):
    """The graph whose node i is node order[i] of the given one; its edges stay in their order."""
    names = np.argsort(order).astype("int32")
    return graph | {name: graph[name][order] for name in PER_NODE} | {"edges": names[graph["edges"]]}


def as_words(graph):
    """The same graph with its features as the non-zeros of a sparse matrix, in random order."""
    there = np.argwhere(graph["features"]).astype("int32")
    there = np.random.default_rng(5).permutation(there)
    values = graph["features"][there[:, 0], there[:, 1]]
    nodes = np.arange(len(graph["features"]), dtype="int32")
    others = {name: value for name, value in graph.items() if name != "features"}
    return others | {"words": there, "values": values, "nodes": nodes}
