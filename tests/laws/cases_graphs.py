"""A tiny instance of every builder and layer of the graph family, for the laws over the whole table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from arch.graph import Graph, graph_inputs
from tests.laws.case import Case


@dataclass(frozen=True)
class GraphCase(Case):
    """A graph as input; its `shape` is (features,), a row is a node, and graphs are joined side by side.

    `positions` and `edge_features` say how many numbers of each a node and an edge have.
    """

    positions: int = 0
    edge_features: int = 0

    def symbols(self, side: int | None = None) -> tuple[dict[str, Any], Graph]:
        """The inputs by name, and the graph."""
        return graph_inputs(self.shape[-1], positions=self.positions, edge_features=self.edge_features)

    def rows(self, count: int, seed: int = 1) -> dict[str, np.ndarray]:
        """A random graph of so many nodes, with loops, pairs that stand twice, and weights of all sizes."""
        numbers = np.random.default_rng(seed)
        edges = 3 * count
        made = {
            "features": numbers.normal(size=(count, *self.shape)),
            "weights": numbers.uniform(0.2, 2.0, edges),
            "positions": numbers.normal(size=(count, self.positions)),
            "edge_features": numbers.normal(size=(edges, self.edge_features)),
        }
        known = {name: values.astype("float32") for name, values in made.items() if values.shape[-1]}
        return known | {"edges": numbers.integers(0, count, (edges, 2)).astype("int32")}

    def join(self, batches: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """One graph whose parts do not touch."""
        sizes = [len(batch["features"]) for batch in batches]
        starts = np.cumsum([0, *sizes[:-1]]).astype("int32")
        moved = [batch | {"edges": batch["edges"] + start} for batch, start in zip(batches, starts, strict=True)]
        return {name: np.concatenate([batch[name] for batch in moved]) for name in moved[0]}


CASES: dict[str, Case] = {
    "gcn": GraphCase(
        (7,),
        {"widths": (11, 5), "dropout": 0.2},
        ({"widths": ()}, {"widths": (5, 0)}, {"outputs": -1}, {"dropout": 1.0}),
    ),
    "gat": GraphCase(
        (7,),
        {"widths": (5, 3), "heads": 2, "version": "v2", "dropout": 0.2},
        ({"widths": ()}, {"heads": 0}, {"output_heads": 0}, {"outputs": -1}, {"dropout": -0.1}),
    ),
    "graphsage": GraphCase(
        (7,),
        {"widths": (11, 5), "aggregator": "lstm", "dropout": 0.2, "neighbours": 13},
        ({"widths": (0,)}, {"outputs": -1}, {"dropout": 1.0}, {"neighbours": 0}),
    ),
    "message_passing": GraphCase(
        (7,),
        {"width": 5, "depth": 2, "dropout": 0.2},
        ({"width": 0}, {"depth": 0}, {"outputs": -1}, {"dropout": 1.0}),
        edge_features=3,
    ),
    "appnp": GraphCase(
        (7,),
        {"widths": (11, 5), "steps": 3, "dropout": 0.2},
        ({"widths": ()}, {"steps": 0}, {"teleport": 0.0}, {"teleport": 1.1}, {"outputs": -1}, {"dropout": 1.0}),
    ),
    "grand": GraphCase(
        (7,),
        {"widths": (11, 5), "order": 3, "drop_node": 0.2, "input_dropout": 0.2, "dropout": 0.2},
        (
            {"widths": ()},
            {"order": -1},
            {"outputs": -1},
            {"drop_node": 1.0},
            {"input_dropout": -0.1},
            {"dropout": 1.5},
        ),
    ),
    "gcnii": GraphCase(
        (7,),
        {"width": 11, "depth": 3, "dropout": 0.2},
        (
            {"width": 0},
            {"depth": 0},
            {"initial": 1.5},
            {"identity": 2.0},
            {"outputs": -1},
            {"dropout": 1.0},
        ),
    ),
    "cheb": GraphCase(
        (7,),
        {"widths": (11, 5), "order": 3, "dropout": 0.2},
        ({"widths": ()}, {"order": -1}, {"outputs": -1}, {"dropout": 1.0}),
    ),
    "gin": GraphCase(
        (7,),
        {"widths": (11, 5), "dropout": 0.2},
        ({"widths": ()}, {"outputs": -1}, {"dropout": 1.0}),
    ),
    "graph_transformer": GraphCase(
        (7,),
        {"width": 10, "depth": 2, "heads": 5, "positions": "laplacian", "dropout": 0.2},
        ({"width": 0}, {"depth": 0}, {"heads": 3}, {"expansion": 0}, {"outputs": -1}, {"dropout": 1.0}),
        positions=3,
    ),
}

LAYERS: dict[str, dict[str, Any]] = {
    "arch.graph.attention.GraphAttention": {
        "heads": 3,
        "version": "v2",
        "self_loops": False,
        "average": True,
        "dropout": 0.3,
    },
    "arch.graph.deep.Mix": {"share": 0.3},
    "arch.graph.diffusion.DropNodes": {"rate": 0.3},
    "arch.graph.diffusion.MixedOrders": {"order": 3},
    "arch.graph.diffusion.PersonalizedPageRank": {"steps": 3, "teleport": 0.3, "dropout": 0.2},
    "arch.graph.features.DenseWords": {"size": 7},
    "arch.graph.features.WordsDense": {"units": 5, "size": 7, "use_bias": False, "activation": "relu"},
    "arch.graph.isomorphism.SelfWeight": {},
    "arch.graph.messages.Aggregate": {"kind": "max"},
    "arch.graph.messages.Ends": {},
    "arch.graph.propagation.Bias": {},
    "arch.graph.propagation.Normalize": {"norm": "random_walk", "self_loops": False},
    "arch.graph.propagation.Propagate": {},
    "arch.graph.readout.Readout": {"kind": "attention"},
    "arch.graph.sage.NeighbourSequences": {"length": 5},
    "arch.graph.sage.Sources": {},
    "arch.graph.sage.UnitLength": {},
    "arch.graph.spectral.PolynomialFilter": {"order": 3, "basis": "monomial"},
    "arch.graph.transformer.EdgeAttention": {"heads": 3, "dropout": 0.3},
    "arch.graph.transformer.RandomSigns": {},
}
