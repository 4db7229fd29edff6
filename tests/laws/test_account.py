"""The account: each rule by hand on a layer of prime sizes, then models that share, nest and wrap."""

from __future__ import annotations

import json

import keras
import pytest
from keras import layers, ops

from arch.account import account, outline

T, H, W, C = 7, 5, 11, 3


def model_of(shape, *parts):
    inputs = keras.Input(shape, name="inputs")
    x = inputs
    for part in parts:
        x = part(x)
    return keras.Model(inputs, x)


COUNTED = [
    (layers.Conv1D(2, 5, strides=2, padding="same"), (T, C), 4 * 5 * C * 2),
    (layers.Conv1D(2, 3, dilation_rate=2, padding="causal"), (T, C), T * 3 * C * 2),
    (layers.Conv2D(13, 3, padding="valid"), (H, W, C), 3 * 9 * 9 * C * 13),
    (layers.Conv2D(6, 3, groups=C, padding="same"), (H, W, C), H * W * 9 * 1 * 6),
    (layers.Conv3D(2, 2, padding="same"), (H, W, T, C), H * W * T * 8 * C * 2),
    (layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), (H, W, C), H * W * 9 * C * 2),
    (layers.SeparableConv2D(13, 3, padding="same"), (H, W, C), H * W * (9 * C + C * 13)),
    (layers.Conv2DTranspose(2, 3, strides=2, padding="same"), (H, W, C), H * W * 9 * C * 2),
    (layers.Dense(13), (T, C), T * C * 13),
    (layers.EinsumDense("abc,cde->abde", output_shape=(T, 2, 13)), (T, C), T * C * 2 * 13),
    (layers.SimpleRNN(5), (T, C), T * (C * 5 + 5 * 5)),
    (layers.LSTM(5), (T, C), T * 4 * (C * 5 + 5 * 5)),
    (layers.GRU(5), (T, C), T * 3 * (C * 5 + 5 * 5)),
    (layers.Bidirectional(layers.LSTM(5)), (T, C), 2 * T * 4 * (C * 5 + 5 * 5)),
    (layers.TimeDistributed(layers.Conv1D(2, 5, padding="same")), (T, W, C), T * W * 5 * C * 2),
    (layers.RNN(layers.GRUCell(5)), (T, C), T * 3 * (C * 5 + 5 * 5)),
    (layers.Embedding(13, 5), (T,), 0),
    (layers.BatchNormalization(), (T, C), 0),
    (layers.LayerNormalization(), (T, C), 0),
]


@pytest.mark.parametrize(("layer", "shape", "expected"), COUNTED, ids=lambda value: getattr(value, "name", None))
def test_multiply_adds_of_a_layer(layer, shape, expected):
    found = account(model_of(shape, layer))
    assert found.multiply_adds == expected
    assert found.uncounted == ()


def test_multiply_adds_of_attention_count_projections_and_products():
    query, value = keras.Input((T, 5)), keras.Input((W, C))
    mask = keras.Input((T, W), dtype="bool")
    attended = layers.MultiHeadAttention(2, key_dim=13, value_dim=17)(query, value, attention_mask=mask)
    projections = 2 * (T * 5 * 13 + W * C * 13 + W * C * 17 + T * 17 * 5)
    products = 2 * (T * W * 13 + T * W * 17)
    found = account(keras.Model([query, value, mask], attended))
    assert found.multiply_adds == projections + products


def test_products_outside_of_layers_are_counted():
    left, right = keras.Input((T, C)), keras.Input((C, W))
    assert account(keras.Model([left, right], ops.matmul(left, right))).multiply_adds == T * C * W
    contracted = ops.einsum("btc,bcw->btw", left, right)
    assert account(keras.Model([left, right], contracted)).multiply_adds == T * C * W


def test_moving_averages_are_not_trainable():
    found = account(model_of((T, C), layers.BatchNormalization(), layers.Dropout(0.5)))
    assert (found.parameters, found.frozen, found.buffers, found.parameters_total) == (2 * C, 0, 2 * C, 4 * C)


