"""Graph isomorphism networks: sums of neighbours, which tell apart all that a message can tell apart."""

from __future__ import annotations

from typing import Any

import keras

from arch.blocks import activation, batch_norm, require_positive
from arch.graph.features import drop, linear
from arch.graph.inputs import Graph, require_graph
from arch.graph.propagation import Propagate, normalize


@keras.saving.register_keras_serializable(package="arch")
class SelfWeight(keras.layers.Layer):
    """A node beside the sum of its neighbours: `y = (1 + e) x + neighbours`. Weights: epsilon e (), zero at first.

    Inputs x and neighbours, (nodes, features) both; output the same.
    """

    def build(self, input_shape: Any) -> None:
        """One number."""
        self.epsilon = self.add_weight(shape=(), initializer="zeros", name="epsilon")

    def call(self, inputs: Any) -> Any:
        """The sum of both."""
        x, neighbours = inputs
        return (1.0 + self.epsilon) * x + neighbours

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The features' own shape."""
        return input_shape[0]


def gin(
    inputs: Graph,
    *,
    widths: tuple[int, ...] = (64, 64),
    outputs: int = 0,
    dropout: float = 0.0,
) -> keras.KerasTensor:
    """A graph isomorphism network: layers h = mlp((1 + e) h + sum of the neighbours' h), e learnt.

    The mlp is two dense layers, each with batch normalization and a relu behind it.

    Args:
        inputs: a `Graph`, its features dense or words.
        widths: units of both dense layers of each layer, one number a layer.
        outputs: logits of a dense layer on the last features, in float32; 0 ends with the features.
        dropout: share dropped in training of the features and of the last layer's inputs, in [0, 1).

    Returns:
        (nodes, outputs), or (nodes, widths[-1]) without outputs.

    Raises:
        ValueError: where an option cannot work.

    Source: Xu et al. 2019, "How powerful are graph neural networks?", equation 4.1 and section 7. The first product
        goes before the sum, which thus carries the layer's units and not all features.
    """
    require_graph("gin", inputs, outputs, dropout)
    require_positive("gin", "widths", widths)
    adjacency, x = normalize(inputs, "none", False), drop(inputs.features, dropout, name="dropout")
    for index, units in enumerate(widths):
        name = f"layer{index}"
        x = linear(x, units, use_bias=False, name=f"{name}_dense1")
        x = SelfWeight(name=f"{name}_self")([x, Propagate(name=f"{name}_sum")([x, *adjacency])])
        x = activation(batch_norm(x, name=f"{name}_norm1"), name=f"{name}_relu1")
        x = keras.layers.Dense(units, use_bias=False, name=f"{name}_dense2")(x)
        x = activation(batch_norm(x, name=f"{name}_norm2"), name=f"{name}_relu2")
    x = drop(x, dropout, name="outputs_dropout")
    return linear(x, outputs, name="outputs", dtype="float32") if outputs else x
