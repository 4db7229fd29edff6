"""Laws of layers that see a neighbourhood but are no ordinary convolutions: deformable, untied, dilated, patches."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from arch.deformable import DeformableConv, deformable_cnn
from arch.dilated import dilated_cnn
from arch.inverted import ChannelShares
from arch.untied import LocallyConnected, locally_connected
from arch.vit import ClassToken, TakeToken, vit
from tests.laws.networks import ROUNDING, network, numbers

CONVOLUTIONS = {1: keras.layers.Conv1D, 2: keras.layers.Conv2D, 3: keras.layers.Conv3D}
SIDES = {1: (11,), 2: (7, 5), 3: (5, 3, 2)}


def built(layer, shape):
    keras.utils.set_random_seed(2)
    layer.build(shape)
    return layer


def same_convolution(kernel, strides=1):
    """Keras' convolution with this kernel (a size an axis, channels, filters)."""
    layer = CONVOLUTIONS[kernel.ndim - 2](
        kernel.shape[-1], kernel.shape[0], strides=strides, padding="same", use_bias=False
    )
    layer.build((None, *(None,) * (kernel.ndim - 2), kernel.shape[-2]))
    layer.kernel.assign(kernel)
    return layer


@pytest.mark.parametrize("size", [3, 2])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_deformable_convolution_without_offsets_is_a_convolution(rank, size):
    x = numbers((2, *SIDES[rank], 3))
    layer = built(DeformableConv(5, size), x.shape)
    np.testing.assert_allclose(layer(x), same_convolution(layer.kernel.numpy())(x), **ROUNDING)


def test_equal_offsets_shift_the_input_and_half_an_offset_is_the_mean_of_two_neighbours():
    x = numbers((2, 7, 11, 3))
    layer = built(DeformableConv(5, 3), x.shape)
    convolve = same_convolution(layer.kernel.numpy())
    layer.offset_bias.assign(np.tile([0.0, 1.0], 9))  # rows stay, columns move by one
    moved = np.pad(x, [(0, 0), (0, 0), (0, 1), (0, 0)])[:, :, 1:]
    # The last column is read beyond the border, where the moved picture begins anew with zeros.
    np.testing.assert_allclose(layer(x)[:, :, 1:-1], convolve(moved)[:, :, 1:-1], **ROUNDING)
    layer.offset_bias.assign(np.tile([0.0, 0.5], 9))
    np.testing.assert_allclose(layer(x)[:, :, 1:-2], convolve((x + moved) / 2)[:, :, 1:-2], **ROUNDING)


def test_offsets_get_gradients_and_move_what_is_seen():
    import tensorflow as tf

    x = tf.constant(numbers((2, 7, 11, 3)))
    layer = built(DeformableConv(5, 3), x.shape)
    layer.offset_kernel.assign(0.1 * numbers(layer.offset_kernel.shape, seed=4))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
        loss = tf.reduce_sum(y * numbers(y.shape, seed=3))
    gradients = tape.gradient(loss, [x, *(weight.value for weight in layer.trainable_variables)])
    assert all(np.abs(gradient).max() > 1e-3 for gradient in gradients)
    # against the slope between two points, in the direction of the gradient itself
    step = 1e-3 * gradients[2] / tf.norm(gradients[2])
    values = []
    for sign in (1, -1):
        layer.offset_kernel.assign_add(sign * step)
        values.append(float(tf.reduce_sum(layer(x) * numbers(y.shape, seed=3))))
        layer.offset_kernel.assign_sub(sign * step)
    # Interpolation is linear in pieces; few places cross a position within a step of a thousandth.
    assert (values[0] - values[1]) / 2e-3 == pytest.approx(float(tf.norm(gradients[2])), rel=0.02)


def test_only_the_last_blocks_are_deformed():
    made = network((16, 16, 3), deformable_cnn, widths=(3, 5, 7), deformed=2)
    kinds = [type(layer).__name__ for layer in made.layers if layer.name.endswith("_conv")]
    assert kinds == ["Conv2D", "DeformableConv", "DeformableConv"]


