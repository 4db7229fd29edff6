"""Pieces that more than one family uses: checks, convolutions of any rank, normalization, pooling, drop-path, gates."""

from __future__ import annotations

import math
from typing import Any

import keras

from arch.kernels import BatchNormalization
from arch.kernels.convolution import GroupedConv1D, GroupedConv2D, GroupedConv3D

_CONVOLUTIONS = {1: keras.layers.Conv1D, 2: keras.layers.Conv2D, 3: keras.layers.Conv3D}
_GROUPED: dict[int, Any] = {1: GroupedConv1D, 2: GroupedConv2D, 3: GroupedConv3D}
_POOLS = {
    "max": {1: keras.layers.MaxPooling1D, 2: keras.layers.MaxPooling2D, 3: keras.layers.MaxPooling3D},
    "average": {1: keras.layers.AveragePooling1D, 2: keras.layers.AveragePooling2D, 3: keras.layers.AveragePooling3D},
}
_GLOBAL_POOLS = {
    "average": {
        1: keras.layers.GlobalAveragePooling1D,
        2: keras.layers.GlobalAveragePooling2D,
        3: keras.layers.GlobalAveragePooling3D,
    },
    "max": {
        1: keras.layers.GlobalMaxPooling1D,
        2: keras.layers.GlobalMaxPooling2D,
        3: keras.layers.GlobalMaxPooling3D,
    },
}
POOLS = ("average", "max", "flatten", "none")


def require(condition: bool, who: str, wanted: str, got: object) -> None:
    """Raise the house's error where an option cannot work: `resnet: width must be positive, got -3`."""
    if not condition:
        raise ValueError(f"{who}: {wanted}, got {got}")


def require_one_of(who: str, option: str, value: object, choices: Any) -> None:
    """Raise unless a `Literal` option holds one of its words."""
    require(value in choices, who, f"{option} must be one of {', '.join(choices)}", repr(value))


def require_positive(who: str, option: str, value: int | tuple[int, ...]) -> None:
    """Raise unless a size, or every size of a tuple that is not empty, is at least 1."""
    sizes = value if isinstance(value, (tuple, list)) else (value,)
    require(bool(sizes) and min(sizes) >= 1, who, f"{option} must be positive", value)


def require_rate(who: str, option: str, value: float) -> None:
    """Raise unless a rate of dropping lies in [0, 1)."""
    require(0.0 <= value < 1.0, who, f"{option} must be at least 0 and below 1", value)


def require_maps(who: str, inputs: keras.KerasTensor, total_stride: int = 1) -> None:
    """Raise unless the input has one to three spatial axes, one of which outlasts all strides.

    One long axis is enough: a picture of height 1 is a sequence, and is treated as one.
    """
    shape = inputs.shape
    require(len(shape) in (3, 4, 5), who, "inputs must be (batch, one to three spatial axes, channels)", shape)
    require(shape[-1] is not None, who, "inputs must have a known number of channels", shape)
    sizes = shape[1:-1]
    long_enough = None in sizes or max(sizes) >= total_stride
    require(long_enough, who, f"inputs must be at least as long as the total stride ({total_stride})", shape)


def require_sides(who: str, inputs: keras.KerasTensor, least: int) -> None:
    """Raise unless every spatial axis is so long, or not known: convolutions without padding need that."""
    short = [size for size in inputs.shape[1:-1] if size is not None and size < least]
    require(not short, who, f"inputs must be at least {least} along every spatial axis", inputs.shape)


@keras.saving.register_keras_serializable(package="arch")
class Unmask(keras.layers.Layer):
    """Identity that ends a Keras mask: y = x, mask = None.

    A mask tells which steps of a sequence are padding. Behind a stride its length is wrong, and Keras layers that
    still look at it fail or average over the wrong steps. No weights.
    """

    window = (1, 1)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """The input's values, (batch, ...), as a tensor of their own: Keras hangs masks on tensors, not on layers."""
        return keras.ops.copy(inputs)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """None: nothing behind this layer sees a mask."""
        return

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's own shape."""
        return input_shape


def unmask(x: keras.KerasTensor, *, name: str = "unmask") -> keras.KerasTensor:
    """The same values without the Keras mask that may hang on them."""
    return Unmask(name=name)(x)


def conv(
    x: keras.KerasTensor,
    filters: int,
    kernel_size: int | tuple[int, ...],
    *,
    name: str,
    strides: int = 1,
    dilation_rate: int = 1,
    groups: int = 1,
    padding: str = "same",
    use_bias: bool = False,
) -> keras.KerasTensor:
    """A convolution over all spatial axes of x, with He's initialization; the rank of x decides how many there are.

    Returns:
        (batch, spatial axes divided by strides, filters). `padding="causal"` works on sequences alone.
    """
    layer = (_CONVOLUTIONS if groups == 1 else _GROUPED)[len(x.shape) - 2]
    return layer(
        filters,
        kernel_size,
        strides=strides,
        padding=padding,
        dilation_rate=dilation_rate,
        groups=groups,
        use_bias=use_bias,
        kernel_initializer="he_normal",
        name=name,
    )(x)


