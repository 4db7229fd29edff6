"""Graph layers beside spektral's, with the same weights, where those run under this Keras."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from arch.graph import graph_inputs
from arch.graph.attention import GraphAttention
from arch.graph.convolutional import convolution
from arch.graph.diffusion import PersonalizedPageRank
from arch.graph.propagation import Normalize, normalize
from arch.graph.spectral import PolynomialFilter

X = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
A = np.array([[0, 1, 1, 0, 0], [1, 0, 0, 1, 0], [1, 0, 0, 1, 0], [0, 1, 1, 0, 1], [0, 0, 0, 1, 0]], "float32")
EDGES, WEIGHTS = np.argwhere(A.T).astype("int32"), np.ones(10, "float32")
CLOSE = {"rtol": 1e-4, "atol": 1e-5}  # two float32 computations


def symmetric(a):
    degrees = a.sum(1)
    return (a / np.sqrt(np.outer(degrees, degrees))).astype("float32")


def theirs(make, adjacency):
    """What a spektral layer gives, and its weights; by `call`, as its `__call__` fails over masks under this Keras."""
    layers = pytest.importorskip("spektral").layers
    try:
        layer = make(layers)
        layer.build([X.shape, A.shape])
        given = tf.sparse.from_dense(adjacency) if isinstance(layer, layers.MessagePassing) else tf.constant(adjacency)
        return np.asarray(layer.call([tf.constant(X), given])), [np.asarray(weight) for weight in layer.weights]
    except (AttributeError, TypeError, ValueError) as error:
        pytest.skip(f"spektral's layer does not run under this Keras: {error}")


def test_a_graph_convolution_is_spektrals():
    expected, weights = theirs(lambda layers: layers.GCNConv(4), symmetric(A + np.eye(5)))
    inputs, graph = graph_inputs(3)
    model = keras.Model(inputs, convolution(graph.features, normalize(graph, "symmetric", True), 4, name="layer"))
    model.set_weights(weights)
    np.testing.assert_allclose(model({"features": X, "edges": EDGES, "weights": WEIGHTS}), expected, **CLOSE)


def test_graph_attention_is_spektrals():
    # its attention is exact on sparse matrices alone; the layer itself adds the self loops
    expected, (kernel, to, of, bias) = theirs(lambda layers: layers.GATConv(4, attn_heads=2), A)
    layer, x = GraphAttention(2), X @ kernel.reshape(3, 8)
    layer.build([(5, 8), (5, 8), (10, 2), (10,)])
    layer.set_weights([np.stack([part[:, :, 0].T for part in (of, to)]), bias])
    np.testing.assert_allclose(layer([x, x, EDGES, WEIGHTS]), expected, **CLOSE)


def test_chebyshev_filters_are_spektrals():
    expected, (kernels, bias) = theirs(lambda layers: layers.ChebConv(4, K=3), -symmetric(A))
    weights, diagonal = Normalize("symmetric", False)([EDGES, WEIGHTS, X])
    parts = np.concatenate([X @ kernel for kernel in kernels], 1)
    np.testing.assert_allclose(PolynomialFilter(2)([parts, EDGES, weights, diagonal]) + bias, expected, **CLOSE)


def test_personalized_page_rank_is_spektrals():
    a = symmetric(A + np.eye(5))
    expected, (kernel, bias) = theirs(lambda layers: layers.APPNPConv(4, alpha=0.2, propagations=3), a)
    weights, diagonal = Normalize()([EDGES, WEIGHTS, X])
    found = PersonalizedPageRank(3, 0.2)([X @ kernel + bias, EDGES, weights, diagonal])
    np.testing.assert_allclose(found, expected, **CLOSE)


def test_the_mean_of_graphsage_is_spektrals():
    expected, (kernel, bias) = theirs(lambda layers: layers.GraphSageConv(4), A)
    # spektral's neighbourhood holds the node itself, and its rows have length 1
    weights, diagonal = Normalize("random_walk", True)([EDGES, WEIGHTS, X])
    mean = np.diag(diagonal)
    np.add.at(mean, (EDGES[:, 1], EDGES[:, 0]), np.asarray(weights))
    rows = np.concatenate([X, mean @ X], 1) @ kernel + bias
    np.testing.assert_allclose(rows / np.linalg.norm(rows, axis=1, keepdims=True), expected, **CLOSE)
