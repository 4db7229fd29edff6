"""Grouped convolution on TensorFlow without XLA, which Keras takes for it.

Keras compiles each grouped convolution by itself; on a CPU its gradient then takes hundreds of times as long as the
sum of its parts. TensorFlow's own operation does the same work where oneDNN or a GPU runs it, and where neither does,
one convolution a group does it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import keras

from arch.kernels.choice import fast


class _Grouped:
    """What the layers of each rank share: their convolution is `grouped_convolution` where that may run."""

    def __init__(self, filters: int, kernel_size: Any, *args: Any, groups: int = 1, **kwargs: Any) -> None:
        if groups < 1 or filters % groups:
            raise ValueError(f"{type(self).__name__}: filters must be a multiple of groups ({groups}), got {filters}")
        super().__init__(filters, kernel_size, *args, groups=groups, **kwargs)  # type: ignore[call-arg]

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """The kernel, and the bias where asked for."""
        layer: Any = self
        if input_shape[-1] % layer.groups:
            wanted = f"{type(self).__name__}: channels must be a multiple of groups ({layer.groups})"
            raise ValueError(f"{wanted}, got {input_shape[-1]}")
        super().build(input_shape)  # type: ignore[misc]

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """The convolution without bias and activation, which Keras' layer adds."""
        layer: Any = self
        if not fast() or layer.data_format != "channels_last":
            return super().convolution_op(inputs, kernel)  # type: ignore[misc]
        return grouped_convolution(
            inputs, kernel, strides=layer.strides, padding=layer.padding, dilation_rate=layer.dilation_rate
        )


@keras.saving.register_keras_serializable(package="arch")
class GroupedConv1D(_Grouped, keras.layers.Conv1D):
    """keras.layers.Conv1D whose groups cost what their multiply-adds cost; arguments and weights are Keras'.

    `y[t, f] = sum_(s, c) kernel[s, c, f] * x[t + s, c + first(f)]`, first(f) being the first channel of f's group.
    Weights: kernel (size, channels / groups, filters), bias (filters,). Masks end here.
    """

    def call(self, inputs: Any) -> Any:
        """The convolution, with bias and activation where asked for; Keras' own call passes `convolution_op` by."""
        if self.padding == "causal":
            return super().call(inputs)
        return super(keras.layers.Conv1D, self).call(inputs)


@keras.saving.register_keras_serializable(package="arch")
class GroupedConv2D(_Grouped, keras.layers.Conv2D):
    """keras.layers.Conv2D whose groups cost what their multiply-adds cost; see `GroupedConv1D`."""


@keras.saving.register_keras_serializable(package="arch")
class GroupedConv3D(_Grouped, keras.layers.Conv3D):
    """keras.layers.Conv3D whose groups cost what their multiply-adds cost; see `GroupedConv1D`."""


def grouped_convolution(
    x: Any, kernel: Any, *, strides: tuple[int, ...], padding: str, dilation_rate: tuple[int, ...]
) -> Any:
    """TensorFlow's convolution of each group of channels by its own part of the kernel.

    Args:
        x: (batch, one to three spatial axes, channels).
        kernel: (a size an axis, channels / groups, filters); the filters of a group stand side by side.
        strides: step along each axis.
        padding: "same" or "valid".
        dilation_rate: distance of a kernel's places along each axis.

    Returns:
        (batch, spatial axes, filters).
    """
    import tensorflow as tf

    if len(strides) == 1:  # a picture of height 1
        strides, dilation_rate = (strides[0], strides[0]), (1, dilation_rate[0])
        return grouped_convolution(
            x[:, None], kernel[None], strides=strides, padding=padding, dilation_rate=dilation_rate
        )[:, 0]
    if _is_depthwise(x, kernel, strides, dilation_rate):
        return _depthwise(x, kernel, strides, padding, dilation_rate)
    how = {"strides": strides, "padding": padding.upper(), "dilations": dilation_rate}
    if len(strides) == 2 and _native():
        return tf.nn.convolution(x, kernel, **how)
    groups = x.shape[-1] // kernel.shape[-2]
    pairs = zip(tf.split(x, groups, axis=-1), tf.split(kernel, groups, axis=-1), strict=True)
    return tf.concat([tf.nn.convolution(part, own, **how) for part, own in pairs], axis=-1)


def _is_depthwise(x: Any, kernel: Any, strides: tuple[int, ...], dilation_rate: tuple[int, ...]) -> bool:
    """Whether each channel is a group, and TensorFlow's operation for that takes these strides."""
    alone = kernel.shape[-2] == 1 and x.shape[-1] > 1 and len(strides) == 2
    return alone and len(set(strides)) == 1 and 1 in (strides[0], max(dilation_rate))


def _depthwise(x: Any, kernel: Any, strides: tuple[int, ...], padding: str, dilation_rate: tuple[int, ...]) -> Any:
    import tensorflow as tf

    channels = x.shape[-1]
    by_channel = tf.reshape(kernel, (*kernel.shape[:2], channels, kernel.shape[-1] // channels))
    return tf.nn.depthwise_conv2d(x, by_channel, (1, *strides, 1), padding.upper(), dilations=dilation_rate)


@cache
def _native() -> bool:
    """Whether TensorFlow's convolution differentiates groups where it runs; on a CPU without oneDNN it does not."""
    import tensorflow as tf

    with tf.init_scope():
        x, kernel = tf.ones([1, 1, 1, 4]), tf.ones([1, 1, 2, 4])
        try:
            tf.raw_ops.Conv2DBackpropFilter(
                input=x,
                filter_sizes=kernel.shape,
                out_backprop=x,
                strides=[1, 1, 1, 1],
                padding="SAME",
            )
        except tf.errors.InvalidArgumentError:
            return False
    return True
