"""Graph builders against dense formulas on five nodes, worked examples of single layers."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from arch.graph import graph_inputs
from arch.graph.attention import GraphAttention
from arch.graph.diffusion import DropNodes, MixedOrders, PersonalizedPageRank
from arch.graph.messages import Aggregate, pass_messages
from arch.graph.propagation import Normalize
from arch.graph.readout import Readout, readout
from arch.graph.sage import NeighbourSequences
from arch.graph.softmax import edge_softmax
from arch.graph.spectral import PolynomialFilter
from arch.graph.transformer import RandomSigns
from tests.laws.graphs import EDGE_FEATURES, FEATURES, build, random_graph

# Five nodes, directed: 0 -> 1 twice, 1 -> 2, 2 -> 0, 2 -> 2 a loop, 3 -> 2, 0 -> 3; nothing leaves or enters 4.
EDGES = np.array([[0, 1], [2, 0], [0, 1], [1, 2], [2, 2], [3, 2], [0, 3]], "int32")
WEIGHTS = np.array([1.0, 1.0, 0.5, 2.0, 1.0, 0.5, 1.0], "float32")
X = np.random.default_rng(0).normal(size=(5, FEATURES)).astype("float32")
FIVE = {
    "features": X,
    "edges": EDGES,
    "weights": WEIGHTS,
    "positions": X[:, :3],
    "edge_features": np.ones((7, 2), "f4"),
}
I = np.eye(5)  # noqa: E741
A = np.zeros((5, 5))
np.add.at(A, (EDGES[:, 1], EDGES[:, 0]), WEIGHTS)
# float32 against float64 through at most three layers
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


def inverse(x):
    return np.divide(1.0, x, out=np.zeros_like(x), where=x > 0)


def symmetric(a):
    return np.sqrt(inverse(a.sum(1)))[:, None] * a * np.sqrt(inverse(a.sum(0)))


def walk(a):
    return inverse(a.sum(1))[:, None] * a


def relu(x):
    return np.maximum(x, 0.0)


def found(way, **options):
    """A model on five nodes: its answer, and its weights by their paths."""
    model = build(way, **options)
    return np.asarray(model(FIVE)), {weight.path: np.asarray(weight, "float64") for weight in model.weights}


def test_adjacency_counts_repeated_edges_and_knows_their_direction():
    assert A[1, 0] == 1.5
    assert A[0, 1] == 0.0


@pytest.mark.parametrize(
    ("norm", "loops", "matrix"),
    [
        ("symmetric", True, symmetric(A + I)),
        ("symmetric", False, symmetric(A)),
        ("random_walk", True, walk(A + I)),
        ("random_walk", False, walk(A)),
        ("none", True, A + I),
        ("none", False, A),
    ],
)
def test_normalized_adjacency_is_the_dense_formula(norm, loops, matrix):
    entries, diagonal = Normalize(norm, loops)([EDGES, WEIGHTS, X])
    dense = np.diag(np.asarray(diagonal, "float64"))
    np.add.at(dense, (EDGES[:, 1], EDGES[:, 0]), np.asarray(entries))
    np.testing.assert_allclose(dense, matrix, **CLOSE)


def test_gcn_is_its_formula():
    y, w = found("gcn", widths=(5, 11))  # the second layer is wider than its input and propagates first
    a, h = symmetric(A + I), X
    h = relu(a @ h @ w["layer0/kernel"] + w["layer0_bias/bias"])
    h = relu(a @ h @ w["layer1/kernel"] + w["layer1/bias"])
    np.testing.assert_allclose(y, a @ h @ w["outputs/kernel"] + w["outputs_bias/bias"], **CLOSE)


def attention(source, target, vectors, version, loops):
    """One head in dense form: all pairs are scored, and those without an edge weigh nothing."""
    leaky = lambda x: np.where(x > 0, x, 0.2 * x)  # noqa: E731
    if version == "v1":
        scores = leaky((source @ vectors[0])[None, :] + (target @ vectors[1])[:, None])
    else:
        scores = leaky(source[None] + target[:, None]) @ vectors[0]
    powers = (A + I if loops else A) * np.exp(scores)
    return inverse(powers.sum(1))[:, None] * powers


@pytest.mark.parametrize(("way", "version", "loops"), [("gat", "v1", True), ("gat v2", "v2", True),
                                                       ("gat without loops", "v1", False)])  # fmt: skip
def test_gat_is_its_formula(way, version, loops):
    y, w = found(way, output_heads=3)

    def layer(h, name, heads):
        source = (h @ w[f"{name}/kernel"]).reshape(5, heads, -1)
        target = (h @ w[f"{name}_target/kernel"]).reshape(5, heads, -1) if version == "v2" else source
        vectors = w[f"{name}_attention/attention"]
        each = [
            attention(source[:, i], target[:, i], vectors[:, i], version, loops) @ source[:, i] for i in range(heads)
        ]
        return np.stack(each, 1)

    h = layer(X, "layer0", 2).reshape(5, -1) + w["layer0_attention/bias"]
    h = np.where(h > 0, h, np.exp(h) - 1)
    np.testing.assert_allclose(y, layer(h, "outputs", 3).mean(1) + w["outputs_attention/bias"], **CLOSE)


def greatest(h):
    """Row t: the greatest of each feature among the sources of t, zeros where there is none."""
    return np.stack([h[A[t] > 0].max(0) if A[t].any() else np.zeros(h.shape[1]) for t in range(5)])


@pytest.mark.parametrize("aggregator", ["mean", "max", "pool"])
def test_graphsage_is_its_formula(aggregator):
    y, w = found(f"graphsage {aggregator}", unit_length=True)
    heard = {
        "mean": lambda h, name: walk(A) @ h,
        "max": lambda h, name: greatest(h),
        "pool": lambda h, name: greatest(relu(h @ w[f"{name}_pool/kernel"] + w[f"{name}_pool/bias"])),
    }[aggregator]

    def layer(h, name):
        own = h @ w[f"{name}_self/kernel"] + w[f"{name}_self/bias"]
        return own + heard(h, name) @ w[f"{name}_neighbours/kernel"]

    h = relu(layer(X, "layer0"))
    h /= np.linalg.norm(h, axis=1, keepdims=True)
    np.testing.assert_allclose(y, layer(h, "outputs"), **CLOSE)


def normed(h, w, name):
    """Batch normalization by the moving statistics."""
    scale = w[f"{name}/gamma"] / np.sqrt(w[f"{name}/moving_variance"] + 1e-5)
    return (h - w[f"{name}/moving_mean"]) * scale + w[f"{name}/beta"]


def test_appnp_grand_gcnii_and_gin_are_their_formulas():
    a = symmetric(A + I)
    y, w = found("appnp", widths=(5,), steps=3, teleport=0.2)
    x = relu(X @ w["layer0/kernel"] + w["layer0/bias"]) @ w["outputs/kernel"] + w["outputs/bias"]
    z = x
    for _ in range(3):
        z = 0.8 * a @ z + 0.2 * x
    np.testing.assert_allclose(y, z, **CLOSE)

    y, w = found("grand", widths=(5,), order=2)
    h = relu((X + a @ X + a @ a @ X) / 3 @ w["layer0/kernel"] + w["layer0_bias/bias"])
    np.testing.assert_allclose(y, h @ w["outputs/kernel"] + w["outputs/bias"], **CLOSE)

    y, w = found("grand", widths=(5,), order=2, batch_norm=True)
    h = normed((X + a @ X + a @ a @ X) / 3, w, "orders_norm") @ w["layer0/kernel"] + w["layer0/bias"]
    h = normed(relu(h), w, "outputs_norm")
    np.testing.assert_allclose(y, h @ w["outputs/kernel"] + w["outputs/bias"], **CLOSE)

    y, w = found("gcnii", depth=2, initial=0.2, identity=0.5)
    h = first = relu(X @ w["embed/kernel"] + w["embed/bias"])
    for number in (1, 2):
        b, z = np.log(0.5 / number + 1), 0.8 * a @ h + 0.2 * first
        h = relu((1 - b) * z + b * z @ w[f"layer{number - 1}/kernel"])
    np.testing.assert_allclose(y, h @ w["outputs/kernel"] + w["outputs/bias"], **CLOSE)

    y, w = found("gin", widths=(5,))
    h = X
    for part, mixed in (("1", A + (1 + w["layer0_self/epsilon"]) * I), ("2", I)):
        h = relu(normed(mixed @ h @ w[f"layer0_dense{part}/kernel"], w, f"layer0_norm{part}"))
    np.testing.assert_allclose(y, h @ w["outputs/kernel"] + w["outputs/bias"], **CLOSE)


@pytest.mark.parametrize("basis", ["chebyshev", "monomial"])
def test_cheb_is_its_formula(basis):
    y, w = found("cheb", widths=(5,), order=3, basis=basis)
    laplacian = I - symmetric(A)
    m = laplacian - I
    terms = {
        "chebyshev": [I, m, 2 * m @ m - I, 4 * m @ m @ m - 3 * m],
        "monomial": [np.linalg.matrix_power(laplacian, k) for k in range(4)],
    }[basis]

    def layer(h, name):
        kernels = np.split(w[f"{name}/kernel"], 4, axis=1)
        return sum(t @ h @ k for t, k in zip(terms, kernels, strict=True)) + w[f"{name}_bias/bias"]

    np.testing.assert_allclose(y, layer(relu(layer(X, "layer0")), "outputs"), **CLOSE)


def test_graph_transformer_attends_as_its_formula():
    model = build("graph_transformer")
    layer = model.get_layer("block0_attention")
    kernel, bias, out_kernel, out_bias = (np.asarray(weight, "float64") for weight in layer.weights)
    x = np.random.default_rng(4).normal(size=(5, 10)).astype("float32")
    query, key, value = (part.reshape(5, 5, 2) for part in np.split(x @ kernel + bias, 3, axis=1))
    powers = (A + I)[None] * np.exp(np.einsum("thd,shd->hts", query, key) / np.sqrt(2))
    alpha = powers / powers.sum(2, keepdims=True)
    y = np.einsum("hts,shd->thd", alpha, value).reshape(5, 10) @ out_kernel + out_bias
    np.testing.assert_allclose(layer([x, EDGES, WEIGHTS]), y, **CLOSE)


def test_message_passing_takes_any_functions_and_edge_features():
    inputs, graph = graph_inputs(FEATURES, edge_features=EDGE_FEATURES)
    y = pass_messages(
        graph.features,
        graph,
        message=lambda source, target, edge: source * target + edge[:, :1],
        aggregate="sum",
        update=lambda x, came: keras.ops.concatenate([x, came], axis=1),
        name="round",
    )
    expected = np.zeros_like(X)
    for (source, target), weight in zip(EDGES, WEIGHTS, strict=True):
        expected[target] += weight * (X[source] * X[target] + 1.0)
    known = {name: FIVE[name] for name in inputs}
    np.testing.assert_allclose(keras.Model(inputs, y)(known), np.concatenate([X, expected], 1), **CLOSE)


@pytest.mark.parametrize("basis", ["chebyshev", "monomial"])
def test_a_polynomial_of_the_laplacian_multiplies_each_eigenvector_by_its_value_at_the_eigenvalue(basis):
    a = np.triu(np.random.default_rng(2).random((11, 11)) < 0.4, 1).astype("float32")
    a += a.T
    edges = np.argwhere(a.T).astype("int32")
    values, vectors = np.linalg.eigh(np.eye(11) - symmetric(a.astype("float64")))
    weights, diagonal = Normalize("symmetric", False)([edges, np.ones(len(edges), "float32"), a])
    coefficients = np.array([0.5, -1.0, 2.0, 0.3])
    parts = np.concatenate([c * vectors for c in coefficients], 1).astype("float32")
    filtered = PolynomialFilter(3, basis)([parts, edges, weights, diagonal])
    series = np.polynomial.chebyshev.Chebyshev(coefficients) if basis == "chebyshev" else None
    p = series(values - 1.0) if series else np.polynomial.polynomial.polyval(values, coefficients)
    np.testing.assert_allclose(filtered, vectors * p, rtol=1e-3, atol=1e-5)  # float32; p(l) is up to 17


def test_a_filter_of_order_zero_leaves_its_input():
    np.testing.assert_array_equal(PolynomialFilter(0)([X, EDGES, WEIGHTS, np.zeros(5, "f4")]), X)


@pytest.mark.parametrize("loops", [True, False])
def test_attention_sums_to_one_where_there_is_anything_to_attend_to(loops):
    graph = random_graph()
    graph["weights"][:7] = 0.0
    layer = GraphAttention(2, self_loops=loops)
    x = tf.constant(np.random.default_rng(1).normal(scale=30.0, size=(13, 6)), tf.float32)  # scores far apart
    layer([x, x, graph["edges"], graph["weights"]])
    alpha, own = layer.weigh([x, x, graph["edges"], graph["weights"]])
    total = np.zeros((13, 2)) if own is None else np.array(own)
    np.add.at(total, graph["edges"][:, 1], np.asarray(alpha))
    reached = np.isin(np.arange(13), graph["edges"][7:, 1]) | loops
    np.testing.assert_allclose(total, np.repeat(reached[:, None], 2, 1), atol=1e-5)


def test_attention_does_not_overflow_nor_lose_a_node_whose_scores_are_all_low():
    edges, weights = np.array([[0, 1], [1, 1]], "int32"), np.ones(2, "float32")
    alpha, own = edge_softmax(
        np.array([[500.0], [-500.0]], "f4"), np.array([[-500.0], [-500.0]], "f4"), edges, weights, 2
    )
    np.testing.assert_allclose(alpha, [[1.0], [0.0]])
    np.testing.assert_allclose(own, [[1.0], [0.0]])  # node 0 has no edge and hears itself


@pytest.mark.parametrize(("kind", "expected"), [("sum", [0, 1.5, 7.5, 1, 0]), ("mean", [0, 1, 7.5 / 3.5, 1, 0]),
                                                ("max", [0, 1, 4, 1, 0])])  # fmt: skip
def test_messages_are_gathered_by_weight(kind, expected):
    messages = np.array([[1.0], [0.0], [1.0], [1.5], [4.0], [1.0], [1.0]], "float32")
    gathered = Aggregate(kind)([messages, EDGES, WEIGHTS, X])
    np.testing.assert_allclose(np.ravel(gathered), expected, rtol=1e-6)


def test_neighbours_are_read_in_the_order_of_the_edges_and_at_random_in_training():
    x = np.arange(5, dtype="float32")[:, None] + 1
    layer = NeighbourSequences(2)
    sequences, there = layer([x, EDGES, WEIGHTS])
    np.testing.assert_array_equal(np.squeeze(sequences, -1), [[3, 0], [1, 1], [2, 3], [1, 0], [0, 0]])
    np.testing.assert_array_equal(there, [[1, 0], [1, 1], [1, 1], [1, 0], [0, 0]])
    drawn = [tuple(np.ravel(layer([x, EDGES, WEIGHTS], training=True)[0][2])) for _ in range(30)]
    assert set(drawn) == {(2, 3), (3, 2), (2, 4), (4, 2), (3, 4), (4, 3)}  # two of the three sources of node 2


def test_whole_nodes_are_dropped_and_the_others_scaled():
    indices = np.stack([np.repeat(np.arange(101), 3), np.tile(np.arange(3), 101)], 1)
    values = np.asarray(DropNodes(0.4)([indices, np.ones(303, "f4"), np.arange(101)], training=True)).reshape(101, 3)
    assert set(np.round(np.unique(values), 4)) == {0.0, np.float32(1.6667)}
    assert (np.ptp(values, axis=1) == 0).all()
    assert 20 < (values[:, 0] == 0).sum() < 61  # 40 expected, deviation 5


def test_averages_over_distances_and_walks_on_a_path_by_hand():
    path, weights, none = np.array([[0, 1], [1, 2]], "int32"), np.ones(2, "float32"), np.zeros(3, "float32")
    x = np.array([[6.0], [0.0], [0.0]], "float32")
    np.testing.assert_allclose(MixedOrders(2)([x, path, weights, none]), [[2.0], [2.0], [2.0]])
    np.testing.assert_allclose(PersonalizedPageRank(1, 0.25)([x, path, weights, none]), [[1.5], [4.5], [0.0]])


def test_signs_of_positions_are_drawn_by_column_in_training_alone():
    x = np.random.default_rng(1).normal(size=(5, 31)).astype("float32")
    flipped = np.asarray(RandomSigns()(x, training=True)) / x
    assert set(np.unique(flipped)) == {-1.0, 1.0}
    assert (np.ptp(flipped, axis=0) == 0).all()
    np.testing.assert_array_equal(RandomSigns()(x), x)


def test_each_graph_of_a_batch_is_read_out_by_itself():
    x, starts = np.array([[1.0], [3.0], [-2.0]], "float32"), np.array([0, 2, 2, 3], "int32")
    for kind, expected in (("sum", [4, 0, -2]), ("mean", [2, 0, -2]), ("max", [3, 0, -2])):
        np.testing.assert_allclose(np.ravel(Readout(kind)([x, starts])), expected, rtol=1e-6)
    attentive = Readout("attention")
    attentive.build(((3, 1), (4,)))
    attentive.kernel.assign([[np.log(2.0)]])  # scores log 2, 3 log 2: shares 1/5 and 4/5
    np.testing.assert_allclose(np.ravel(attentive([x, starts])), [0.2 * 1 + 0.8 * 3, 0, -2], rtol=1e-5)
    symbolic = readout(keras.Input((7,)), keras.Input((), dtype="int32"), "mean")
    assert symbolic.shape == (None, 7)
