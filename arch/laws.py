"""Properties of any Keras model as numbers: symmetry, the flow of gradients, reach, and the sharing of weights.

    equivariance_error(model, images, rotate(), rotate())    # of maps; without a response, of what must not change
    gradient_flow(model, images).ratio                       # what of the gradient comes through to the first layer
    receptive_field(model)                                   # computed from the layers, and measured

Each takes models of the user's own; inputs are drawn or given as NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import keras
import numpy as np

from arch.account import account
from arch.blocks import require
from arch.kernels import compiled, pullback, weight_gradients
from arch.uses import uses

Action = Callable[[Any], Any]

_TINY = float(np.finfo(np.float32).tiny)


def shift(steps: int = 1, axis: int = 1) -> Action:
    """Move everything along an axis; what leaves at one end comes in at the other."""
    return lambda x: np.roll(x, steps, axis)


def flip(axis: int = -2) -> Action:
    """Mirror an axis; by default the last spatial one."""
    return lambda x: np.flip(x, axis)


def rotate(quarters: int = 1, axes: tuple[int, int] = (1, 2)) -> Action:
    """Turn by quarters of a full turn in the plane of two axes, the first towards the second."""
    return lambda x: np.rot90(x, quarters, axes)


def permute(axis: int = 1, seed: int = 0) -> Action:
    """Bring the positions of an axis into another order, drawn from the seed."""
    return lambda x: np.take(x, np.random.default_rng(seed).permutation(x.shape[axis]), axis)


def reverse_complement() -> Action:
    """Read the other strand of one-hot DNA, (batch, length, 4) with the bases in the order A, C, G, T."""
    return lambda x: np.flip(x, (1, 2))


def turn_points(rotation: np.ndarray) -> Action:
    """Turn the first three channels, positions in space, by a rotation matrix (3, 3)."""
    return lambda x: np.concatenate([x[..., :3] @ rotation.T, x[..., 3:]], axis=-1).astype(x.dtype)


@dataclass(frozen=True)
class Equivariance:
    """The largest relative error over all outputs, as the model computes by itself and as the backend compiles it."""

    eager: float
    compiled: float

    @property
    def worst(self) -> float:
        """The larger of the two."""
        return max(self.eager, self.compiled)


def equivariance_error(
    model: Callable[[Any], Any], x: Any, action: Action, response: Action | None = None, *, border: int = 0
) -> Equivariance:
    """How far a model is from `f(g x) = g' f(x)`: max |f(g x) - g' f(x)| / max |f(x)|, at inference.

    Args:
        model: a Keras model, or any function from a batch to one tensor.
        x: the batch, as it takes it.
        action: what g does to the batch.
        response: what g' does to the outputs, (batch, ...); without it nothing, which asks for invariance.
        border: positions at both ends of each spatial axis of the outputs that are not compared.
    """

    def error(function: Callable[[Any], Any]) -> float:
        plain, moved = (keras.ops.convert_to_numpy(function(each)) for each in (x, _contiguous(action(x))))
        expected = plain if response is None else response(plain)
        inner = (slice(None), *(slice(border, size - border) for size in moved.shape[1:-1]))
        difference = np.abs(moved[inner] - expected[inner])
        require(difference.size > 0, "equivariance_error", "border must leave positions to compare", border)
        return float(difference.max()) / max(float(np.abs(plain).max()), _TINY)

    call = _inference(model)
    return Equivariance(error(call), error(compiled(call)))


@dataclass(frozen=True)
class Flow:
    """One number for each of some layers, in the order of computation."""

    layers: tuple[str, ...]
    norms: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The first over the last."""
        return self.norms[0] / max(self.norms[-1], _TINY)


def gradient_flow(model: keras.Model, x: Any, seed: int = 0) -> Flow:
    """How strong the gradient is at each depth: |gradient| / |weight| of every kernel, in training.

    The loss is a random direction in the outputs, so that it depends on no labels. A ratio far below 1 says that the
    gradient vanishes on its way to the first layers, one far above 1 that it explodes.

    Args:
        model: functional.
        x: a batch of several examples.
        seed: of the direction.
    """

    def loss(outputs: Any) -> Any:
        direction = np.random.default_rng(seed).normal(size=outputs.shape).astype("float32")
        return keras.ops.mean(keras.ops.cast(outputs, "float32") * direction)

    weights = list(model.trainable_variables)
    gradients = dict(zip(map(id, weights), weight_gradients(model, x, loss, True), strict=True))
    found: dict[str, float] = {}
    for use in uses(model):
        for weight in use.weights("trainable_weights"):
            if len(weight.shape) > 1 and use.first:
                found[f"{use.name}/{weight.name}"] = _norm(gradients[id(weight)]) / max(_norm(weight), _TINY)
    require(bool(found), "gradient_flow", "model must have a trainable kernel", model.name)
    return Flow(tuple(found), tuple(found.values()))


