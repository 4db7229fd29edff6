"""From nodes to graphs: one vector for each of the graphs that lie side by side in a batch."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from arch.blocks import require_one_of
from arch.graph.propagation import inverse
from arch.kernels import gather, segment_max, segment_sum

READOUTS = ("sum", "mean", "max", "attention")


@keras.saving.register_keras_serializable(package="arch")
class Readout(keras.layers.Layer):
    """One vector for each graph, whatever the order of its nodes.

    `sum`, `mean`, `max` of each feature; `attention`: the average weighted by softmax over the graph's nodes of
    `x . a`. A graph without nodes gives zeros.

    Inputs x (nodes, features), nodes of one graph standing together, and starts (graphs + 1,), where each graph's
    nodes begin, the last being the number of all nodes; output (graphs, features). Weights: for `attention` kernel a
    (features, 1), Glorot uniform; else none.

    Args:
        kind: `sum`, `mean`, `max` or `attention`.

    Source: Xu et al. 2019, section 4 (sums tell more graphs apart than means, and these than maxima); attention as in
        Li et al. 2016, equation 7, with a softmax in place of the gate.
    """

    def __init__(self, kind: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_one_of("Readout", "kind", kind, READOUTS)
        self.kind = kind

    def build(self, input_shape: Any) -> None:
        """The direction that attention looks in."""
        if self.kind == "attention":
            self.kernel = self.add_weight((input_shape[0][-1], 1), "glorot_uniform", name="kernel")

    def call(self, inputs: Any) -> Any:
        """One row a graph."""
        x, starts = inputs
        graphs, count = _membership(starts, ops.shape(x)[0]), ops.shape(starts)[0] - 1
        if self.kind == "max":
            return segment_max(x, graphs, count)
        shares = self._shares(x, graphs, count)
        return segment_sum(x if shares is None else x * ops.cast(shares, x.dtype), graphs, count)

    def _shares(self, x: Any, graphs: Any, count: Any) -> Any:
        """How much each node counts (nodes, 1), None where all count whole."""
        if self.kind == "sum":
            return None
        powers = ops.ones_like(x[:, :1])
        if self.kind == "attention":
            scores = ops.cast(x @ self.kernel, "float32")
            top = ops.stop_gradient(gather(segment_max(scores, graphs, count), graphs))
            powers = ops.exp(scores - top)
        return powers * gather(inverse(segment_sum(ops.cast(powers, "float32"), graphs, count)), graphs)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """(graphs, features)."""
        graphs = input_shape[1][0]
        return (None if graphs is None else graphs - 1, input_shape[0][-1])

    def multiply_adds(self, input_shape: Any) -> int:
        """Of one node: its score."""
        return input_shape[0][-1] if self.kind == "attention" else 0

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        return {**super().get_config(), "kind": self.kind}


def _membership(starts: Any, nodes: Any) -> Any:
    """The graph of each node, (nodes,)."""
    return ops.cast(ops.searchsorted(starts, ops.arange(nodes, dtype=starts.dtype), side="right") - 1, "int32")


def readout(
    x: keras.KerasTensor, starts: keras.KerasTensor, kind: str = "mean", *, name: str = "readout"
) -> keras.KerasTensor:
    """One vector for each graph of a batch, out of the features of its nodes.

    Args:
        x: (nodes, features), what a graph builder gives; nodes of one graph stand together.
        starts: (graphs + 1,) int32, where each graph's nodes begin, the last being the number of all nodes.
        kind: `sum`, `mean`, `max` or `attention`.
        name: of the layer.

    Returns:
        (graphs, features).
    """
    return Readout(kind, name=name)([x, starts])
