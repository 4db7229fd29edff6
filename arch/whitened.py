"""A convolutional network for few images and little time: its first filters are computed from the data, not learnt."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from arch.blocks import (
    activation,
    batch_norm,
    conv,
    dropped,
    global_pool,
    max_pool,
    require,
    require_maps,
    require_positive,
    require_rate,
    unmask,
)
from arch.initializers import whitening_kernel

LARGEST = 32  # longest axis of the maps behind the stem, unless it is said how the stem pools


@keras.saving.register_keras_serializable(package="arch")
class WhitenedPatches(keras.layers.Layer):
    """Patches of the input, decorrelated: y = conv(x, w) + b, where w is `whitening_kernel` of examples and stays so.

    Weights: kernel (kernel_size, ..., channels, 2 * channels * kernel_size ** axes), not trained, random until `adapt`
    computes it; bias (filters,), trained. The output has the input's size, zeros standing beyond the border.

    Args:
        kernel_size: positions that a patch spans along every axis.
        **kwargs: as of any layer.

    Source: Page 2020, "How to train your ResNet 8"; Jordan 2024, section 3.2.
    """

    def __init__(self, kernel_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_positive("WhitenedPatches", "kernel_size", kernel_size)
        self.kernel_size = kernel_size

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Make the weights for inputs (batch, one to three spatial axes, channels)."""
        sizes, channels = (self.kernel_size,) * (len(input_shape) - 2), input_shape[-1]
        filters = 2 * channels * self.kernel_size ** len(sizes)
        self.kernel = self.add_weight(
            name="kernel", shape=(*sizes, channels, filters), initializer="he_normal", trainable=False
        )
        self.bias = self.add_weight(name="bias", shape=(filters,), initializer="zeros")

    def adapt(self, examples: np.ndarray) -> None:
        """Compute the kernel from (rows, spatial axes, channels), as the layer will get them."""
        self.kernel.assign(whitening_kernel(examples, self.kernel_size))

    def call(self, inputs: Any) -> Any:
        """(batch, spatial axes, channels) to (batch, spatial axes, filters)."""
        kernel, bias = (ops.cast(v, self.compute_dtype) for v in (self.kernel, self.bias))
        return ops.conv(inputs, kernel, padding="same", data_format="channels_last") + bias

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """The input's sizes with a channel for each filter."""
        filters = 2 * input_shape[-1] * self.kernel_size ** (len(input_shape) - 2)
        return (*input_shape[:-1], filters)

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        return {**super().get_config(), "kernel_size": self.kernel_size}


def whitened_cnn(
    inputs: keras.KerasTensor,
    *,
    widths: tuple[int, ...] = (32, 64, 128),
    depth: int = 2,
    patch: int = 2,
    stem_pool: int = 0,
    dropout: float = 0.0,
) -> keras.KerasTensor:
    """Whitened patches, then blocks of convolutions with a max pooling behind the first of each.

    Args:
        inputs: (batch, one to three spatial axes, channels), of about mean 0 and variance 1.
        widths: filters of each block; each block halves the maps.
        depth: convolutions of a block; the third and further ones are added to what comes in.
        patch: positions that a whitened patch spans along every axis.
        stem_pool: window and stride of a max pooling behind the stem; 1: none, 0: what brings all axes to 32 or less.
        dropout: share of features dropped at the end, in [0, 1).

    Returns:
        (batch, widths[-1]), the largest value of each last map.

    Raises:
        ValueError: where an option cannot work, or the input is shorter than the total stride.

    Source: Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU", section 3; here ReLU, sizes kept by padding,
        and a global maximum at the end. The stem's kernel waits for `WhitenedPatches.adapt`.
    """
    require_positive("whitened_cnn", "widths", widths)
    require_positive("whitened_cnn", "depth", depth)
    require_positive("whitened_cnn", "patch", patch)
    require(stem_pool >= 0, "whitened_cnn", "stem_pool must be 0 or more", stem_pool)
    require_rate("whitened_cnn", "dropout", dropout)
    stem_pool = stem_pool or -(-max(size or 0 for size in inputs.shape[1:-1]) // LARGEST) or 1
    require_maps("whitened_cnn", inputs, stem_pool * 2 ** len(widths))
    x = activation(WhitenedPatches(patch, name="stem")(unmask(inputs)), name="stem_relu")
    if stem_pool > 1:
        x = max_pool(x, stem_pool, name="stem_pool")
    for index, filters in enumerate(widths):
        x = _block(x, filters, depth, name=f"block{index}")
    return dropped(global_pool("whitened_cnn", x, "max"), dropout, name="dropout")


def _block(x: keras.KerasTensor, filters: int, depth: int, *, name: str) -> keras.KerasTensor:
    """Convolution and pooling, then further convolutions at the smaller size."""
    x = max_pool(conv(x, filters, 3, name=f"{name}_conv0"), 2, name=f"{name}_pool")
    x = activation(batch_norm(x, name=f"{name}_norm0"), name=f"{name}_relu0")
    for step in range(1, depth):
        y = batch_norm(conv(x, filters, 3, name=f"{name}_conv{step}"), name=f"{name}_norm{step}")
        y = activation(y, name=f"{name}_relu{step}")
        x = keras.layers.Add(name=f"{name}_sum{step}")([x, y]) if step > 1 else y
    return x


def adapt_to(model: keras.Model, examples: Any) -> bool:
    """Compute the whitening of every `WhitenedPatches` of a model from examples of its training rows.

    Args:
        model: built, not trained yet.
        examples: rows as the model takes them.

    Returns:
        Whether the model has such a layer.
    """
    stems = [layer for layer in model.layers if isinstance(layer, WhitenedPatches)]
    for stem in stems:
        before = keras.Model(model.input, stem.input)
        stem.adapt(ops.convert_to_numpy(before(examples, training=False)).astype("float32"))
    return bool(stems)