@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_an_untied_layer_with_one_kernel_everywhere_is_a_convolution(rank, strides):
    x = numbers((2, *SIDES[rank], 3))
    layer = built(LocallyConnected(5, 3, strides), x.shape)
    kernel = numbers((3,) * rank + (3, 5), seed=5)
    layer.kernel.assign(np.broadcast_to(kernel.reshape(1, -1, 5), layer.kernel.shape))
    y = layer(x)
    assert y.shape == layer.compute_output_shape(x.shape)
    np.testing.assert_allclose(y, same_convolution(kernel, strides)(x), **ROUNDING)


def test_each_place_of_an_untied_layer_has_weights_of_its_own():
    x = numbers((2, 7, 5, 3))
    layer = built(LocallyConnected(5, 3), x.shape)
    before = np.asarray(layer(x))
    changed = layer.kernel.numpy()
    changed[2 * 5 + 4] += 1.0  # third row, fifth column
    layer.kernel.assign(changed)
    different = np.abs(np.asarray(layer(x)) - before).max(axis=(0, 3)) > 1e-6
    assert np.argwhere(different).tolist() == [[2, 4]]


def test_a_picture_of_height_one_is_a_sequence_for_untied_layers_too():
    flat = network((1, 23, 3), locally_connected, widths=(5, 7))
    line = network((23, 3), locally_connected, widths=(5, 7))
    for wide, narrow in zip(flat.weights, line.weights, strict=True):
        rows = wide.numpy()
        # Of the three rows of a kernel the middle one lies on the picture.
        narrow.assign(rows if rows.shape == narrow.shape else np.split(rows, 3, axis=1)[1])
    x = numbers((2, 23, 3))
    np.testing.assert_allclose(flat(x[:, None]), line(x), **ROUNDING)


def test_a_dilated_network_sees_sixty_seven_positions():
    made = network((101, 1), dilated_cnn, width=3, pool="none")
    x = np.zeros((1, 101, 1), "float32")
    plain = np.asarray(made(x))[0, 50]
    reach = []
    for place in range(101):
        x[:] = 0.0
        x[0, place] = 3.0
        if np.abs(np.asarray(made(x))[0, 50] - plain).max() > 0:
            reach.append(place)
    assert 50 - 33 <= min(reach) < max(reach) <= 50 + 33  # Yu 2016, table 1: 67 x 67
    assert max(reach) - min(reach) > 33  # the outermost of them may be lost in dead units


def test_channels_are_shared_out_equally_and_the_first_share_takes_the_rest():
    x = numbers((2, 7, 11))
    shares = ChannelShares(3)(x)
    assert [share.shape[-1] for share in shares] == [5, 3, 3]
    assert [tuple(shape) for shape in ChannelShares(3).compute_output_shape((2, 7, 11))] == [
        tuple(share.shape) for share in shares
    ]
    np.testing.assert_array_equal(np.concatenate(shares, axis=-1), x)


def test_a_token_goes_before_the_patches_and_is_what_is_taken():
    x = numbers((2, 5, 3))
    layer = built(ClassToken(), x.shape)
    layer.token.assign([1.0, 2.0, 3.0])
    y = layer(x)
    np.testing.assert_array_equal(y[:, 1:], x)
    np.testing.assert_array_equal(TakeToken()(y), [[1.0, 2.0, 3.0]] * 2)


def test_a_vision_transformer_without_positions_does_not_see_the_order_of_patches():
    options = {"patch_size": 3, "depth": 1, "width": 10, "heads": 5, "dropout": 0.0}
    made = network((9, 3), vit, **options)
    x = numbers((2, 9, 3))
    swapped = x[:, [3, 4, 5, 0, 1, 2, 6, 7, 8]]
    assert np.abs(np.asarray(made(x)) - np.asarray(made(swapped))).max() > 1e-3
    table = made.get_layer("positions").table
    table.assign(np.zeros(table.shape))
    np.testing.assert_allclose(made(x), made(swapped), **ROUNDING)


def test_a_patch_is_read_as_a_whole():
    made = network((7, 11, 3), vit, patch_size=4, depth=1, width=10, heads=5)
    assert made.get_layer("tokens").output.shape == (None, 2 * 3, 10)  # borders are padded
