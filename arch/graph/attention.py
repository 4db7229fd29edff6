"""Graph attention networks: a node learns which of its neighbours to listen to."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops

from arch.blocks import activation, require, require_one_of, require_positive
from arch.graph.features import drop, linear
from arch.graph.inputs import Graph, require_graph
from arch.graph.softmax import attend, edge_softmax
from arch.kernels import gather

SLOPE = 0.2  # of the leaky rectifier, section 2.1 of the paper


@keras.saving.register_keras_serializable(package="arch")
class GraphAttention(keras.layers.Layer):
    """Attention over the edges into each node, head by head: `y[t] = sum over s of alpha[t, s] u[s] + bias`.

    u and z are the inputs source and target, head by head; alpha[t, s] = softmax over s of the scores
    `leaky(a1 . u[s] + a2 . z[t])` in v1, `a . leaky(u[s] + z[t])` in v2. An edge of weight w counts as w edges. A node
    without edges and without a self loop gets the bias.

    Inputs source (nodes, heads * units), target (the same shape, and in v1 the same tensor), edges (edges, 2) and
    weights (edges,); output (nodes, heads * units), or (nodes, units) where heads are averaged. Weights: attention
    (2, heads, units) in v1, (1, heads, units) in v2, Glorot uniform; bias, as wide as the output, zeros.

    Args:
        heads: parts that attend by themselves.
        version: "v1" or "v2".
        self_loops: whether a node is its own neighbour too.
        average: whether heads are averaged, not put side by side.
        dropout: share of attention weights dropped in training, in [0, 1).

    Source: Velickovic et al. 2018; v2 Brody, Alon and Yahav 2022.
    """

    def __init__(
        self,
        heads: int,
        version: str = "v1",
        self_loops: bool = True,
        average: bool = False,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.heads, self.version, self.self_loops, self.average = heads, version, self_loops, average
        self.dropout = dropout
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy) if dropout else None

    def build(self, input_shape: Any) -> None:
        """Attention vectors and bias."""
        features = input_shape[0][-1]
        require(features % self.heads == 0, "GraphAttention", "features must be a multiple of heads", features)
        self.units = features // self.heads
        vectors = 2 if self.version == "v1" else 1
        start = keras.initializers.GlorotUniform()
        self.attention = self.add_weight((vectors, self.heads, self.units), start, name="attention")
        self.bias = self.add_weight((self.units if self.average else features,), "zeros", name="bias")

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """What each node hears."""
        source, _, edges, _ = inputs
        alpha, own = self.weigh(inputs)
        if self.drop is not None:
            alpha, own = self.drop(alpha, training=training), own if own is None else self.drop(own, training=training)
        y = attend(alpha, own, self._split(source), edges)
        y = ops.mean(y, axis=1) if self.average else ops.reshape(y, ops.shape(source))
        return y + self.bias

    def weigh(self, inputs: Any) -> tuple[Any, Any]:
        """The attention weights of the edges (edges, heads), and of the self loops (nodes, heads) or None."""
        source, target, edges, weights = inputs
        scores, own = self._scores(self._split(source), self._split(target), edges)
        return edge_softmax(scores, own if self.self_loops else None, edges, weights, ops.shape(source)[0])

    def _scores(self, source: Any, target: Any, edges: Any) -> tuple[Any, Any]:
        if self.version == "v2":
            met = gather(_flat(source), edges[:, 0]) + gather(_flat(target), edges[:, 1])
            return self._judge(self._split(met)), self._judge(source + target)
        left, right = ops.sum(source * self.attention[0], -1), ops.sum(target * self.attention[1], -1)
        scores = gather(left, edges[:, 0]) + gather(right, edges[:, 1])
        return ops.leaky_relu(scores, SLOPE), ops.leaky_relu(left + right, SLOPE)

    def _judge(self, met: Any) -> Any:
        return ops.sum(ops.leaky_relu(met, SLOPE) * self.attention[0], -1)

    def _split(self, x: Any) -> Any:
        return ops.reshape(x, (-1, self.heads, self.units))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """(nodes, heads * units) or (nodes, units)."""
        nodes, features = input_shape[0]
        return (nodes, features // self.heads if self.average else features)

    def multiply_adds(self, input_shape: Any) -> int:
        """Of one node: its part of the scores; what flows along edges depends on how many there are."""
        return (2 if self.version == "v1" else 1) * input_shape[0][-1]

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        names = ("heads", "version", "self_loops", "average", "dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _flat(x: Any) -> Any:
    return ops.reshape(x, (-1, x.shape[1] * x.shape[2]))


def gat(
    inputs: Graph,
    *,
    widths: tuple[int, ...] = (8,),
    heads: int = 8,
    output_heads: int = 1,
    outputs: int = 0,
    version: Literal["v1", "v2"] = "v1",
    dropout: float = 0.0,
    self_loops: bool = True,
) -> keras.KerasTensor:
    """A graph attention network: layers h = elu(attention(dropout(h) W)), whose heads stand side by side.

    Args:
        inputs: a `Graph`, its features dense or words.
        widths: units of each head in each hidden layer, one number a layer.
        heads: heads of the hidden layers, at least 1.
        output_heads: heads of the last layer, which are averaged, at least 1.
        outputs: logits of one more layer, without nonlinearity and in float32; 0 ends with the hidden features.
        version: how edges are scored: by either end for itself (v1), or by both together (v2).
        dropout: share of each layer's inputs, and of its attention weights, dropped in training, in [0, 1).
        self_loops: whether a node is its own neighbour too.

    Returns:
        (nodes, outputs), or (nodes, heads * widths[-1]) without outputs.

    Raises:
        ValueError: where an option cannot work.

    Source: Velickovic et al. 2018, "Graph attention networks", section 2; v2 of Brody, Alon and Yahav 2022, "How
        attentive are graph attention networks?", equation 7, with one matrix for sources and one for targets.
    """
    require_graph("gat", inputs, outputs, dropout)
    require_positive("gat", "widths", widths)
    require_positive("gat", "heads", heads)
    require_positive("gat", "output_heads", output_heads)
    require_one_of("gat", "version", version, ("v1", "v2"))
    x: Any = inputs.features
    how: dict[str, Any] = {"version": version, "self_loops": self_loops, "dropout": dropout}
    for index, units in enumerate(widths):
        x = _layer(x, inputs, units, name=f"layer{index}", heads=heads, **how)
        x = activation(x, "elu", name=f"layer{index}_elu")
    if not outputs:
        return x
    how |= {"average": True, "dtype": "float32"}
    return _layer(x, inputs, outputs, name="outputs", heads=output_heads, **how)


def _layer(x: Any, graph: Graph, units: int, *, name: str, dtype: Any = None, **how: Any) -> keras.KerasTensor:
    """Dropout, projection and attention, which takes `how`."""
    x = drop(x, how["dropout"], name=f"{name}_dropout")
    source = target = linear(x, how["heads"] * units, use_bias=False, name=name, dtype=dtype)
    if how["version"] == "v2":
        target = linear(x, how["heads"] * units, use_bias=False, name=f"{name}_target", dtype=dtype)
    layer = GraphAttention(name=f"{name}_attention", dtype=dtype, **how)
    return layer([source, target, graph.edges, graph.weights])
