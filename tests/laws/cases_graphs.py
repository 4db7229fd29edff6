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
}

LAYERS: dict[str, dict[str, Any]] = {
    "arch.graph.features.DenseWords": {"size": 7},
    "arch.graph.features.WordsDense": {"units": 5, "size": 7, "use_bias": False},
    "arch.graph.propagation.Normalize": {"norm": "random_walk", "self_loops": False},
    "arch.graph.propagation.Propagate": {"use_bias": True},
}