def jacobian_norm(model: Callable[[Any], Any], x: Any, *, probes: int = 4, seed: int = 0) -> float:
    """How much the outputs move when the input does: |J| / sqrt(outputs), Frobenius norm, mean square over the batch.

    Estimated as E |J' v|^2 = |J|^2 over random v of unit variance (Hutchinson 1990); J is that of one example.

    Args:
        model: a Keras model, or any function from one tensor to one tensor.
        x: a batch.
        probes: random directions.
        seed: of the directions.
    """
    call, random = _inference(model), np.random.default_rng(seed)
    shape, back = tuple(call(x).shape), pullback(call)
    squares = [_norm(back(x, random.normal(size=shape).astype("float32"))) ** 2 for _ in range(probes)]
    return float(np.sqrt(np.mean(squares) / prod(shape)))


def jacobian_norms(model: keras.Model, x: Any, *, points: int = 8, seed: int = 0) -> Flow:
    """`jacobian_norm` from the input to some layers, evenly spread over the depth.

    Args:
        model: functional, with one input.
        x: a batch.
        points: how many layers.
        seed: of the directions.
    """
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    places = sorted({round(place) for place in np.linspace(0, len(layers) - 1, points)})
    chosen = [layers[place] for place in places]
    norms = [jacobian_norm(keras.Model(model.input, layer.output), x, seed=seed) for layer in chosen]
    return Flow(tuple(layer.name for layer in chosen), tuple(norms))


@dataclass(frozen=True)
class Reach:
    """Positions of the input that one position of the last maps sees, along each spatial axis.

    Attributes:
        computed: from the layers' windows; None for everything.
        measured: from the first to the last position with a gradient that is not zero; at most the input's size.
        size: of the input.
    """

    computed: tuple[int, ...] | None
    measured: tuple[int, ...]
    size: tuple[int, ...]

    @property
    def agree(self) -> bool:
        """Whether what was measured is what was computed, as far as the input reaches."""
        computed = self.computed or self.size
        return self.measured == tuple(min(pair) for pair in zip(computed, self.size, strict=True))


def receptive_field(model: keras.Model, *, rows: int = 8, seed: int = 0) -> Reach:
    """The receptive field of the middle position of the last layer that has positions.

    Args:
        model: functional, with one input of known size.
        rows: random examples over which gradients add up, so that no maximum or ReLU hides a position.
        seed: of the examples.

    Raises:
        ValueError: where no layer's output has positions.
    """
    maps = [layer for layer in model.layers if _has_positions(layer)]
    require(bool(maps), "receptive_field", "model must have a layer with positions", model.name)
    part = keras.Model(model.input, maps[-1].output)
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, *model.input_shape[1:])).astype("float32")
    direction = np.zeros((rows, *part.output_shape[1:]), "float32")
    middle = tuple(size // 2 for size in part.output_shape[1:-1])
    direction[(slice(None), *middle)] = random.normal(size=(rows, part.output_shape[-1]))
    seen = np.abs(keras.ops.convert_to_numpy(pullback(_inference(part))(x, direction))).max(axis=(0, -1)) > 0
    places = [np.flatnonzero(seen.any(tuple(a for a in range(seen.ndim) if a != axis))) for axis in range(seen.ndim)]
    spans = tuple(int(place[-1] - place[0] + 1) if place.size else 0 for place in places)
    return Reach(account(part).receptive_field, spans, tuple(model.input_shape[1:-1]))


def parameter_sharing(model: keras.Model) -> float:
    """How often a weight is used for one example, on average: multiply-adds over the weights of all kernels.

    1 for a dense network; a convolution's weights are used once at every position.
    """
    found = account(model)
    kernels = [w for use in found.uses if use.first for w in use.weights("trainable_weights") if len(w.shape) > 1]
    return found.multiply_adds / max(sum(prod(weight.shape) for weight in kernels), 1)


def _inference(model: Callable[..., Any]) -> Callable[[Any], Any]:
    return (lambda x: model(x, training=False)) if isinstance(model, keras.layers.Layer) else model


def _has_positions(layer: Any) -> bool:
    output: Any = () if isinstance(layer, keras.layers.InputLayer) else layer.output
    return hasattr(output, "shape") and len(output.shape) > 2


def _contiguous(x: Any) -> Any:
    return keras.tree.map_structure(np.ascontiguousarray, x)


def _norm(x: Any) -> float:
    return float(np.linalg.norm(keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))))