def batch_norm(x: keras.KerasTensor, *, name: str) -> keras.KerasTensor:
    """Batch normalization over all axes but the last (momentum 0.9, epsilon 1e-5)."""
    return BatchNormalization(name=name)(x)


def activation(x: keras.KerasTensor, kind: str = "relu", *, name: str) -> keras.KerasTensor:
    """The nonlinearity of this Keras name, element by element."""
    return keras.layers.Activation(kind, name=name)(x)


def conv_norm(
    x: keras.KerasTensor,
    filters: int,
    kernel_size: int | tuple[int, ...],
    *,
    name: str,
    kind: str = "relu",
    strides: int = 1,
    groups: int = 1,
    padding: str = "same",
) -> keras.KerasTensor:
    """A convolution, batch normalization and a nonlinearity, none for `kind="linear"`."""
    x = conv(x, filters, kernel_size, strides=strides, groups=groups, padding=padding, name=f"{name}_conv")
    x = batch_norm(x, name=f"{name}_norm")
    return x if kind == "linear" else activation(x, kind, name=f"{name}_{kind}")


def norm_relu(x: keras.KerasTensor, *, name: str, step: int | str = "") -> keras.KerasTensor:
    """Batch normalization and ReLU, the step of a block that they belong to behind their names."""
    return activation(batch_norm(x, name=f"{name}_norm{step}"), name=f"{name}_relu{step}")


def max_pool(
    x: keras.KerasTensor, pool_size: int, *, name: str, strides: int | None = None, padding: str = "same"
) -> keras.KerasTensor:
    """The largest value of each window over all spatial axes; "same" keeps a last window that hangs over the border."""
    layer = _POOLS["max"][len(x.shape) - 2]
    return layer(pool_size, strides=strides or pool_size, padding=padding, name=name)(x)


def average_pool(
    x: keras.KerasTensor, pool_size: int, *, name: str, strides: int | None = None, padding: str = "same"
) -> keras.KerasTensor:
    """The mean of each window over all spatial axes; places beyond the border do not count."""
    layer = _POOLS["average"][len(x.shape) - 2]
    return layer(pool_size, strides=strides or pool_size, padding=padding, name=name)(x)


def global_pool(who: str, x: keras.KerasTensor, kind: str, *, name: str = "pool") -> keras.KerasTensor:
    """Maps to a feature vector.

    Returns:
        (batch, channels) for "average" and "max"; (batch, positions * channels) for "flatten"; x itself for "none".
    """
    require_one_of(who, "pool", kind, POOLS)
    if kind == "none":
        return x
    if kind == "flatten":
        require(None not in x.shape[1:], who, "inputs must have known sizes for pool=flatten", x.shape)
        return keras.layers.Flatten(name=name)(x)
    return _GLOBAL_POOLS[kind][len(x.shape) - 2](name=name)(x)


def drop_path(x: keras.KerasTensor, rate: float, *, name: str) -> keras.KerasTensor:
    """Stochastic depth: in training, the whole of x is zero for a share `rate` of the examples, the rest is scaled up.

    Source: Huang et al. 2016, with the scaling at training time instead of inference.
    """
    if not rate:
        return x
    return keras.layers.Dropout(rate, noise_shape=(None, *(1,) * (len(x.shape) - 1)), name=name)(x)


def drop_path_rates(rate: float, blocks: int) -> list[float]:
    """One rate per block, rising in equal steps from 0 at the first to `rate` at the last (Huang et al. 2016)."""
    return [rate * index / max(blocks - 1, 1) for index in range(blocks)]


def squeeze_excite(
    x: keras.KerasTensor, ratio: float, *, name: str, kind: str = "relu", gate: str = "sigmoid"
) -> keras.KerasTensor:
    """Channels weighed by what the whole map holds: y = x * gate(W2 kind(W1 mean(x) + b1) + b2).

    W1 is (channels, channels * ratio), W2 its transpose's shape; both have biases. A ratio of 0 leaves x as it is.

    Source: Hu et al. 2018, section 3.
    """
    if not ratio:
        return x
    channels = x.shape[-1]
    squeezed = max(1, math.floor(channels * ratio + 0.5))
    weights = _GLOBAL_POOLS["average"][len(x.shape) - 2](keepdims=True, name=f"{name}_mean")(x)
    weights = keras.layers.Dense(squeezed, activation=kind, name=f"{name}_squeeze")(weights)
    weights = keras.layers.Dense(channels, activation=gate, name=f"{name}_excite")(weights)
    return keras.layers.Multiply(name=f"{name}_scale")([x, weights])


def dropped(x: keras.KerasTensor, rate: float, *, name: str) -> keras.KerasTensor:
    """Dropout of single values, no layer where the rate is 0."""
    return keras.layers.Dropout(rate, name=name)(x) if rate else x


def divisible(width: float, divisor: int = 8) -> int:
    """The multiple of the divisor next to this width, but no more than a tenth below it.

    Source: Sandler et al. 2018, the authors' code; so are widths rounded in MobileNets and EfficientNets.
    """
    rounded = max(divisor, int(width + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * width else rounded
