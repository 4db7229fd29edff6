"""Memory before training: what each layer keeps, against TensorFlow's own graph, and small models by hand."""

from __future__ import annotations

from math import prod

import keras
import pytest
from keras import layers

from arch.account import account, outline
from arch.backward import gradients, plan
from arch.kept import kept
from arch.kernels import BatchNormalization, residuals
from arch.memory import training_step
from arch.uses import uses
from arch.variants import VARIANTS, model

T, H, W, C = 7, 5, 11, 3
FLOAT = 4


def model_of(shape, *parts):
    x = inputs = keras.Input(shape, name="inputs")
    for part in parts:
        x = part(x)
    return keras.Model(inputs, x)


def last_use(*parts, shape=(H, W, C)):
    return uses(model_of(shape, *parts))[-1]


TABLE = [
    layers.Conv2D(13, 3),
    layers.Conv2D(13, 3, activation="relu"),
    layers.Conv2D(13, 3, activation="silu"),
    layers.Conv2D(13, 3, strides=2, padding="same"),
    layers.Conv2D(13, 3, dilation_rate=2, padding="same"),
    layers.DepthwiseConv2D(3),
    layers.Conv2DTranspose(2, 3),
    layers.Dense(13),
    layers.Dense(13, activation="tanh"),
    layers.BatchNormalization(),
    BatchNormalization(),
    layers.Dropout(0.3),
    layers.Dropout(0.3, noise_shape=(None, 1, 1, 1)),
    layers.ReLU(),
    *(layers.Activation(name) for name in ("relu", "relu6", "sigmoid", "tanh", "softmax", "silu", "elu", "softplus")),
    layers.Activation("gelu"),
    layers.Activation("linear"),
    layers.MaxPooling2D(2),
    layers.AveragePooling2D(2),
    layers.GlobalAveragePooling2D(),
    layers.GlobalMaxPooling2D(),
    layers.ZeroPadding2D(1),
    layers.UpSampling2D(2),
    layers.Reshape((H * W, C)),
    layers.Flatten(),
    layers.Permute((2, 1, 3)),
    layers.LayerNormalization(),
]


@pytest.mark.parametrize("layer", TABLE, ids=lambda layer: layer.name)
def test_the_table_says_what_the_backends_graph_says(layer):
    use = last_use(layer)
    inputs, output, inside = residuals(use.call, [(t.shape, t.dtype) for t in use.inputs], use.weights())
    found = kept(use, {})
    assert (found.inputs, found.output, found.inside) == (inputs, output, pytest.approx(inside))


@pytest.mark.parametrize("layer", [layers.Add(), layers.Average(), layers.Multiply(), layers.Concatenate()])
def test_the_table_knows_layers_of_two_inputs(layer):
    one, other = keras.Input((H, W, C)), keras.Input((H, W, C))
    use = uses(keras.Model([one, other], layer([one, other])))[-1]
    assert kept(use, {}).inputs == residuals(use.call, [(t.shape, t.dtype) for t in use.inputs]).inputs


def test_attention_keeps_projections_and_probabilities():
    use = last_use(layers.Identity(), SelfAttention(2, 13), shape=(T, C))
    projections, probabilities = 4 * T * 2 * 13, 2 * T * T  # queries, keys, values and what they come to
    assert kept(use, {}).inside == FLOAT * (projections + probabilities)


class SelfAttention(layers.Layer):
    """Attention of a sequence to itself, as a layer of its own that no table knows."""

    def __init__(self, heads, size, **kwargs):
        super().__init__(**kwargs)
        self.attention = layers.MultiHeadAttention(heads, size)

    def build(self, shape):
        self.attention.build(shape, shape)

    def call(self, inputs):
        return self.attention(inputs, inputs)


def small():
    """A convolution, its normalization and ReLU, a mean, a dense layer."""
    return model_of(
        (H, W, C),
        layers.Conv2D(2, 3, padding="same", name="conv"),
        BatchNormalization(name="norm"),
        layers.ReLU(name="relu"),
        layers.GlobalAveragePooling2D(name="mean"),
        layers.Dense(13, name="logits"),
    )


