"""Softmax over the edges into each node, and the average that its weights take."""

from __future__ import annotations

from typing import Any

from keras import ops

from arch.graph.propagation import inverse
from arch.kernels import gather, heads_product, segment_max, segment_sum

LEAST = -1e30  # a score that loses against every other


def edge_softmax(scores: Any, own: Any, edges: Any, weights: Any, count: Any) -> tuple[Any, Any]:
    """`alpha[e] = w[e] exp(score[e]) / sum over edges f into the same node of w[f] exp(score[f])`, head by head.

    Args:
        scores: (edges, heads).
        own: scores of self loops (nodes, heads), each of weight 1; None where there are none.
        edges: (edges, 2) source and target.
        weights: (edges,), at least 0.
        count: of nodes; on JAX a number.

    Returns:
        alpha (edges, heads), and that of the self loops (nodes, heads) or None, in float32.
    """
    targets, weights = edges[:, 1], ops.cast(weights, "float32")[:, None]
    scores = ops.where(weights > 0, ops.cast(scores, "float32"), LEAST)
    own = None if own is None else ops.cast(own, "float32")
    top = ops.stop_gradient(_top(scores, own, targets, count))  # a shift changes nothing but what overflows
    powers = weights * ops.exp(scores - gather(top, targets))
    own_powers = None if own is None else ops.exp(own - top)
    total = segment_sum(powers, targets, count)
    share = inverse(total if own is None else total + own_powers)
    return powers * gather(share, targets), None if own is None else own_powers * share


def attend(alpha: Any, own: Any, values: Any, edges: Any) -> Any:
    """The averages by these weights: `y[t, h] = own[t, h] values[t, h] + sum over s -> t of alpha[e, h] values[s, h]`.

    Args:
        alpha: (edges, heads).
        own: (nodes, heads), or None without self loops.
        values: (nodes, heads, units).
        edges: (edges, 2) source and target.

    Returns:
        (nodes, heads, units) in the dtype of values.
    """
    y = heads_product(edges, alpha, values)
    return y if own is None else y + ops.cast(own, values.dtype)[:, :, None] * values


def _top(scores: Any, own: Any, targets: Any, count: Any) -> Any:
    """The greatest score at each node; counted from that of the self loop, as a node without edges has no other."""
    if own is None:
        return segment_max(scores, targets, count)
    return own + segment_max(ops.relu(scores - gather(own, targets)), targets, count)
