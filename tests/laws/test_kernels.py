"""Kernels equal their portable twins. Run as a script, this file checks two replicas against one (see below)."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from arch.kernels import BatchNormalization, portable

SHAPES = {3: (5, 7, 3), 4: (5, 7, 11, 3)}
# Two float32 sums over at most 385 rows taken in different order.
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


def filled(shape, **options):
    """A built layer whose four weights are all unlike their starting values."""
    layer = BatchNormalization(**options)
    layer.build(shape)
    numbers = np.random.default_rng(2)
    layer.set_weights([numbers.uniform(0.5, 2.0, weight.shape) for weight in layer.weights])
    return layer


def data(shape, seed=1):
    """Values far from mean 0 and deviation 1."""
    return tf.constant(np.random.default_rng(seed).normal(2.0, 3.0, shape), tf.float32)


def outcome(layer, x, *, training, graph=False, mask=None):
    """Output, gradients by x and by the trainable weights, and the moving averages afterwards."""

    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=training, mask=mask)
            loss = tf.reduce_sum(tf.cast(y, tf.float32) * data(y.shape, seed=3))
        return y, *tape.gradient(loss, [x, *layer.trainable_variables])

    found = tf.function(step)(x) if graph else step(x)
    return [np.asarray(value, "float32") for value in (*found, *layer.non_trainable_variables)]


def assert_twins(shape, x, *, tolerance=CLOSE, options=None, **how):
    """The same values, gradients and moving averages from both paths."""
    fused = outcome(filled(shape, **(options or {})), x, **how)
    with portable():
        plain = outcome(filled(shape, **(options or {})), x, **how)
    for one, other in zip(fused, plain, strict=True):
        np.testing.assert_allclose(one, other, **tolerance)


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("rank", [3, 4])
def test_fused_batch_norm_equals_its_portable_twin(rank, training, graph):
    assert_twins(SHAPES[rank], data(SHAPES[rank]), training=training, graph=graph)


@pytest.mark.parametrize("options", [{"scale": False}, {"center": False}, {"momentum": 0.3, "epsilon": 0.5}])
def test_the_twins_agree_on_every_option(options):
    assert_twins(SHAPES[4], data(SHAPES[4]), training=True, options=options)


# The output is rounded once to 11 or 8 bits, the cotangent sums in half precision are not: one unit in the last place.
@pytest.mark.parametrize(("dtype", "ulp"), [("float16", 2e-3), ("bfloat16", 1.6e-2)])
@pytest.mark.parametrize("training", [False, True])
def test_the_twins_agree_in_half_precision(dtype, ulp, training):
    x = tf.cast(data(SHAPES[4]), dtype)
    how = {"training": training, "options": {"dtype": f"mixed_{dtype}"}}
    assert_twins(SHAPES[4], x, tolerance={"rtol": 2 * ulp, "atol": 4 * ulp}, **how)


def is_fused(rank, *, training):
    """Whether a traced layer holds the fused operation."""
    layer = filled(SHAPES[rank])
    traced = tf.function(lambda x: layer(x, training=training)).get_concrete_function(data(SHAPES[rank]))
    return "FusedBatchNormV3" in {operation.type for operation in traced.graph.get_operations()}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("rank", [3, 4])
def test_the_fused_operation_runs_unless_the_twin_is_forced(rank, training):
    assert is_fused(rank, training=training)
    with portable():
        assert not is_fused(rank, training=training)
    assert is_fused(rank, training=training)


def test_a_deterministic_gpu_gets_the_twin_at_inference_where_the_kernel_has_no_gradient(monkeypatch):
    # TensorFlow: "A deterministic GPU implementation of fused batch-norm backprop, when training is disabled, is not
    # currently available." Without a GPU only the choice can be checked.
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"a {kind}"])
    config = import_module("tensorflow.python.framework.config")
    monkeypatch.setattr(config, "is_op_determinism_enabled", lambda: True)
    assert not is_fused(4, training=False)
    assert is_fused(4, training=True)


def test_moving_averages_take_the_biased_variance():
    layer = BatchNormalization(momentum=0.9)
    y = layer(tf.constant([[[1.0], [3.0]]]), training=True)  # mean 2, biased variance 1, unbiased 2
    np.testing.assert_allclose(y, [[[-1.0], [1.0]]], rtol=1e-5)  # epsilon is 1e-5
    np.testing.assert_allclose(layer.moving_mean, [0.2], rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance, [1.0], rtol=1e-6)  # 0.9 * 1 + 0.1 * 1


def test_a_single_row_has_variance_zero():
    layer = BatchNormalization(momentum=0.5)
    y = layer(tf.constant([[[7.0]]]), training=True)
    np.testing.assert_array_equal(y, [[[0.0]]])
    np.testing.assert_allclose([layer.moving_mean[0], layer.moving_variance[0]], [3.5, 0.5], rtol=1e-6)


def test_masked_steps_count_in_no_statistic():
    layer, twin = filled((5, 7, 3)), filled((1, 13, 3))
    x, mask = data((5, 7, 3)), np.arange(7) < np.array([[1], [2], [3], [0], [7]])
    y = layer(x, training=True, mask=tf.constant(mask))
    kept = twin(x[mask][None], training=True)
    np.testing.assert_allclose(y[mask], kept[0], **CLOSE)
    for one, other in zip(layer.weights, twin.weights, strict=True):
        np.testing.assert_allclose(one, other, **CLOSE)


def test_a_frozen_layer_normalizes_by_its_moving_averages_and_keeps_them():
    layer = filled(SHAPES[4])
    layer.trainable = False
    before = [np.array(weight) for weight in layer.weights]
    x = data(SHAPES[4])
    np.testing.assert_array_equal(layer(x, training=True), layer(x, training=False))
    for was, weight in zip(before, layer.weights, strict=True):
        np.testing.assert_array_equal(was, weight)


@pytest.mark.parametrize("shape", [(11, 3), (5, 2, 3, 7, 3)])
def test_ranks_without_a_kernel_are_normalized_too(shape):
    layer = BatchNormalization()
    y = np.asarray(layer(data(shape), training=True)).reshape(-1, 3)
    np.testing.assert_allclose(y.mean(0), 0.0, atol=1e-5)
    np.testing.assert_allclose(y.std(0), 1.0, rtol=1e-4)


def test_two_replicas_follow_one():
    # Logical devices can only be made before TensorFlow starts, so this check has a process of its own.
    here = Path(__file__).resolve()
    environment = os.environ | {"PYTHONPATH": str(here.parents[2]), "TF_CPP_MIN_LOG_LEVEL": "2"}
    done = subprocess.run([sys.executable, here], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "two replicas follow one: 6 cases" in done.stdout


def replicas_outcome(strategy, layer, parts, cotangents, masks):
    """What `outcome` gives, from a batch that lies in parts on the replicas."""

    def step(x, cotangent, mask):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True, mask=mask)
            loss = tf.reduce_sum(y * cotangent)
        by_x, *by_weights = tape.gradient(loss, [x, *layer.trainable_variables])
        total = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, by_weights)
        return y, by_x, total

    def spread(values):
        if values is None:
            return None
        return strategy.experimental_distribute_values_from_function(
            lambda place: values[place.replica_id_in_sync_group]
        )

    run = tf.function(lambda x, c, m: strategy.run(step, args=(x, c, m)))
    y, by_x, by_weights = run(spread(parts), spread(cotangents), spread(masks))
    local = strategy.experimental_local_results
    joined = [np.concatenate([np.asarray(part) for part in local(value)]) for value in (y, by_x)]
    averages = [local(weight.value)[0] for weight in layer.non_trainable_variables]
    return [*joined, *(np.asarray(local(value)[0]) for value in by_weights), *map(np.asarray, averages)]


def check_two_replicas():
    """Equal and unequal parts, an empty one, each with and without a mask: the same as the whole batch at once."""
    device = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    cases = 0
    for first in (6, 4, 11):
        for masked in (False, True):
            x, cotangent = data((11, 7, 3)), data((11, 7, 3), seed=3)
            mask = tf.constant(np.random.default_rng(5).random((11, 7)) < 0.6) if masked else None
            one = outcome(filled((11, 7, 3)), x, training=True, mask=mask)
            with strategy.scope():
                layer = filled((11, 7, 3))
            split = [(part[:first], part[first:]) if part is not None else None for part in (x, cotangent, mask)]
            for alone, together in zip(one, replicas_outcome(strategy, layer, *split), strict=True):
                np.testing.assert_allclose(together, alone, **CLOSE)
            cases += 1
    print(f"two replicas follow one: {cases} cases")


if __name__ == "__main__":
    keras.utils.set_random_seed(1)
    check_two_replicas()
