"""Laws of every graph builder in each of its ways: symmetry, edges as a multiset, direction, words, twins."""

from __future__ import annotations

from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf

import arch
from arch.kernels import portable
from tests.laws.graphs import WAYS, as_words, build, random_graph, relabelled, with_edges

every_way = pytest.mark.parametrize("way", WAYS)
unordered = pytest.mark.parametrize("way", [way for way in WAYS if "lstm" not in way])  # an lstm reads one by one
# float32 sums of some ten terms in another order, through up to three layers
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


@cache
def model(way):
    return build(way)


def answer(way, graph):
    return np.asarray(model(way)(graph))


def test_every_graph_builder_has_a_way():
    assert {name for name, _ in WAYS.values()} == arch.GRAPHS


@every_way
def test_renaming_the_nodes_renames_the_answers(way):
    graph, order = random_graph(), np.random.default_rng(3).permutation(13)
    np.testing.assert_allclose(answer(way, relabelled(graph, order)), answer(way, graph)[order], **CLOSE)


@unordered
def test_the_order_of_the_edges_does_not_matter(way):
    graph = random_graph()
    by_target = np.lexsort((graph["edges"][:, 0], graph["edges"][:, 1]))
    np.testing.assert_allclose(answer(way, with_edges(graph, by_target)), answer(way, graph), **CLOSE)


@every_way
def test_an_edge_of_weight_zero_is_no_edge(way):
    graph = random_graph()
    graph["weights"][5:11] = 0.0
    without = with_edges(graph, [*range(5), *range(11, 37)])
    np.testing.assert_allclose(answer(way, graph), answer(way, without), **CLOSE)


@unordered
def test_an_edge_that_stands_twice_is_an_edge_of_twice_the_weight(way):
    twice = with_edges(random_graph(), [*range(37), 3, 19])
    heavier = random_graph()
    heavier["weights"][[3, 19]] *= 2.0
    np.testing.assert_allclose(answer(way, twice), answer(way, heavier), **CLOSE)


@every_way
def test_an_isolated_node_answers_by_itself(way):
    graph = random_graph()
    apart = with_edges(graph, ~(graph["edges"] == 4).any(1))
    alone = relabelled(with_edges(graph, []), [4])
    np.testing.assert_allclose(answer(way, apart)[4], answer(way, alone)[0], **CLOSE)
    assert np.isfinite(answer(way, apart)).all()


@every_way
def test_what_a_source_knows_reaches_its_targets_and_nobody_against_an_edge(way):
    graph = random_graph(nodes=3, edges=3)
    graph["edges"][:] = [[0, 1], [1, 2], [2, 2]]
    before = answer(way, graph)
    graph["features"][1] += 1.0
    moved = np.abs(answer(way, graph) - before).max(1) > 1e-4
    assert not moved[0]
    assert moved[2]


@every_way
def test_a_graph_without_edges_and_a_single_node_are_answered(way):
    graph = random_graph()
    assert np.isfinite(answer(way, with_edges(graph, []))).all()
    assert answer(way, relabelled(with_edges(graph, []), [2])).shape == (1, 3)


@every_way
def test_words_give_what_the_full_matrix_gives(way):
    graph = random_graph()
    graph["features"][graph["features"] < 0.3] = 0.0
    sparse = build(way, words=True)
    sparse.set_weights([np.asarray(weight) for weight in model(way).weights])
    np.testing.assert_allclose(sparse(as_words(graph)), answer(way, graph), **CLOSE)


@every_way
def test_kernels_and_their_twins_give_the_same_answers_and_gradients(way):
    graph = {name: tf.constant(value) for name, value in random_graph().items()}
    floats = ["features", "weights"]

    def outcome():
        with tf.GradientTape() as tape:
            tape.watch([graph[name] for name in floats])
            y = model(way)(graph)
            loss = tf.reduce_sum(y * tf.constant(np.random.default_rng(3).normal(size=y.shape), tf.float32))
        sources = [*(graph[name] for name in floats), *(w.value for w in model(way).trainable_variables)]
        found = [y, *tape.gradient(loss, sources, unconnected_gradients="zero")]
        return [np.asarray(tf.convert_to_tensor(value)) for value in found]

    fast = outcome()
    with portable():
        plain = outcome()
    for one, other in zip(fast, plain, strict=True):
        # gradients of sums over all nodes: some hundred terms
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


@every_way
def test_logits_are_float32_in_half_precision(way):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = build(way)
    finally:
        keras.config.set_dtype_policy("float32")
    assert half.output.dtype == "float32"
    assert np.isfinite(np.asarray(half(random_graph()))).all()


@every_way
def test_a_tensor_in_place_of_a_graph_is_refused(way):
    name, options = WAYS[way]
    with pytest.raises(ValueError, match=rf"^{name}: inputs must be an arch.graph.Graph, got KerasTensor"):
        arch.builder(name)(keras.Input((7,)), **options)


def test_random_parts_act_in_training_alone_and_differ_from_step_to_step():
    for way in ("gat", "graphsage lstm", "grand", "appnp"):
        rates = {} if "lstm" in way else {"dropout": 0.5}
        dropping, graph = build(way, **rates), random_graph()
        first, second = (np.asarray(dropping(graph, training=True)) for _ in range(2))
        assert np.abs(first - second).max() > 1e-3, way
        np.testing.assert_array_equal(dropping(graph), dropping(graph))
