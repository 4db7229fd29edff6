"""Shake-shake networks: each block corrects the one before twice, and training mixes the two at random."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from arch.blocks import activation, batch_norm, conv, global_pool, norm_relu, require_maps, require_positive, unmask
from arch.regularisation import ShakeShake


def shake_shake(
    inputs: keras.KerasTensor,
    *,
    blocks: tuple[int, ...] = (4, 4, 4),
    width: int = 32,
    stem_width: int = 16,
) -> keras.KerasTensor:
    """Residual network with two branches a block under shake-shake regularisation; defaults: 26 layers, 2 x 32d.

    Args:
        inputs: (batch, one to three spatial axes, channels).
        blocks: residual blocks in each stage; each stage after the first halves the axes and doubles the width.
        width: filters of each branch in the first stage.
        stem_width: filters of the first convolution.

    Returns:
        (batch, width * 2 ** (stages - 1)): the average over all positions.

    Raises:
        ValueError: where an option cannot work, or the input is shorter than the total stride.

    Source: Gastaldi 2017, section 2 and table 1 ("Shake-Shake-Image"); shortcuts of stages as in the author's code.
    """
    require_positive("shake_shake", "blocks", blocks)
    require_positive("shake_shake", "width", width)
    require_positive("shake_shake", "stem_width", stem_width)
    require_maps("shake_shake", inputs, 2 ** (len(blocks) - 1))
    x = batch_norm(conv(unmask(inputs), stem_width, 3, name="stem_conv"), name="stem_norm")
    for stage, count in enumerate(blocks):
        for index in range(count):
            strides = 2 if stage and not index else 1
            x = _block(x, width << stage, strides, name=f"stage{stage}_block{index}")
    return global_pool("shake_shake", activation(x, name="final_relu"), "average")


def _block(x: keras.KerasTensor, filters: int, strides: int, *, name: str) -> keras.KerasTensor:
    """shortcut(x) + shake(branch(x), branch(x))."""
    branches = [_branch(x, filters, strides, name=f"{name}_branch{index}") for index in range(2)]
    mixed = ShakeShake(name=f"{name}_shake")(branches)
    return keras.layers.Add(name=f"{name}_add")([_shortcut(x, filters, strides, name=f"{name}_shortcut"), mixed])


def _branch(x: keras.KerasTensor, filters: int, strides: int, *, name: str) -> keras.KerasTensor:
    """norm(conv(relu(norm(conv(relu(x))))))."""
    x = conv(activation(x, name=f"{name}_relu0"), filters, 3, strides=strides, name=f"{name}_conv0")
    x = conv(norm_relu(x, name=name, step=1), filters, 3, name=f"{name}_conv1")
    return batch_norm(x, name=f"{name}_norm2")


def _shortcut(x: keras.KerasTensor, filters: int, strides: int, *, name: str) -> keras.KerasTensor:
    """The input where shapes stay; at a stride, half of the filters read the even positions, half the odd ones."""
    if strides == 1 and x.shape[-1] == filters:
        return x
    if strides == 1:
        return batch_norm(conv(x, filters, 1, name=f"{name}_conv"), name=f"{name}_norm")
    x = activation(x, name=f"{name}_relu")
    first = conv(x, filters // 2, 1, strides=2, name=f"{name}_conv0")
    second = conv(Shifted(name=f"{name}_shift")(x), filters - filters // 2, 1, strides=2, name=f"{name}_conv1")
    x = keras.layers.Concatenate(name=f"{name}_join")([first, second])
    return batch_norm(x, name=f"{name}_norm")


@keras.saving.register_keras_serializable(package="arch")
class Shifted(keras.layers.Layer):
    """What lies one position further along every spatial axis: y[t] = x[t + 1], zero at the end.

    An axis of length 1 stays, so that a picture of height 1 is a sequence. No weights; the shape stays.
    """

    window = (2, 1)

    def call(self, inputs: Any) -> Any:
        """Cut the first position off and put a zero behind the last."""
        sides = inputs.shape[1:-1]
        far = [0 if side == 1 else 1 for side in sides]
        cut = inputs[(slice(None), *(slice(step, None) for step in far))]
        return ops.pad(cut, [(0, 0), *((0, step) for step in far), (0, 0)])

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """The input's own shape."""
        return input_shape
