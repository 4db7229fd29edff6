"""The symmetries of the square, and convolutions over them: p4 turns by quarters, p4m mirrors besides.

Maps over a group of n elements have n * channels channels, those of one element side by side: (batch, height, width,
n * channels). The elements are quarter turns 0 to 3, then the same behind a mirror. To transform maps, transform each
plane and bring the elements into the order in which the group composes them (`transform`).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import keras
import numpy as np
from keras import ops

from arch.blocks import require, require_one_of, require_positive
from arch.kernels import BatchNormalization

GROUPS = {"p4": 4, "p4m": 8}


def act(x: np.ndarray, element: int, axes: tuple[int, int] = (0, 1)) -> np.ndarray:
    """An element's action on planes: mirrored along the second axis from the fourth element on, then turned."""
    return np.rot90(np.flip(x, axes[1]) if element >= 4 else x, element % 4, axes)


@cache
def products(group: str) -> np.ndarray:
    """The table of the group: `products[g, h]` is the element that does h, then g."""
    square = np.arange(9).reshape(3, 3)  # all eight images of it are different
    images = [act(square, element).tolist() for element in range(GROUPS[group])]
    return np.array([[images.index(act(np.array(image), g).tolist()) for image in images] for g in range(len(images))])


def transform(maps: np.ndarray, element: int, group: str) -> np.ndarray:
    """What maps over a group become when the picture is transformed by an element: (batch, height, width, n * c)."""
    table, size = products(group), GROUPS[group]
    inverse = table[element].tolist().index(0)
    parts = np.reshape(maps, (*maps.shape[:-1], size, -1))
    return np.reshape(act(parts[..., table[inverse], :], element, (1, 2)), _turned(maps.shape, element))


def _turned(shape: tuple[int, ...], element: int) -> tuple[int, ...]:
    return (shape[0], shape[2], shape[1], shape[3]) if element % 2 else shape


@cache
def _filter_bank(group: str, size: int, elements: int) -> np.ndarray:
    """Where in a filter each value of its images lies: (n, size * size * elements).

    Args:
        group: whose images are taken.
        size: side of the filter.
        elements: of the maps that the filter reads: 1 for planes, n for maps over the group.
    """
    table = products(group)
    places = np.arange(size * size * elements).reshape(size, size, elements)
    images = []
    for g in range(GROUPS[group]):
        inverse = table[g].tolist().index(0)
        images.append(act(places[..., table[inverse]] if elements > 1 else places, g).ravel())
    return np.array(images)


