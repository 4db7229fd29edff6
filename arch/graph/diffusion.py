"""Networks that spread a small dense network over the graph: what it sees (GRAND), or what it says (APPNP)."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops

from arch.blocks import activation, require, require_one_of, require_positive, require_rate
from arch.blocks import batch_norm as normalized
from arch.graph.features import dense, drop, linear
from arch.graph.inputs import Graph, Words, require_graph
from arch.graph.propagation import NORMS, Bias, normalize, step
from arch.kernels import gather


@keras.saving.register_keras_serializable(package="arch")
class PersonalizedPageRank(keras.layers.Layer):
    """A random walk from each node that starts anew with a probability: `z = (1 - teleport) A z + teleport x`.

    It begins with z = x. Inputs x (nodes, features), edges (edges, 2), weights (edges,) and diagonal (nodes,), as
    `Normalize` gives them; output as x. No weights.

    Args:
        steps: how often z is computed anew.
        teleport: probability of starting anew, in (0, 1].
        dropout: share of the edges and self loops dropped in training, at each step others, in [0, 1).

    Source: Gasteiger, Bojchevski and Guennemann 2019, equation 4.
    """

    def __init__(self, steps: int, teleport: float, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.steps, self.teleport, self.dropout = steps, teleport, dropout
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The state after the last step."""
        x, edges, weights, diagonal = inputs
        z = x
        for _ in range(self.steps):
            kept = [self.drop(part, training=training) for part in (weights, diagonal)]
            z = (1.0 - self.teleport) * step(z, edges, *kept) + self.teleport * x
        return z

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The features' own shape."""
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        names = ("steps", "teleport", "dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="arch")
class MixedOrders(keras.layers.Layer):
    """The mean of a node's features over all distances up to an order: `y = 1 / (order + 1) sum of A^k x, k <= order`.

    Inputs x (nodes, features), edges (edges, 2), weights (edges,) and diagonal (nodes,), as `Normalize` gives them;
    output as x. No weights.

    Args:
        order: the greatest distance.

    Source: Feng et al. 2020, section 3.1.
    """

    def __init__(self, order: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.order = order

    def call(self, inputs: Any) -> Any:
        """The sum by Horner's rule: x + A (x + A (...))."""
        x, *adjacency = inputs
        total = x
        for _ in range(self.order):
            total = x + step(total, *adjacency)
        return total / (self.order + 1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The features' own shape."""
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        return {**super().get_config(), "order": self.order}


@keras.saving.register_keras_serializable(package="arch")
class DropNodes(keras.layers.Layer):
    """In training, all words of a share of the nodes are zero, and those of the others scaled up to make up for it.

    Inputs indices (nonzeros, 2), values (nonzeros,) and nodes (nodes,) as in `Words`; output values (nonzeros,). No
    weights. Of dense features, `keras.layers.Dropout` with a noise shape does the same.

    Args:
        rate: share of nodes, in [0, 1).

    Source: Feng et al. 2020, section 3.1.
    """

    def __init__(self, rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.drop = keras.layers.Dropout(rate, dtype=self.dtype_policy)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The values, each times what its node was dealt."""
        indices, values, nodes = inputs
        dealt = self.drop(ops.ones((ops.shape(nodes)[0],), values.dtype), training=training)
        return values * gather(dealt, indices[:, 0])

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(nonzeros,)."""
        return input_shape[1]

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        return {**super().get_config(), "rate": self.rate}


def drop_nodes(features: Any, rate: float, *, name: str) -> Any:
    """Features of which whole nodes are dropped in training, of dense ones and of words alike."""
    if not rate:
        return features
    if isinstance(features, Words):
        values = DropNodes(rate, name=name)([features.indices, features.values, features.nodes])
        return features._replace(values=values)
    return keras.layers.Dropout(rate, noise_shape=(None, 1), name=name)(features)


def appnp(
    inputs: Graph,
    *,
    widths: tuple[int, ...] = (64,),
    steps: int = 10,
    teleport: float = 0.1,
    outputs: int = 0,
    dropout: float = 0.0,
    norm: Literal["symmetric", "random_walk", "none"] = "symmetric",
) -> keras.KerasTensor:
    """A dense network on each node's own features, whose answers are then spread by personalized PageRank.

    Args:
        inputs: a `Graph`, its features dense or words.
        widths: units of each dense layer with a relu behind it, one number a layer.
        steps: of the walk, at least 1; what lies farther away is not seen.
        teleport: probability of starting anew at each step, in (0, 1]; 1 is no graph at all.
        outputs: logits of one more dense layer, which are spread in place of the features, in float32; 0 for none.
        dropout: share dropped in training of each dense layer's inputs, and of the edges at each step, in [0, 1).
        norm: how adjacency, with self loops, is normalized: D^-1/2 A D^-1/2, D^-1 A, or not at all.

    Returns:
        (nodes, outputs), or (nodes, widths[-1]) without outputs.

    Raises:
        ValueError: where an option cannot work.

    Source: Gasteiger, Bojchevski and Guennemann 2019, "Predict then propagate: graph neural networks meet personalized
        PageRank", equations 4 and 5.
    """
    require_graph("appnp", inputs, outputs, dropout)
    require_positive("appnp", "widths", widths)
    require_positive("appnp", "steps", steps)
    require(0.0 < teleport <= 1.0, "appnp", "teleport must be above 0 and at most 1", teleport)
    require_one_of("appnp", "norm", norm, NORMS)
    x, adjacency = dense_network(inputs.features, widths, dropout), normalize(inputs, norm, True)
    if not outputs:
        return PersonalizedPageRank(steps, teleport, dropout, name="walk")([x, *adjacency])
    x = linear(drop(x, dropout, name="outputs_dropout"), outputs, name="outputs", dtype="float32")
    return PersonalizedPageRank(steps, teleport, dropout, dtype="float32", name="walk")([x, *adjacency])


def grand(
    inputs: Graph,
    *,
    widths: tuple[int, ...] = (32,),
    order: int = 8,
    outputs: int = 0,
    drop_node: float = 0.5,
    input_dropout: float = 0.5,
    dropout: float = 0.5,
    batch_norm: bool = False,
) -> keras.KerasTensor:
    """GRAND's trunk: features of a random part of the nodes, averaged over all distances, into a dense network.

    Training takes S passes of the same batch, whose dropped nodes differ. With p[s] their probabilities, m their mean
    and m' = m^(1/T) / sum over classes of m^(1/T), held fixed, the loss is the mean over passes of the cross entropy of
    the labelled nodes, plus lambda times the mean over passes and all nodes of |p[s] - m'|^2.

    Args:
        inputs: a `Graph`, its features dense or words.
        widths: units of each hidden layer with a relu behind it, one number a layer.
        order: the greatest distance that is averaged over, at least 0; 0 is no graph at all.
        outputs: logits of one more dense layer, in float32; 0 ends with the hidden features.
        drop_node: share of nodes whose features are dropped in training, in [0, 1).
        input_dropout: share of single features dropped in training, in [0, 1).
        dropout: share of each later layer's inputs dropped in training, in [0, 1).
        batch_norm: normalize the averaged features, and what the last layer reads, over the nodes.

    Returns:
        (nodes, outputs), or (nodes, widths[-1]) without outputs.

    Raises:
        ValueError: where an option cannot work.

    Source: Feng et al. 2020, "Graph random neural networks for semi-supervised learning on graphs", section 3;
        normalization as in its experiments on PubMed. Without it the first product goes before the propagation, which
        thus carries widths[0] columns and not all features; so the input dropout, too, falls on the features of single
        nodes and not on the averages.
    """
    require_graph("grand", inputs, outputs, dropout)
    require_positive("grand", "widths", widths)
    require(order >= 0, "grand", "order must be at least 0", order)
    require_rate("grand", "drop_node", drop_node)
    require_rate("grand", "input_dropout", input_dropout)
    seen = drop_nodes(inputs.features, drop_node, name="drop_nodes")
    average, adjacency = MixedOrders(order, name="orders"), normalize(inputs, "symmetric", True)
    if batch_norm:
        x = normalized(average([dense(seen, name="matrix"), *adjacency]), name="orders_norm")
        x = linear(drop(x, input_dropout, name="input_dropout"), widths[0], activation="relu", name="layer0")
    else:
        x = linear(drop(seen, input_dropout, name="input_dropout"), widths[0], use_bias=False, name="layer0")
        x = activation(Bias(name="layer0_bias")(average([x, *adjacency])), name="layer0_relu")
    x = dense_network(x, widths[1:], dropout, first=1)
    x = normalized(x, name="outputs_norm") if batch_norm else x
    return linear(drop(x, dropout, name="outputs_dropout"), outputs, name="outputs", dtype="float32") if outputs else x


def dense_network(x: Any, widths: tuple[int, ...], dropout: float, *, first: int = 0) -> Any:
    """Dense layers with dropout before each and a relu behind it, named by their numbers from `first` on."""
    for index, units in enumerate(widths, start=first):
        x = drop(x, dropout, name=f"layer{index}_dropout")
        x = linear(x, units, activation="relu", name=f"layer{index}")
    return x
