"""What the backward pass needs of each layer, and training therefore keeps: a table, and the backend's own graph."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import keras

from arch.blocks import Unmask
from arch.counts import CONVOLUTIONS, TRANSPOSED
from arch.kernels import residuals
from arch.uses import Use

_L = keras.layers
_POOLS = tuple(getattr(_L, f"{kind}Pooling{n}D") for kind in ("Max", "GlobalMax") for n in (1, 2, 3))
_MEANS = tuple(getattr(_L, f"{kind}Pooling{n}D") for kind in ("Average", "GlobalAverage") for n in (1, 2, 3))
_MOVES = tuple(getattr(_L, f"{kind}{n}D") for kind in ("ZeroPadding", "Cropping", "UpSampling") for n in (1, 2, 3))
_VIEWS = (_L.Reshape, _L.Flatten, _L.Identity, _L.InputLayer, _L.ActivityRegularization, Unmask)
_SUMS = (_L.Add, _L.Subtract, _L.Average)
_NEEDLESS = (*_SUMS, *_MEANS, *_MOVES, _L.Concatenate, _L.Permute, _L.RepeatVector, _L.Rescaling, _L.Embedding)
_LINEAR = (*CONVOLUTIONS, *TRANSPOSED, _L.Dense, _L.EinsumDense)
_READ_OUTPUTS = {"relu", "relu6", "elu", "selu", "sigmoid", "tanh", "softmax", "exponential", "log_softmax"}
_READ_INPUTS = {"leaky_relu", "silu", "softplus", "softsign"}
_STATES = {"LSTM": 7, "GRU": 6, "SimpleRNN": 1}  # vectors of each step that the loops of Keras keep, measured


@dataclass(frozen=True)
class Kept:
    """What is read once more when the gradient comes back.

    Attributes:
        inputs: for each input, whether it is.
        output: whether the output is.
        inside: bytes for one example of what is computed in between.
        sums: whether the gradient goes on as it comes.
    """

    inputs: tuple[bool, ...]
    output: bool = False
    inside: float = 0.0
    sums: bool = False


def is_view(use: Use) -> bool:
    """Whether the output of a use is its input's own memory."""
    idle = isinstance(use.layer, _L.Activation | _L.Dropout) and _does_nothing(use.layer, _activation(use.layer))
    return idle or isinstance(use.layer, _VIEWS)


def kept(use: Use, cache: dict[str, Kept]) -> Kept:
    """What one use of a layer keeps; `cache` spares to look twice into equal layers that are not in the table."""
    every, none = (True,) * len(use.inputs), (False,) * len(use.inputs)
    layer, function = use.layer, _activation(use.layer)
    if is_view(use):
        return Kept(none)
    if isinstance(layer, _NEEDLESS):
        return Kept(none, sums=isinstance(layer, _SUMS))
    if isinstance(layer, _L.BatchNormalization) or (isinstance(layer, _L.Multiply) and len(every) < 3):
        return Kept(every)
    if isinstance(layer, _POOLS):
        return Kept(every, output=True)
    if type(layer) is _L.Dropout:
        return Kept(none, inside=prod(size or 1 for size in layer.noise_shape or use.output[1:]))
    if isinstance(layer, _L.Bidirectional):
        ways = [kept(replace(use, layer=way), cache) for way in (layer.forward_layer, layer.backward_layer)]
        return Kept(every, inside=sum(way.inside for way in ways))
    if states := next((_STATES[kind.__name__] for kind in type(layer).__mro__ if kind.__name__ in _STATES), 0):
        return Kept(every, inside=4 * states * use.shapes[0][1] * layer.cell.units)
    known = function in (*_READ_OUTPUTS, *_READ_INPUTS, "linear")
    if isinstance(layer, (*_LINEAR, _L.Activation, _L.ReLU)) and known and not _cuts_input(layer):
        return _with_activation(use, function)
    return _traced(use, cache)


def _activation(layer: Any) -> str:
    function = "relu" if isinstance(layer, _L.ReLU) else getattr(layer, "activation", None)
    return function if isinstance(function, str) else getattr(function, "__name__", "linear")


def _does_nothing(layer: Any, function: str) -> bool:
    return not layer.rate if isinstance(layer, _L.Dropout) else function == "linear"


def _cuts_input(layer: Any) -> bool:
    """Whether a convolution works on, and keeps, pieces of its input: with dilation or in groups."""
    steps = getattr(layer, "dilation_rate", 1)
    return getattr(layer, "groups", 1) > 1 or max(steps if isinstance(steps, tuple) else (steps,)) > 1


def _with_activation(use: Use, function: str) -> Kept:
    """A layer that is linear in its input, and perhaps a function of one variable behind it, or that alone."""
    linear = isinstance(use.layer, _LINEAR)
    reads_input = function in _READ_INPUTS
    inside = use.outputs[0].bytes if linear and reads_input else 0
    return Kept((linear or reads_input,) * len(use.inputs), output=function in _READ_OUTPUTS, inside=inside)


def _traced(use: Use, cache: dict[str, Kept]) -> Kept:
    layer = use.layer
    config = layer.get_config() if isinstance(layer, _L.Layer) else {"id": id(layer)}
    own = {key: value for key, value in config.items() if key != "name"}
    key = json.dumps([type(layer).__name__, own, [(t.shape, t.dtype) for t in use.inputs]], default=str)
    if key not in cache:
        inputs, output, inside = residuals(use.call, [(t.shape, t.dtype) for t in use.inputs], use.weights())
        cache[key] = Kept(inputs, output, inside)
    return cache[key]