@keras.saving.register_keras_serializable(package="arch")
class LiftingConv2D(keras.layers.Layer):
    """From planes to maps over a group: each filter w answers in all of its images, `y[g] = conv(x, g w)`.

    Borders are filled with zeros. Weights: kernel (size, size, 1, channels, filters), bias (filters).
    (batch, height, width, channels) -> (batch, height, width, n * filters), n elements of the group.

    Args:
        filters: filters, each with n images.
        kernel_size: positions along height and width, equal and odd, as one number or two.
        group: `p4` or `p4m`.
        use_bias: whether a number is added to each filter's answers.

    Source: Cohen and Welling 2016, "Group equivariant convolutional networks", section 6.1.
    """

    def __init__(
        self, filters: int, kernel_size: Any, group: str = "p4m", use_bias: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        who, sizes = type(self).__name__, _pair(kernel_size)
        require_positive(who, "filters", filters)
        require_kernel(who, sizes)
        require_one_of(who, "group", group, GROUPS)
        self.filters, self.kernel_size, self.group, self.use_bias = filters, sizes, group, use_bias
        self.window = (sizes[0], 1)

    @property
    def elements(self) -> int:
        """Of the maps that it reads."""
        return 1

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Weights for the channels of one element."""
        channels, left = divmod(input_shape[-1] or 0, self.elements)
        who = type(self).__name__
        require(not left and channels > 0, who, f"channels must be a multiple of {self.elements}", input_shape[-1])
        shape = (*self.kernel_size, self.elements, channels, self.filters)
        self.kernel = self.add_weight(shape=shape, initializer="he_normal", name="kernel")
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        """One plain convolution with the images of all filters."""
        size, images = self.kernel_size[0], GROUPS[self.group]
        bank = _filter_bank(self.group, size, self.elements)
        *_, channels, filters = self.kernel.shape
        kernel = ops.reshape(self.kernel, (-1, channels, filters))
        kernel = ops.reshape(ops.take(kernel, bank.ravel(), axis=0), (images, -1, channels, filters))
        kernel = ops.reshape(ops.transpose(kernel, (1, 2, 0, 3)), (size, size, -1, images * filters))
        outputs = ops.conv(inputs, kernel, padding="same")
        return outputs if self.bias is None else outputs + ops.tile(ops.convert_to_tensor(self.bias), images)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The same places."""
        return (*input_shape[:-1], GROUPS[self.group] * self.filters)

    def multiply_adds(self, input_shape: tuple[int, ...]) -> int:
        """Of the plain convolution: every image of every filter at every place."""
        weights = self.kernel_size[0] ** 2 * input_shape[-1] * GROUPS[self.group] * self.filters
        return input_shape[1] * input_shape[2] * weights

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        own = ("filters", "kernel_size", "group", "use_bias")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


@keras.saving.register_keras_serializable(package="arch")
class GroupConv2D(LiftingConv2D):
    """From maps over a group to maps over it: `y[g] = sum_h conv(x[h], (g w)[h])`, (g w)[h] = g (w[g^-1 h]).

    Borders are filled with zeros. Weights: kernel (size, size, n, channels, filters), bias (filters).
    (batch, height, width, n * channels) -> (batch, height, width, n * filters), n elements of the group.

    Args:
        filters: filters, each with n images.
        kernel_size: positions along height and width, equal and odd, as one number or two.
        group: `p4` or `p4m`.
        use_bias: whether a number is added to each filter's answers.

    Source: Cohen and Welling 2016, "Group equivariant convolutional networks", sections 6.1 and 7.
    """

    @property
    def elements(self) -> int:
        """Of the maps that it reads."""
        return GROUPS[self.group]


@keras.saving.register_keras_serializable(package="arch")
class GroupBatchNormalization(BatchNormalization):
    """Batch normalization of maps over a group: all elements of a channel share mean, variance, scale and offset.

    Weights: those of `BatchNormalization` for n times fewer channels.
    (batch, height, width, n * channels) -> the same.

    Args:
        group: `p4` or `p4m`.
        **kwargs: as of `BatchNormalization`.
    """

    def __init__(self, group: str = "p4m", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_one_of("GroupBatchNormalization", "group", group, GROUPS)
        self.group = group

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Weights for the channels of one element."""
        super().build((*input_shape[:-1], (input_shape[-1] or 0) // GROUPS[self.group]))
        self.input_spec = None  # what comes has n times the channels that the weights have

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalize with the elements as further places, which they are in memory."""
        batch, height, width, channels = ops.shape(inputs)
        elements = GROUPS[self.group]
        places = ops.reshape(inputs, (batch, height, width * elements, channels // elements))
        return ops.reshape(super().call(places, training=training), (batch, height, width, channels))

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        return {**super().get_config(), "group": self.group}


@keras.saving.register_keras_serializable(package="arch")
class GroupPooling2D(keras.layers.Layer):
    """From maps over a group to planes: the largest answer of each filter's images, `y = max_g x[g]`. No weights.

    What was equivariant is then invariant but for the place. (batch, height, width, n * channels) -> (batch, height,
    width, channels).

    Args:
        group: `p4` or `p4m`.

    Source: Cohen and Welling 2016, "Group equivariant convolutional networks", section 6.3.
    """

    window = (1, 1)

    def __init__(self, group: str = "p4m", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_one_of("GroupPooling2D", "group", group, GROUPS)
        self.group = group

    def call(self, inputs: Any) -> Any:
        """The maximum over the elements."""
        batch, height, width, channels = ops.shape(inputs)
        elements = GROUPS[self.group]
        return ops.max(ops.reshape(inputs, (batch, height, width, elements, channels // elements)), axis=-2)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Without the elements."""
        return (*input_shape[:-1], (input_shape[-1] or 0) // GROUPS[self.group])

    def get_config(self) -> dict[str, Any]:
        """The argument of this layer."""
        return {**super().get_config(), "group": self.group}


def require_kernel(who: str, sizes: tuple[int, ...]) -> None:
    """Raise unless a kernel looks alike from all sides and has a middle."""
    require(len(sizes) == 2 and sizes[0] == sizes[1], who, "kernel_size must be square", sizes)
    require(sizes[0] >= 1 and sizes[0] % 2 == 1, who, "kernel_size must be odd", sizes)


def _pair(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value, value)