def test_a_small_convnet_by_hand():
    found = account(small())
    inputs, maps = H * W * C, H * W * 2
    kept_bytes = {row.name: row.activation_bytes // FLOAT for row in found.layers}
    # The convolution reads the inputs once more, the normalization what comes in, ReLU what goes out.
    assert kept_bytes == {"inputs": inputs, "conv": maps, "norm": 0, "relu": maps, "mean": 2, "logits": 0}
    memory = found.memory(17)
    parameters, averages = (9 * C * 2 + 2) + 2 * 2 + (2 * 13 + 13), 2 * 2
    assert memory.weights == FLOAT * (parameters + averages)
    assert memory.gradients == FLOAT * parameters
    assert memory.optimizer == 2 * FLOAT * parameters
    assert memory.activations == 17 * FLOAT * (inputs + 2 * maps + 2)
    # At its fullest, the gradient comes back through ReLU: everything but the dense layer's input is held still.
    fullest = 17 * FLOAT * (inputs + 2 * maps + 2 * maps)
    assert memory.peak == fullest + 4 * FLOAT * parameters + FLOAT * averages + 2 * FLOAT * 9 * C * 2


def test_half_precision_keeps_half_and_full_inputs_beside_their_copy():
    full, half = (account(small()).memory(17, half=half) for half in (False, True))
    inputs = 17 * FLOAT * H * W * C
    assert half.activations - inputs == full.activations // 2
    assert half.weights == full.weights + full.gradients // 2


@pytest.mark.parametrize(("optimizer", "ema", "states"), [("adamw", False, 2), ("sgd", False, 1), ("adamw", True, 3)])
def test_optimizers_hold_their_states(optimizer, ema, states):
    memory = account(small()).memory(1, optimizer=optimizer, ema=ema)
    assert memory.optimizer == states * memory.gradients


def test_gradients_of_accumulated_parts_wait_for_the_next():
    whole, parts = (account(small()).memory(8, accumulate=pieces) for pieces in (1, 4))
    assert parts.gradients == 2 * whole.gradients
    assert parts.peak - whole.peak == whole.gradients


def test_the_largest_batch_is_the_last_that_fits():
    step = training_step(uses(small()))
    for limit in (2**20, 12_345_678):
        batch = step.largest_batch(limit)
        assert step.memory(batch).peak <= limit < step.memory(batch + 1).peak
    assert step.largest_batch(step.fixed) == 0
    assert step.largest_batch(100) == 0


def test_a_reshaped_value_and_one_that_two_layers_read_are_kept_once():
    inputs = keras.Input((H, W, C), name="inputs")
    x = layers.Conv2D(2, 1, name="conv")(inputs)
    x = layers.Reshape((H * W, 2), name="view")(x)
    joined = layers.Add()([layers.Dense(2, name="one")(x), layers.Dense(2, name="other")(x)])
    found = {row.name: row.activation_bytes for row in account(keras.Model(inputs, joined)).layers}
    assert found["conv"] == FLOAT * H * W * 2
    assert found["view"] == found["one"] == found["other"] == 0


def test_nothing_is_kept_where_nothing_learns():
    made = small()
    for layer in made.layers[:-1]:
        layer.trainable = False
    found = {row.name: row.activation_bytes for row in account(made).layers}
    assert {name for name, size in found.items() if size} == {"inputs", "mean"}
    assert [piece.inputs for piece in plan(uses(made), half=False).pieces] == [()]


def test_gradients_that_wait_at_a_shortcut_are_held():
    inputs = keras.Input((T, C))
    stem = layers.Dense(2)(inputs)
    x = layers.Dense(3)(layers.Dense(5)(stem))
    made = keras.Model(inputs, layers.Dense(1)(layers.Add()([stem, layers.Dense(2)(x)])))
    found = gradients(plan(uses(made), half=False))[::-1]
    # On the way back: the sum's gradient, 2 wide, is made; both sides share it; it waits for the stem while the other
    # side's gradients, 3 and 5 wide, and at last the stem's second part are made.
    assert [size / (FLOAT * T) for size in found] == [2, 2, 2 + 3, 2 + 3 + 5, 2 + 5 + 2, 2]


def chain(depth):
    return model_of((T, C), *(layers.Dense(C, activation="tanh", name=f"layer{i}") for i in range(depth)))


def test_checkpointing_keeps_about_the_root_of_the_depth():
    found = uses(chain(100))
    plain, segments = (training_step(found, checkpointed=way) for way in (False, True))
    value = FLOAT * T * C
    assert plain.kept == 101 * value
    assert 2 * 10 * value <= segments.kept <= 2.5 * 10 * value  # ten segments of ten, and what stands between them
    assert training_step(uses(chain(2)), checkpointed=True).kept <= training_step(uses(chain(2))).kept


@pytest.mark.parametrize("name", ["cifar_resnet20", "densenet_bc100_12", "vit_ti16"])
def test_published_networks_gain_by_checkpointing_and_by_half_precision(name):
    found = uses(outline(lambda: model(VARIANTS[name])))
    plain, half, segments = (
        training_step(found, **options) for options in ({}, {"half": True}, {"checkpointed": True})
    )
    assert segments.busiest < 0.6 * plain.busiest
    assert 0.4 * plain.kept < half.kept < 0.7 * plain.kept


def test_recurrent_layers_keep_their_steps():
    one, both = (
        kept(last_use(layer, shape=(T, C)), {}) for layer in (layers.GRU(5), layers.Bidirectional(layers.GRU(5)))
    )
    assert both.inside == 2 * one.inside
    assert one.inside % (FLOAT * T * 5) == 0


def test_a_mixture_of_dtypes_counts_its_bytes():
    embedded = account(model_of((T,), layers.Embedding(13, 5), layers.Dense(2)))
    assert embedded.layers[0].activation_bytes == FLOAT * T
    assert embedded.layers[1].activation_bytes == FLOAT * prod((T, 5))
