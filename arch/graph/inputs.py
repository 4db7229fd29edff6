"""What a graph builder takes: features, edges and their weights, as symbolic tensors of different leading sizes."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras

from arch.blocks import require, require_positive, require_rate


class Words(NamedTuple):
    """Sparse features of nodes, such as the words of papers: the non-zeros of a matrix (nodes, size).

    Attributes:
        indices: (nonzeros, 2) int32, node and word, in any order; by node is fastest.
        values: (nonzeros,) float32; 0 is as good as no word, so batches can be padded with it.
        nodes: (nodes,) int32, any number a node, such as its id: only how many there are is read.
        size: different words there can be.
    """

    indices: keras.KerasTensor
    values: keras.KerasTensor
    nodes: keras.KerasTensor
    size: int


class Graph(NamedTuple):
    """A directed graph; a symmetric one holds both directions of each edge.

    An edge of weight w counts as w edges: 0 is no edge, so batches can be padded with it, 2 is the edge twice; edges
    that stand twice add up. Edges may come in any order; by target, then by source, is fastest.

    Attributes:
        features: of the nodes, (nodes, features) or `Words`.
        edges: (edges, 2) int32, source and target: what a source knows flows to its targets.
        weights: (edges,) float32, at least 0.
        positions: (nodes, k) float32, where each node stands in the graph; for builders that ask for it.
        edge_features: (edges, d) float32, what is known of each edge; for builders that ask for it.
    """

    features: keras.KerasTensor | Words
    edges: keras.KerasTensor
    weights: keras.KerasTensor
    positions: keras.KerasTensor | None = None
    edge_features: keras.KerasTensor | None = None

    @property
    def nodes(self) -> keras.KerasTensor:
        """A tensor with as many rows as there are nodes, for layers that must know how many."""
        return self.features.nodes if isinstance(self.features, Words) else self.features


def graph_inputs(
    size: int, *, words: bool = False, positions: int = 0, edge_features: int = 0
) -> tuple[dict[str, keras.KerasTensor], Graph]:
    """Keras inputs for a graph of any number of nodes and edges.

    Args:
        size: features of a node.
        words: whether they come as the non-zeros of a sparse matrix.
        positions: numbers that tell where a node stands, 0 for none.
        edge_features: features of an edge, 0 for none.

    Returns:
        the model's inputs by name - `features`, or `words`, `values` and `nodes`; `edges`, `weights`; `positions` and
        `edge_features` where asked - and the graph that they make.

    Raises:
        ValueError: when size is not positive.
    """
    require_positive("graph_inputs", "size", size)
    shapes: dict[str, tuple[tuple[int, ...], str]] = {"features": ((size,), "float32")}
    if words:
        shapes = {"words": ((2,), "int32"), "values": ((), "float32"), "nodes": ((), "int32")}
    shapes |= {"edges": ((2,), "int32"), "weights": ((), "float32")}
    wide = {"positions": positions, "edge_features": edge_features}
    shapes |= {name: ((width,), "float32") for name, width in wide.items() if width}
    made = {name: keras.Input(shape, name=name, dtype=dtype) for name, (shape, dtype) in shapes.items()}
    features = Words(made["words"], made["values"], made["nodes"], size) if words else made["features"]
    return made, Graph(features, made["edges"], made["weights"], made.get("positions"), made.get("edge_features"))


def require_graph(who: str, inputs: Any, outputs: int, dropout: float) -> None:
    """Raise unless a builder was given a graph, and what every graph builder takes besides can work."""
    require(isinstance(inputs, Graph), who, "inputs must be an arch.graph.Graph", type(inputs).__name__)
    require(outputs >= 0, who, "outputs must be at least 0", outputs)
    require_rate(who, "dropout", dropout)