def test_a_frozen_layer_has_no_trainable_parameters_and_its_averages_stay_buffers():
    made = model_of((T, C), layers.Dense(5), layers.BatchNormalization())
    for layer in made.layers:
        layer.trainable = False
    found = account(made)
    assert (found.parameters, found.frozen, found.buffers) == (0, C * 5 + 5 + 2 * 5, 2 * 5)


def test_an_outline_holds_no_weights_and_is_counted_alike():
    def build():
        return model_of((T, C), layers.Conv1D(5, 3), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(2))

    bare = outline(build)
    assert all(weight._value is None for weight in bare.weights)
    names = [row.name for row in account(bare).layers]
    rows = [dict(row.__dict__, name="") for row in account(bare).layers]
    assert rows == [dict(row.__dict__, name="") for row in account(build()).layers]
    assert len(set(names)) == len(names)


def test_a_shared_layer_works_twice_and_holds_its_weights_once():
    shared = layers.Dense(C)
    found = account(model_of((T, C), shared, shared))
    assert found.parameters == C * C + C
    assert found.multiply_adds == 2 * T * C * C


def test_a_layer_used_elsewhere_is_counted_for_this_model_alone():
    shared = layers.Dense(C)
    model_of((W, C), shared)
    assert account(model_of((T, C), shared)).multiply_adds == T * C * C


@pytest.mark.parametrize("kind", ["functional", "sequential"])
def test_nested_models_are_walked(kind):
    dense = [layers.Dense(5, name="first"), layers.Dense(2, name="second")]
    inner = model_of((T, C), *dense) if kind == "functional" else keras.Sequential(dense)
    inner.name = "inner"
    found = account(model_of((T, C), inner, layers.Dense(1, name="last")))
    assert {"inner/first", "inner/second", "last"} <= {row.name for row in found.layers}
    assert found.multiply_adds == T * (C * 5 + 5 * 2 + 2)
    assert found.parameters == (C * 5 + 5) + (5 * 2 + 2) + 3


class Outer(layers.Layer):
    """Holds a matrix; a subclass may say what it takes."""

    def build(self, shape):
        self.matrix = self.add_weight(shape=(shape[-1], 2))

    def call(self, inputs):
        return inputs @ self.matrix


class Told(Outer):
    def multiply_adds(self, input_shape):
        assert input_shape == (None, T, C)
        return 42


def test_a_custom_layer_tells_what_it_takes():
    assert account(model_of((T, C), Told())).multiply_adds == 42


def test_a_custom_layer_that_does_not_tell_is_named_and_not_taken_for_free():
    found = account(model_of((T, C), layers.Dense(C), Outer(name="silent")))
    assert found.uncounted == ("silent",)
    assert found.multiply_adds == T * C * C
    assert "?" in found.as_table()


def test_json_holds_totals_and_rows():
    found = json.loads(json.dumps(account(model_of((T, C), layers.Dense(5, name="dense"))).as_json()))
    assert found["parameters"] == found["parameters_total"] == 20
    assert (found["multiply_adds"], found["flops"]) == (T * C * 5, 2 * T * C * 5)
    assert found["layers"][1] == {
        "name": "dense",
        "kind": "Dense",
        "output_shape": [T, 5],
        "trainable": 20,
        "frozen": 0,
        "buffers": 0,
        "multiply_adds": T * C * 5,
        "activation_bytes": 0,
        "receptive_field": [1],
    }


def test_the_table_has_a_line_a_layer_and_a_line_of_totals():
    lines = account(model_of((T, C), layers.Dense(500, name="dense"))).as_table().splitlines()
    assert [line.split()[0] for line in lines] == ["layer", "inputs", "dense", "total"]
    assert lines[-1].split() == ["total", "2,000", "0", "10,500", "84"]


def test_unknown_sizes_and_models_without_a_graph_are_refused():
    with pytest.raises(ValueError, match=r"^account: inputs must have known sizes, got \(None, None, 3\)"):
        account(model_of((None, C), layers.Dense(5)))
    with pytest.raises(ValueError, match=r"^account: hidden must have a known output size, got \(\(None, 5\),\)"):
        account(model_of((T, C), layers.EinsumDense("abc,cd->abd", output_shape=(None, 5), name="hidden")))
    with pytest.raises(ValueError, match=r"^account: model must be functional or sequential, got Bare"):
        account(type("Bare", (keras.Model,), {})())
