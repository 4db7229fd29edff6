"""Networks on points in space that do not care how the space is turned or moved, nor in which order the points come."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from arch.blocks import dropped, require, require_positive, require_rate
from arch.spherical import components, harmonics, paths


@keras.saving.register_keras_serializable(package="arch")
class TensorFieldConv(keras.layers.Layer):
    """Each point gathers what it sees of all points, as numbers, vectors and matrices that turn with the space.

    `y_i = sum_l W_l x_i + mean_j sum_k,p g_k(|r_ij|) C_p(Y(r_ij), x_j) V_kp`: Y are spherical harmonics of the
    direction from point i to point j, C_p the couplings of their degrees with those of the features, g_k bumps
    `exp(-(d - c_k)^2 / (2 s^2)) * (1 + cos(pi d / cutoff)) / 2` that end at the cutoff, c_k from 0 to it in steps of s.
    Weights: pairs V (paths, radial, channels, filters), own W (highest + 1, channels, filters).
    [positions (batch, points, 3), features (batch, points, (highest + 1)^2, channels)] -> the features' shape with
    filters in place of channels.

    Args:
        filters: channels that it gives, of each degree.
        highest: degree up to which features and harmonics go, 0 to 2.
        radial: bumps along the distance.
        cutoff: distance beyond which points do not see each other, in the unit of the positions.

    Source: Thomas et al. 2018, "Tensor field networks", sections 4.1 to 4.3, with radial functions that are linear in
    the bumps, channels mixed in the same step, and a mean in place of the sum.
    """

    def __init__(self, filters: int, highest: int = 2, radial: int = 4, cutoff: float = 2.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        who = "TensorFieldConv"
        require_positive(who, "filters", filters)
        require_positive(who, "radial", radial)
        require(highest in (0, 1, 2), who, "highest must be 0, 1 or 2", highest)
        require(cutoff > 0, who, "cutoff must be positive", cutoff)
        self.filters, self.highest, self.radial, self.cutoff = filters, highest, radial, cutoff

    def build(self, input_shape: Any) -> None:
        """Weights with the variance of Glorot's initialization over all that a component gathers."""
        channels, ways = input_shape[1][-1], len(paths(self.highest))

        def weight(name: str, fan_in: int, *shape: int) -> Any:
            normal = keras.initializers.RandomNormal(stddev=fan_in**-0.5)
            return self.add_weight(shape=(*shape, channels, self.filters), initializer=normal, name=name)

        self.pairs = weight("pairs", channels * (ways // (self.highest + 1)), ways, self.radial)
        self.own = weight("own", channels, self.highest + 1)

    def call(self, inputs: Any) -> Any:
        """Sum over the points first, so that no pair of points ever holds channels."""
        positions, features = inputs
        seen = self._seen(positions)
        gathered = ops.einsum("bijkm,bjnc->bikmnc", seen, features)
        couplings = ops.convert_to_tensor(paths(self.highest), features.dtype)
        kernel = ops.einsum("pmno,pkcf->kmncof", couplings, ops.convert_to_tensor(self.pairs, features.dtype))
        count = ops.cast(ops.shape(positions)[1], features.dtype)
        own = ops.einsum("binc,nd,dcf->binf", features, self._degrees(), self.own)
        return ops.einsum("bikmnc,kmncof->biof", gathered, kernel) / count + own

    def _degrees(self) -> Any:
        """One for a component's degree, zero for the others: (components, degrees)."""
        sizes = 2 * np.arange(self.highest + 1) + 1
        return ops.convert_to_tensor(np.repeat(np.eye(self.highest + 1), sizes, axis=0), self.compute_dtype)

    def _seen(self, positions: Any) -> Any:
        """Bumps times harmonics for each pair: (batch, points, points, radial, components)."""
        steps = positions[:, None] - positions[:, :, None]
        distances = ops.sqrt(ops.sum(ops.square(steps), axis=-1, keepdims=True) + 1e-12)
        angles = harmonics(steps / (distances + 1e-6), self.highest)  # of a point and itself: degree 0 alone
        width = self.cutoff / self.radial
        centres = ops.cast(width * np.arange(self.radial), positions.dtype)
        within = ops.minimum(distances / self.cutoff, 1.0)
        bumps = ops.exp(-ops.square((distances - centres) / width) / 2) * (0.5 + 0.5 * ops.cos(np.pi * within))
        return bumps[..., None] * angles[..., None, :]

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Filters in place of channels."""
        return (*input_shape[1][:-1], self.filters)

    def multiply_adds(self, input_shapes: Any) -> int:
        """The sums over points, the couplings, and what each point gives to itself."""
        (_, points, size, channels), seen = input_shapes[1], self.radial * (self.highest + 1) ** 2
        return points * size * channels * (points * seen + seen * size * self.filters + self.filters)

    def get_config(self) -> dict[str, Any]:
        """The arguments of this layer."""
        own = ("filters", "highest", "radial", "cutoff")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


@keras.saving.register_keras_serializable(package="arch")
class DegreeGate(keras.layers.Layer):
    """A nonlinearity that turns with its input: `y_0 = silu(x_0)`, `y_l = x_l * sigmoid(x_0 W_l + b_l)` above.

    Weights: kernel (channels, highest * channels), bias (highest * channels).
    (batch, points, (highest + 1)^2, channels) -> the same.

    Args:
        highest: degree up to which features go.

    Source: Weiler et al. 2018, "3D steerable CNNs", section 4.3.
    """

    def __init__(self, highest: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require(highest in (0, 1, 2), "DegreeGate", "highest must be 0, 1 or 2", highest)
        self.highest = highest

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """One gate for each degree above 0 and each channel."""
        if self.highest:
            channels = input_shape[-1] or 0
            self.kernel = self.add_weight(shape=(channels, self.highest * channels), name="kernel")
            self.bias = self.add_weight(shape=(self.highest * channels,), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        """Scalars decide how much of the rest passes."""
        scalars = inputs[:, :, :1]
        parts = [ops.silu(scalars)]
        if self.highest:
            gates = ops.split(ops.sigmoid(ops.matmul(scalars, self.kernel) + self.bias), self.highest, axis=-1)
            parts += [inputs[:, :, components(degree)] * gate for degree, gate in enumerate(gates, 1)]
        return ops.concatenate(parts, axis=2)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's own shape."""
        return input_shape

    def multiply_adds(self, input_shape: tuple[int, ...]) -> int:
        """Of the gates."""
        return self.highest * input_shape[1] * input_shape[-1] ** 2

    def get_config(self) -> dict[str, Any]:
        """The argument of this layer."""
        return {**super().get_config(), "highest": self.highest}


@keras.saving.register_keras_serializable(package="arch")
class Scalars(keras.layers.Layer):
    """Features before the first convolution: numbers that do not turn, and zeros for vectors and matrices. No weights.

    A point without numbers of its own counts as the number 1.
    (batch, points, 3 + channels) -> (batch, points, (highest + 1)^2, max(channels, 1)).

    Args:
        highest: degree up to which features go.
    """

    def __init__(self, highest: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.highest = highest

    def call(self, inputs: Any) -> Any:
        """The channels behind the positions, at degree 0."""
        numbers = inputs[..., 3:] if inputs.shape[-1] > 3 else ops.ones_like(inputs[..., :1])
        return ops.pad(numbers[:, :, None], [(0, 0), (0, 0), (0, (self.highest + 1) ** 2 - 1), (0, 0)])

    def get_config(self) -> dict[str, Any]:
        """The argument of this layer."""
        return {**super().get_config(), "highest": self.highest}


@keras.saving.register_keras_serializable(package="arch")
class Invariants(keras.layers.Layer):
    """What does not turn: numbers, and the lengths of vectors and of matrices, averaged over the points. No weights.

    (batch, points, (highest + 1)^2, channels) -> (batch, (highest + 1) * channels).

    Args:
        highest: degree up to which features go.
    """

    def __init__(self, highest: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.highest = highest

    def call(self, inputs: Any) -> Any:
        """Lengths of each degree, side by side."""
        squares = (ops.sum(ops.square(inputs[:, :, components(d)]), axis=2) for d in range(1, self.highest + 1))
        parts = [inputs[:, :, 0], *(ops.sqrt(square + 1e-6) for square in squares)]
        return ops.mean(ops.concatenate(parts, axis=-1), axis=1)

    def get_config(self) -> dict[str, Any]:
        """The argument of this layer."""
        return {**super().get_config(), "highest": self.highest}


def tensor_field(
    inputs: keras.KerasTensor,
    *,
    depth: int = 2,
    width: int = 16,
    highest: int = 2,
    radial: int = 4,
    cutoff: float = 2.0,
    dropout: float = 0.0,
) -> keras.KerasTensor:
    """Convolutions on points in space: features do not change when space is turned or moved or points change places.

    Every point sees every other within the cutoff, so the work grows with the square of the points.

    Args:
        inputs: (batch, points, 3 + channels): positions, then numbers that belong to each point, if any.
        depth: convolutions, at least 1.
        width: channels of each degree.
        highest: degree of the spherical harmonics, and of what flows between layers, 0 to 2.
        radial: bumps along the distance, of which radial functions are made.
        cutoff: distance beyond which points do not see each other, in the unit of the positions.
        dropout: share of features dropped at the end, in [0, 1).

    Returns:
        (batch, (highest + 1) * width): numbers and lengths, averaged over the points.

    Raises:
        ValueError: where an option cannot work, or the input has no three coordinates.

    Source: Thomas et al. 2018, "Tensor field networks"; gates as in Weiler et al. 2018, "3D steerable CNNs". Mirrored
    points have other features, as chiral molecules need.
    """
    who, shape = "tensor_field", inputs.shape
    require_positive(who, "depth", depth)
    require_positive(who, "width", width)
    require_positive(who, "radial", radial)
    require(highest in (0, 1, 2), who, "highest must be 0, 1 or 2", highest)
    require(cutoff > 0, who, "cutoff must be positive", cutoff)
    require_rate(who, "dropout", dropout)
    points = len(shape) == 3 and shape[-1] is not None and shape[-1] >= 3
    require(points, who, "inputs must be (batch, points, 3 + channels)", shape)
    positions = inputs[..., :3]
    x = Scalars(highest, name="scalars")(inputs)
    for layer in range(depth):
        convolution = TensorFieldConv(width, highest, radial, cutoff, name=f"layer{layer}_conv")
        x = DegreeGate(highest, name=f"layer{layer}_gate")(convolution([positions, x]))
    return dropped(Invariants(highest, name="invariants")(x), dropout, name="dropout")
