"""Gates between what a residual block was given and what it makes of it."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from arch.blocks import conv

GATES = ("none", "highway", "scalar")


def gated_sum(
    kind: str,
    carried: keras.KerasTensor,
    branch: keras.KerasTensor,
    source: keras.KerasTensor,
    *,
    strides: int,
    name: str,
) -> keras.KerasTensor:
    """The branch added to what is carried past it, through a gate of this kind.

    Args:
        kind: "none" for a plain sum, "scalar" for one weight, "highway" for a gate that `source` decides.
        carried: (batch, spatial axes, channels).
        branch: the same shape.
        source: (batch, spatial axes times strides, any channels).
        strides: of the block.
        name: of the block.
    """
    if kind == "highway":
        logits = conv(source, branch.shape[-1], 1, strides=strides, use_bias=True, name=f"{name}_transform")
        return HighwaySum(name=f"{name}_add")([carried, branch, logits])
    if kind == "scalar":
        branch = ScalarGate(name=f"{name}_scalar")(branch)
    return keras.layers.Add(name=f"{name}_add")([carried, branch])


@keras.saving.register_keras_serializable(package="arch")
class HighwaySum(keras.layers.Layer):
    """What is carried and what is new in shares that add up to one: y = (1 - t) x + t h, t = sigmoid(g + bias).

    No weights. [x, h, g], each (batch, ..., channels) -> the same shape.

    Args:
        bias: added to g; below 0, so that a fresh network carries more than it transforms.

    Source: Srivastava et al. 2015, equation 3 and section 2.2.
    """

    window = (1, 1)

    def __init__(self, bias: float = -2.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bias = bias

    def call(self, inputs: Any) -> Any:
        """The mixture."""
        carried, new, logits = inputs
        return carried + ops.sigmoid(logits + self.bias) * (new - carried)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of what is carried."""
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """The argument beside Keras' own."""
        return {**super().get_config(), "bias": self.bias}


@keras.saving.register_keras_serializable(package="arch")
class ScalarGate(keras.layers.Layer):
    """One weight for everything: y = relu(k) x. Weights: k (), 1 at the start. The shape stays.

    Source: Savarese and Figueiredo 2017, equation 4.
    """

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """The weight."""
        self.gate = self.add_weight(shape=(), initializer="ones", name="gate")

    def call(self, inputs: Any) -> Any:
        """The input, scaled."""
        return inputs * ops.relu(self.gate)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's own shape."""
        return input_shape
