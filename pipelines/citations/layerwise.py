"""A trained model on a graph of any size, layer by layer: never do all messages of a layer stand in memory at once.

A model is cut where features leave nodes along edges. What the nodes have there is computed for all of them and held;
what lies behind is then computed for some nodes at a time, from what they and those that they hear from have. The
answers are the model's own to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from arch.graph.diffusion import MixedOrders, PersonalizedPageRank
from arch.graph.messages import Ends
from arch.graph.propagation import Normalize
from arch.graph.sage import Sources
from arch.graph.spectral import PolynomialFilter
from data.features import Features, rows_of
from data.graph_inputs import whole
from data.neighbours import Neighbours, Sample, chunks

# Layers that need the degrees of both ends, or take several steps along the edges, one product of matrices after the
# other, which holds no messages.
AT_ONCE = (Normalize, MixedOrders, PersonalizedPageRank, PolynomialFilter)
ALONG_EDGES = (Ends, Sources)  # give each edge what its ends have
INPUTS = {"edges": "edges", "weights": "edges", "words": "words", "values": "words", "node": "asked"}
ROWS = 16_384  # nodes at a time where nothing goes along edges


@dataclass(frozen=True)
class Cut:
    """A tensor of the model that is computed for all nodes or edges before what lies behind it.

    Attributes:
        tensor: what is computed.
        needs: the model's inputs and earlier cuts that it is computed from.
        kind: of the tensor: nodes, edges, or asked.
        along_edges: whether nodes hear from others in between.
        at_once: whether it is computed in one piece.
    """

    tensor: Any
    needs: tuple[Any, ...]
    kind: str
    along_edges: bool
    at_once: bool


def infer(
    model: keras.Model,
    features: Features,
    edges: np.ndarray,
    positions: np.ndarray | None = None,
    *,
    messages: int = 1_000_000,
) -> np.ndarray:
    """The model's outputs for every node of a graph; of an ensemble, the mixture of its members'.

    Args:
        model: takes the arrays of `data.graph_inputs.whole` and `node`, and gives the outputs of these nodes.
        features: (nodes, words), as the model takes them.
        edges: (edges, 2), sorted by target.
        positions: (nodes, numbers), if the model takes any.
        messages: most edges whose messages stand in memory at once.

    Returns:
        (nodes, outputs).
    """
    if members := [layer for layer in model.layers if isinstance(layer, keras.Model)]:
        answers = [infer(member, features, edges, positions, messages=messages) for member in members]
        return keras.ops.convert_to_numpy(model.get_layer("mixture")(answers))
    graph, held = _Graph(features, edges, positions), dict[int, np.ndarray]()
    cuts = plan(model)
    for number, cut in enumerate(cuts):
        held[id(cut.tensor)] = _computed(cut, graph, held, messages)
        needed = {id(need) for later in cuts[number + 1 :] for need in later.needs} | {id(model.output)}
        held = {name: array for name, array in held.items() if name in needed}
    return held[id(model.output)]


def plan(model: keras.Model) -> list[Cut]:
    """The cuts of a model in the order in which they can be computed; the last one is its output."""
    cuts: dict[int, Cut] = {}

    def add(tensor: Any) -> None:
        if _is_input(tensor) or id(tensor) in cuts:
            return
        needs, along_edges = _needs(tensor)
        for need in needs:
            add(need)
        cuts[id(tensor)] = Cut(tensor, tuple(needs), _kind(tensor), along_edges, _is_at_once(tensor))

    add(model.output)
    return list(cuts.values())


def _needs(tensor: Any) -> tuple[list[Any], bool]:
    """What has to be whole before a tensor: inputs, and what nodes send along edges; whether any do."""
    needs: dict[int, Any] = {}
    along_edges, open_, seen = False, [tensor], set[int]()
    while open_:
        taken = _taken(open_.pop())
        if id(taken) in seen:
            continue
        seen.add(id(taken))
        on_edges = any(_kind(one) == "edges" for one in taken)
        along_edges |= on_edges
        for one in taken:
            if _is_input(one) or _is_at_once(one) or (on_edges and _kind(one) == "nodes"):
                needs[id(one)] = one
            else:
                open_.append(one)
    return list(needs.values()), along_edges


def _taken(tensor: Any) -> list[Any]:
    """What the call that gave a tensor took."""
    operation, call, _ = tensor._keras_history
    return operation._inbound_nodes[call].arguments.keras_tensors


def _is_input(tensor: Any) -> bool:
    return isinstance(tensor._keras_history.operation, keras.layers.InputLayer)


def _is_at_once(tensor: Any) -> bool:
    return isinstance(tensor._keras_history.operation, AT_ONCE)


def _kind(tensor: Any) -> str:
    """Whether a tensor has an entry a node, an edge, a word of a node, or a node that is asked for."""
    operation, _, output = tensor._keras_history
    if _is_input(tensor):
        return INPUTS.get(tensor.name, "nodes")
    if isinstance(operation, Normalize):
        return ("edges", "nodes")[output]
    kinds = {_kind(one) for one in _taken(tensor)}
    if isinstance(operation, ALONG_EDGES) or kinds == {"edges"}:
        return "edges"
    return "asked" if "asked" in kinds else "words" if kinds == {"words"} else "nodes"


def _computed(cut: Cut, graph: _Graph, held: Mapping[int, np.ndarray], messages: int) -> np.ndarray:
    """The values of a cut for all nodes or edges, piece by piece."""
    compute = _compiled(cut)
    pieces = graph.pieces(messages) if cut.along_edges else graph.blocks()
    if cut.at_once:
        pieces = iter([graph.everything])
    found: np.ndarray | None = None
    for piece in pieces:
        sent = _sent(cut, graph, held, piece)
        values = compute(*sent).numpy()
        if cut.kind == "edges":
            return values
        targets = piece.levels[0]
        if found is None:
            found = np.empty((graph.nodes, *values.shape[1:]), values.dtype)
        found[piece.nodes[:targets]] = values[:targets]
    assert found is not None
    return found


def _sent(cut: Cut, graph: _Graph, held: Mapping[int, np.ndarray], piece: Sample) -> list[np.ndarray]:
    """What a cut needs, of the nodes and edges of a piece."""
    inputs = graph.arrays(piece, {need.name for need in cut.needs if _is_input(need)})
    places = {"edges": piece.positions, "nodes": piece.nodes}
    return [inputs[need.name] if _is_input(need) else held[id(need)][places[_kind(need)]] for need in cut.needs]


def _compiled(cut: Cut) -> Callable[..., Any]:
    """The part of the model between what a cut needs and the cut."""
    part = keras.Model(list(cut.needs), cut.tensor)
    kinds = [tf.TensorSpec(need.shape, need.dtype) for need in cut.needs]
    return tf.function(lambda *sent: part(list(sent), training=False), input_signature=kinds)


class _Graph:
    """A whole graph, of which pieces are taken.

    Args:
        features: (nodes, words).
        edges: (edges, 2), sorted by target.
        positions: (nodes, numbers), or None.
    """

    def __init__(self, features: Features, edges: np.ndarray, positions: np.ndarray | None) -> None:
        self.features, self.edges, self.positions = features, edges, positions
        self.nodes = features.shape[0]

    @cached_property
    def everything(self) -> Sample:
        """All nodes and edges as one piece."""
        nodes = np.arange(self.nodes, dtype=np.int32)
        return Sample(nodes, self.edges.astype(np.int32), np.arange(len(self.edges)), (self.nodes,))

    def pieces(self, messages: int) -> Iterator[Sample]:
        """Every node in turn with all that it hears from."""
        return (piece for _, piece in chunks(Neighbours.of(self.edges, self.nodes), messages))

    def blocks(self) -> Iterator[Sample]:
        """Every node in turn, alone."""
        none = np.zeros((0, 2), np.int32)
        for start in range(0, self.nodes, ROWS):
            nodes = np.arange(start, min(start + ROWS, self.nodes), dtype=np.int32)
            yield Sample(nodes, none, np.zeros(0, np.int64), (len(nodes),))

    def arrays(self, piece: Sample, names: set[str]) -> dict[str, np.ndarray]:
        """The model's inputs of these names for a piece, whose targets are asked for; features only if they are."""
        features = rows_of(self.features, piece.nodes) if names & {"words", "values", "features"} else None
        places = self.positions[piece.nodes] if self.positions is not None and "positions" in names else None
        made = whole(np.zeros((0, 0)) if features is None else features, piece.edges, places)
        return {"nodes": piece.nodes} | made | {"node": np.arange(piece.levels[0], dtype=np.int32)}
