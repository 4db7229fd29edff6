"""Heads: shapes, precision, probabilities worked by hand, and what they refuse."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from arch.heads import HEADS, PROBABILITIES, binary, multi_class, multi_label, regression

OUTPUTS = {"binary": 1, "multi_class": 5, "multi_label": 3, "regression": 2}


@pytest.mark.parametrize("name", HEADS)
def test_a_head_is_one_dense_layer_with_a_stable_name(name):
    features = keras.Input((7,))
    made = keras.Model(features, HEADS[name](features, OUTPUTS[name]))
    assert made.output_shape == (None, OUTPUTS[name])
    assert made.count_params() == 8 * OUTPUTS[name]
    assert made.layers[-1].name == ("values" if name == "regression" else "logits")


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_heads_end_in_float32_under_mixed_precision(name, policy):
    keras.config.set_dtype_policy(policy)
    try:
        inputs = keras.Input((7,))
        features = keras.layers.Dense(3)(inputs)
        made = keras.Model(inputs, HEADS[name](features, OUTPUTS[name]))
    finally:
        keras.config.set_dtype_policy("float32")
    assert features.dtype == policy.removeprefix("mixed_")
    assert made.output.dtype == "float32"
    assert keras.backend.standardize_dtype(made(np.ones((2, 7), "float32")).dtype) == "float32"


def test_binary_probabilities_are_those_of_both_classes():
    found = PROBABILITIES["binary"](np.array([[0.0], [np.log(3.0)]], "float32"))
    np.testing.assert_allclose(found, [[0.5, 0.5], [0.25, 0.75]], rtol=1e-6)


def test_a_small_binary_probability_does_not_vanish_beside_one():
    found = np.asarray(PROBABILITIES["binary"](np.array([[30.0]], "float32")))
    np.testing.assert_allclose(found[0, 0], np.exp(-30.0), rtol=1e-5)


def test_multi_class_probabilities_sum_to_one():
    found = PROBABILITIES["multi_class"](np.log(np.array([[1.0, 2.0, 5.0]], "float32")))
    np.testing.assert_allclose(found, [[0.125, 0.25, 0.625]], rtol=1e-6)


def test_multi_label_probabilities_are_each_by_themselves():
    found = PROBABILITIES["multi_label"](np.array([[0.0, -np.log(3.0), np.log(3.0)]], "float32"))
    np.testing.assert_allclose(found, [[0.5, 0.25, 0.75]], rtol=1e-6)


def test_values_have_no_probabilities():
    assert set(PROBABILITIES) == set(HEADS) - {"regression"}


@pytest.mark.parametrize(
    ("head", "outputs"), [(binary, 2), (binary, 0), (multi_class, 1), (multi_label, 0), (regression, 0)]
)
def test_impossible_outputs_are_refused(head, outputs):
    with pytest.raises(ValueError, match=rf"^{head.__name__}: outputs must be .+, got {outputs}$"):
        head(keras.Input((7,)), outputs)


@pytest.mark.parametrize("name", HEADS)
def test_features_that_are_no_vector_are_refused(name):
    with pytest.raises(ValueError, match=rf"^{name}: features must be \(batch, features\), got \(None, 7, 3\)$"):
        HEADS[name](keras.Input((7, 3)), OUTPUTS[name])
