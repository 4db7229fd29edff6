"""GraphSAGE: a node is itself and a summary of its neighbours, kept apart, so that it works on graphs never seen."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops

from arch.blocks import activation, require_one_of, require_positive
from arch.graph.features import dense, drop, linear
from arch.graph.inputs import Graph, require_graph
from arch.graph.messages import Aggregate
from arch.graph.propagation import Propagate, normalize
from arch.kernels import gather, segment_sum

AGGREGATORS = ("mean", "max", "pool", "lstm")


@keras.saving.register_keras_serializable(package="arch")
class Sources(keras.layers.Layer):
    """The features of the source of each edge: x (nodes, features) and edges (edges, 2) to (edges, features).

    No weights.
    """

    def call(self, inputs: Any) -> Any:
        """Rows of x by the edges' first index."""
        x, edges = inputs
        return gather(x, edges[:, 0])

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """(edges, features)."""
        return (input_shape[1][0], input_shape[0][-1])


@keras.saving.register_keras_serializable(package="arch")
class NeighbourSequences(keras.layers.Layer):
    """The sources of the edges into each node, one after the other, as many as fit, and where there is none.

    In training they stand in random order, else in that of the edges; edges without weight are left out.

    Inputs x (nodes, features), edges (edges, 2) and weights (edges,); outputs (nodes, length, features), zeros behind
    the last neighbour, and a mask (nodes, length). No weights.

    Args:
        length: neighbours read of each node.

    Source: Hamilton, Ying and Leskovec 2017, section 3.3: a recurrent layer reads the neighbours in random order.
    """

    def __init__(self, length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.length = length
        self.seeds = keras.random.SeedGenerator()

    def call(self, inputs: Any, training: bool | None = None) -> tuple[Any, Any]:
        """Rows of x, gathered by where each node's neighbours begin in the ordered edges."""
        x, edges, weights = inputs
        count = ops.shape(x)[0]
        targets = ops.where(weights > 0, edges[:, 1], count)  # edges without weight go behind all nodes
        order = self._order(targets, training)
        sizes = segment_sum(ops.ones_like(targets), targets, count + 1)[:-1, None]
        places = ops.arange(self.length, dtype="int32")[None]
        there = places < sizes
        index = ops.where(there, ops.cumsum(sizes, axis=0) - sizes + places, 0)
        sources = ops.take(ops.append(ops.take(edges[:, 0], order), 0), index)  # one more, if there is no edge at all
        rows = gather(x, ops.reshape(sources, (-1,)))
        rows = ops.reshape(rows, (count, self.length, x.shape[-1]))
        return ops.where(there[:, :, None], rows, ops.zeros_like(rows)), there

    def _order(self, targets: Any, training: bool | None) -> Any:
        """The edges by target, those into one node as they come or, in training, in random order."""
        if not training:
            return ops.argsort(targets)
        shuffled = ops.argsort(keras.random.uniform(ops.shape(targets), seed=self.seeds))
        return ops.take(shuffled, ops.argsort(ops.take(targets, shuffled)))

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, Any]:
        """(nodes, length, features) and (nodes, length)."""
        nodes, features = input_shape[0]
        return (nodes, self.length, features), (nodes, self.length)

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        return {**super().get_config(), "length": self.length}


@keras.saving.register_keras_serializable(package="arch")
class UnitLength(keras.layers.Layer):
    """Rows scaled to length 1: `y = x / |x|`, a row of zeros staying as it is. No weights."""

    def call(self, inputs: Any) -> Any:
        """Each row over its Euclidean norm."""
        return ops.normalize(inputs, axis=-1)


def graphsage(
    inputs: Graph,
    *,
    widths: tuple[int, ...] = (16,),
    aggregator: Literal["mean", "max", "pool", "lstm"] = "mean",
    outputs: int = 0,
    dropout: float = 0.0,
    unit_length: bool = False,
    neighbours: int = 25,
) -> keras.KerasTensor:
    """GraphSAGE: layers h = relu(W1 h + W2 aggregate(h of the neighbours) + b).

    Args:
        inputs: a `Graph`, its features dense or words.
        widths: units of each hidden layer, one number a layer.
        aggregator: mean, max, pool (max of a dense layer of each neighbour), or lstm over neighbours in random order.
        outputs: logits of one more layer, without nonlinearity and in float32; 0 ends with the hidden features.
        dropout: share of each layer's inputs dropped in training, in [0, 1).
        unit_length: whether each hidden layer's rows are scaled to length 1.
        neighbours: of each node that the lstm reads, at least 1; the others read them all.

    Returns:
        (nodes, outputs), or (nodes, widths[-1]) without outputs.

    Raises:
        ValueError: where an option cannot work.

    Source: Hamilton, Ying and Leskovec 2017, "Inductive representation learning on large graphs", algorithm 1 and
        section 3.3. A product with the concatenation of both is the sum of two; the mean is taken behind the product;
        the lstm, too, reads a dense layer of each neighbour.
    """
    require_graph("graphsage", inputs, outputs, dropout)
    require_positive("graphsage", "widths", widths)
    require_positive("graphsage", "neighbours", neighbours)
    require_one_of("graphsage", "aggregator", aggregator, AGGREGATORS)
    adjacency = normalize(inputs, "random_walk", False) if aggregator == "mean" else []

    def layer(x: Any, units: int, name: str, **options: Any) -> keras.KerasTensor:
        x = drop(x, dropout, name=f"{name}_dropout")
        if adjacency:
            heard = linear(x, units, use_bias=False, name=f"{name}_neighbours", **options)
            heard = Propagate(name=f"{name}_mean", **options)([heard, *adjacency])
        else:
            heard = _SUMMARIES[aggregator](x, inputs, units, neighbours, name)
            heard = linear(heard, units, use_bias=False, name=f"{name}_neighbours", **options)
        own = linear(x, units, name=f"{name}_self", **options)
        return keras.layers.Add(name=f"{name}_add", **options)([own, heard])

    x: Any = inputs.features
    for index, units in enumerate(widths):
        x = activation(layer(x, units, f"layer{index}"), name=f"layer{index}_relu")
        x = UnitLength(name=f"layer{index}_unit")(x) if unit_length else x
    return layer(x, outputs, "outputs", dtype="float32") if outputs else x


def _max(x: Any, graph: Graph, units: int, length: int, name: str) -> keras.KerasTensor:
    """The greatest of each feature among the neighbours."""
    x = dense(x, name=f"{name}_dense")
    sources = Sources(name=f"{name}_sources")([x, graph.edges])
    return Aggregate("max", name=f"{name}_max")([sources, graph.edges, graph.weights, x])


def _pool(x: Any, graph: Graph, units: int, length: int, name: str) -> keras.KerasTensor:
    """The same behind a dense layer."""
    return _max(linear(x, units, activation="relu", name=f"{name}_pool"), graph, units, length, name)


def _lstm(x: Any, graph: Graph, units: int, length: int, name: str) -> keras.KerasTensor:
    """What a recurrent layer ends with that reads the neighbours, each behind a dense layer."""
    x = linear(x, units, activation="relu", name=f"{name}_embed")
    sequences, there = NeighbourSequences(length, name=f"{name}_sequences")([x, graph.edges, graph.weights])
    return keras.layers.LSTM(units, name=f"{name}_lstm")(sequences, mask=there)


_SUMMARIES = {"max": _max, "pool": _pool, "lstm": _lstm}
