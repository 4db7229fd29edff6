"""Sparse kernels equal their twins, values and gradients, in every order and width; and the other backend agrees."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from arch.kernels import gather, heads_product, portable, segment_max, segment_sum, sparse_product
from tests.laws.graphs import build, random_graph

# float32 sums of at most some ten terms in another order
CLOSE = {"rtol": 1e-4, "atol": 1e-5}
NARROW, WIDE = 3, 37  # below and above the width where products change their way; 37 is no multiple of a packet
ON_JAX = ("gat", "graphsage lstm", "grand")


def pairs(entries, order, rows=7, columns=5):
    """Random index pairs, in random order or by row; some stand twice."""
    numbers = np.random.default_rng(entries)
    found = np.stack([numbers.integers(0, rows, entries), numbers.integers(0, columns, entries)], 1).astype("int32")
    return found[np.lexsort((found[:, 1], found[:, 0]))] if order == "sorted" else found


def numbers(*shape, seed=1):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), tf.float32)


def outcome(function, *inputs):
    """The value and its gradients by all inputs."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        y = function(*inputs)
        loss = tf.reduce_sum(y * numbers(*y.shape, seed=3))
    return [np.asarray(tf.convert_to_tensor(value)) for value in (y, *tape.gradient(loss, inputs))]


def assert_twins(function, *inputs):
    """Eagerly and as a graph of its own."""
    with portable():
        plain = outcome(function, *inputs)
    for way in (function, tf.function(function)):
        for one, other in zip(outcome(way, *inputs), plain, strict=True):
            np.testing.assert_allclose(one, other, **CLOSE)


cases = pytest.mark.parametrize(
    ("entries", "order", "features"),
    [(e, o, f) for e in (0, 37) for o in ("sorted", "random") for f in (NARROW, WIDE)],
)


@cases
@pytest.mark.parametrize("transposed", [False, True])
def test_sparse_products_equal_their_twin(entries, order, features, transposed):
    indices, (rows, columns) = pairs(entries, order), (5, 7) if transposed else (7, 5)
    product = lambda v, x: sparse_product(indices, v, x, rows, transposed=transposed)  # noqa: E731
    assert_twins(product, numbers(entries), numbers(columns, features))


@cases
def test_products_of_several_heads_equal_their_twin(entries, order, features):
    edges = pairs(entries, order, 7, 7)[:, ::-1].copy()
    assert_twins(lambda v, x: heads_product(edges, v, x), numbers(entries, 2), numbers(7, 2, features))


@cases
def test_sums_and_maxima_over_segments_and_choices_of_rows_equal_their_twins(entries, order, features):
    segments = pairs(entries, order)[:, 0]
    assert_twins(lambda v: segment_sum(v, segments, 11), numbers(entries, features))
    assert_twins(lambda v: segment_sum(v, segments, 11), numbers(entries))
    assert_twins(lambda v: segment_max(v, segments, 11), numbers(entries, features))
    assert_twins(lambda x: gather(x, segments), numbers(11, features))


def test_a_sparse_product_by_hand():
    indices, values = np.array([[0, 1], [2, 0], [0, 1]], "int32"), tf.constant([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(
        sparse_product(indices, values, tf.constant([[1.0], [10.0]]), 3), [[40.0], [0.0], [2.0]]
    )
    across = sparse_product(indices, values, tf.constant([[1.0], [10.0], [100.0]]), 2, transposed=True)
    np.testing.assert_array_equal(across, [[200.0], [4.0]])


def test_maxima_share_their_gradient_among_ties_and_empty_segments_are_zero():
    segments, values = np.array([0, 0, 2, 2], "int32"), tf.constant([-1.0, -1.0, -5.0, -2.0])
    for way in (portable, nullcontext):
        with way():
            y, by_values = outcome(lambda v: segment_max(v, segments, 4), values)
        np.testing.assert_array_equal(y, [-1.0, 0.0, -2.0, 0.0])
        share = np.asarray(numbers(4, seed=3))
        np.testing.assert_allclose(by_values, [share[0] / 2, share[0] / 2, 0.0, share[2]], rtol=1e-6)


def test_half_precision_is_summed_in_float32():
    ones = tf.ones([1001, 1], tf.bfloat16)  # whose own sums end at 256
    assert float(segment_sum(ones, np.zeros(1001, "int32"), 1)[0, 0]) == 1000.0  # 1001 in 8 bits
    indices = np.stack([np.zeros(1001), np.arange(1001)], 1).astype("int32")
    assert float(sparse_product(indices, ones[:, 0], ones, 1)[0, 0]) == 1000.0


def operations(function, *inputs, **options):
    """The kinds of operations in a traced function and in what it calls."""
    graph = tf.function(function, **options).get_concrete_function(*inputs).graph.as_graph_def()
    inner = (node.op for part in graph.library.function for node in part.node_def)
    return {node.op for node in graph.node} | set(inner)


@pytest.mark.parametrize(("features", "kind"), [(NARROW, "SparseTensorDenseMatMul"), (WIDE, "SparseMatrixMatMul")])
def test_the_kernels_run_unless_the_twins_are_forced_or_xla_compiles(features, kind):
    product = lambda v, x: sparse_product(pairs(37, "sorted"), v, x, 7)  # noqa: E731
    inputs = numbers(37), numbers(5, features)
    assert kind in operations(product, *inputs)
    assert kind not in operations(product, *inputs, jit_compile=True)
    with portable():
        assert kind not in operations(product, *inputs)


def test_a_saved_model_answers_graphs_of_any_size(tmp_path):
    model = build("gcn", widths=(WIDE,))
    specs = [tf.TensorSpec(x.shape, x.dtype, name) for name, x in model.input.items()]
    held = tf.Module()
    held.model = model
    held.answer = tf.function(lambda *graph: model(dict(zip(model.input, graph, strict=True))), input_signature=specs)
    tf.saved_model.save(held, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    for nodes, edges in ((13, 37), (5, 0)):
        graph = {name: tf.constant(value) for name, value in random_graph(nodes, edges).items()}
        np.testing.assert_allclose(loaded.answer(*(graph[name] for name in model.input)), model(graph), **CLOSE)


def test_jax_compiles_the_same_functions(tmp_path):
    # A process has one backend, so this check has a process of its own.
    known = {}
    for way in ON_JAX:
        model = build(way)
        known |= {f"{way}/{index}": np.asarray(weight) for index, weight in enumerate(model.weights)}
        known[f"{way}/y"] = np.asarray(model(random_graph()))
    np.savez(tmp_path / "known.npz", **known)
    here = Path(__file__).resolve()
    environment = os.environ | {"PYTHONPATH": str(here.parents[2]), "KERAS_BACKEND": "jax"}
    command = [sys.executable, here, tmp_path / "known.npz"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"jax: {len(ON_JAX)} ways" in done.stdout


def check_jax(file):
    """Compiled by JAX, with TensorFlow's weights, the networks answer what they answer there."""
    import jax

    known = np.load(file)
    for way in ON_JAX:
        model = build(way)
        weights = [known[f"{way}/{index}"] for index in range(len(model.weights))]
        model.set_weights(weights)
        state = [[v.value for v in vs] for vs in (model.trainable_variables, model.non_trainable_variables)]
        answer = jax.jit(lambda state, graph, model=model: model.stateless_call(*state, graph)[0])
        np.testing.assert_allclose(answer(state, random_graph()), known[f"{way}/y"], **CLOSE)
    print(f"jax: {len(ON_JAX)} ways")


if __name__ == "__main__":
    check_jax(sys.argv[1])
