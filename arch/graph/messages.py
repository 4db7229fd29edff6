"""Message passing in general: what an edge says, how a node gathers it, and what it makes of it, as functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import keras
from keras import ops

from arch.blocks import require_one_of, require_positive
from arch.graph.features import drop, linear
from arch.graph.inputs import Graph, require_graph
from arch.graph.propagation import inverse
from arch.kernels import gather, segment_max, segment_sum

AGGREGATES = ("sum", "mean", "max")


@keras.saving.register_keras_serializable(package="arch")
class Ends(keras.layers.Layer):
    """The features of both ends of each edge: `(x[source], x[target])`.

    Inputs x (nodes, features) and edges (edges, 2); two outputs (edges, features). No weights.
    """

    def call(self, inputs: Any) -> tuple[Any, Any]:
        """Rows of x by the edges' indices."""
        x, edges = inputs
        return gather(x, edges[:, 0]), gather(x, edges[:, 1])

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, Any]:
        """Twice (edges, features)."""
        shape = (input_shape[1][0], input_shape[0][-1])
        return shape, shape


@keras.saving.register_keras_serializable(package="arch")
class Aggregate(keras.layers.Layer):
    """What the edges into a node say together, in an order that does not matter.

    `sum`: sum of w[e] m[e]; `mean`: the same over the sum of w[e]; `max`: the greatest m[e] of each feature among
    edges with w[e] > 0. Zero where no edge comes in.

    Inputs messages (edges, features), edges (edges, 2), weights (edges,) and nodes (nodes, ...); output (nodes,
    features). No weights.

    Args:
        kind: `sum`, `mean` or `max`.
    """

    def __init__(self, kind: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_one_of("Aggregate", "kind", kind, AGGREGATES)
        self.kind = kind

    def call(self, inputs: Any) -> Any:
        """One row a node."""
        messages, edges, weights, nodes = inputs
        targets, count = edges[:, 1], ops.shape(nodes)[0]
        if self.kind == "max":
            return _greatest(messages, targets, weights, count)
        total = segment_sum(messages * weights[:, None], targets, count)
        if self.kind == "sum":
            return total
        share = inverse(segment_sum(ops.cast(weights, "float32"), targets, count))
        return total * ops.cast(share, total.dtype)[:, None]

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """(nodes, features)."""
        return (input_shape[3][0], input_shape[0][-1])

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        return {**super().get_config(), "kind": self.kind}


def _greatest(messages: Any, targets: Any, weights: Any, count: Any) -> Any:
    """Messages of edges without weight go to a segment of their own, behind all nodes."""
    there = ops.where(weights > 0, targets, count)
    return segment_max(messages, there, count + 1)[:-1]


Message = Callable[[Any, Any, Any], Any]
Gather = Callable[[Any, Graph], Any]
Update = Callable[[Any, Any], Any]


def pass_messages(
    x: keras.KerasTensor, graph: Graph, *, message: Message, aggregate: str | Gather, update: Update, name: str
) -> keras.KerasTensor:
    """One round: `y[t] = update(x[t], aggregate over edges e from s to t of message(x[s], x[t], features[e]))`.

    The functions work on symbolic tensors, with whatever layers they like, so that any round can be saved. The round
    treats all nodes alike as long as `aggregate` does not look at the order of edges.

    Args:
        x: (nodes, features).
        graph: its edges, their weights and features; its own features are not looked at.
        message: sources, targets (edges, features), edge features (edges, d) or None -> messages (edges, m).
        aggregate: "sum", "mean", "max", or a function: messages, graph -> (nodes, m).
        update: x, what came in (nodes, m) -> (nodes, any).
        name: of the round's layers.
    """
    source, target = Ends(name=f"{name}_ends")([x, graph.edges])
    messages = message(source, target, graph.edge_features)
    if isinstance(aggregate, str):
        came = Aggregate(aggregate, name=f"{name}_{aggregate}")([messages, graph.edges, graph.weights, x])
    else:
        came = aggregate(messages, graph)
    return update(x, came)


def message_passing(
    inputs: Graph,
    *,
    width: int = 64,
    depth: int = 3,
    aggregate: Literal["sum", "mean", "max"] = "sum",
    update: Literal["gru", "dense"] = "gru",
    dropout: float = 0.0,
    outputs: int = 0,
) -> keras.KerasTensor:
    """A message passing network: each round h = update(h, aggregate over edges of relu(W [h_s, h_t, e] + b)).

    Messages know both ends of an edge and, where the graph has them, the edge's own features e.

    Args:
        inputs: a `Graph`, its features dense or words, with edge features or without.
        width: features of nodes and messages, at least 1.
        depth: rounds, each with weights of its own, at least 1.
        aggregate: what the messages into a node make together.
        update: `gru`, a gated recurrent unit with the node as its state, or `dense`, h = relu(W [h, messages] + b).
        dropout: share of features dropped in training, before the first layer and behind each round, in [0, 1).
        outputs: logits of a dense layer on the last features, in float32; 0 ends with the features.

    Returns:
        (nodes, outputs), or (nodes, width) without outputs.

    Raises:
        ValueError: where an option cannot work.

    Source: Gilmer et al. 2017, "Neural message passing for quantum chemistry", section 2 (the scheme), with the
        messages of Battaglia et al. 2016 (both ends and the edge through a dense layer); update of Li et al. 2016.
    """
    require_graph("message_passing", inputs, outputs, dropout)
    require_positive("message_passing", "width", width)
    require_positive("message_passing", "depth", depth)
    require_one_of("message_passing", "aggregate", aggregate, AGGREGATES)
    require_one_of("message_passing", "update", update, ("gru", "dense"))
    x = linear(drop(inputs.features, dropout, name="dropout"), width, activation="relu", name="embed")
    for index in range(depth):
        name = f"round{index}"
        message, change = _message(width, name), _UPDATES[update](width, name)
        x = pass_messages(x, inputs, message=message, aggregate=aggregate, update=change, name=name)
        x = drop(x, dropout, name=f"{name}_dropout")
    return linear(x, outputs, name="outputs", dtype="float32") if outputs else x


def _message(width: int, name: str) -> Message:
    def message(source: Any, target: Any, features: Any) -> Any:
        known = [source, target] if features is None else [source, target, features]
        met = keras.layers.Concatenate(name=f"{name}_concat")(known)
        return keras.layers.Dense(width, activation="relu", name=f"{name}_message")(met)

    return message


def _gru(width: int, name: str) -> Update:
    return lambda x, came: keras.layers.GRUCell(width, name=f"{name}_update")(came, [x])[0]


def _dense(width: int, name: str) -> Update:
    def update(x: Any, came: Any) -> Any:
        both = keras.layers.Concatenate(name=f"{name}_both")([x, came])
        return keras.layers.Dense(width, activation="relu", name=f"{name}_update")(both)

    return update


_UPDATES: dict[str, Callable[[int, str], Update]] = {"gru": _gru, "dense": _dense}
