"""What a function leaves behind for its gradient, read from the backend's own graph of it; nothing is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras

from arch.kernels.choice import fast

_ALIASES = ("Identity", "Reshape", "Squeeze", "ExpandDims", "StopGradient", "IdentityN", "PreventGradient")
_SHAPES = ("Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike", "BroadcastGradientArgs")


class Residuals(NamedTuple):
    """What the backward pass reads.

    Attributes:
        inputs: for each input, whether it is read.
        output: whether the first output is read.
        inside: bytes for one example of everything else that depends on the batch.
    """

    inputs: tuple[bool, ...]
    output: bool
    inside: float


def residuals(
    function: Callable[..., Any], inputs: Sequence[tuple[tuple[Any, ...], str]], weights: Sequence[Any] = ()
) -> Residuals:
    """What the gradient of a function in its inputs and in these weights keeps.

    The portable twin knows no graph and takes it that inputs and output are kept.

    Args:
        function: from tensors to one tensor or a structure of them.
        inputs: shape, batch first, and dtype of each.
        weights: Keras variables that the function uses, which need hold no values.
    """
    if not fast():
        return Residuals((True,) * len(inputs), True, 0.0)

    def with_weights(given: Sequence[Any], values: Sequence[Any]) -> list[Any]:
        with keras.StatelessScope(zip(weights, values, strict=True), initialize_variables=False):
            return [y for y in keras.tree.flatten(function(*given)) if _is_real(y.dtype)]

    own = [(tuple(weight.shape), keras.backend.standardize_dtype(weight.dtype)) for weight in weights]
    # What belongs to the weights is the same for two examples and for three; the rest is one example's.
    two, three = (_traced(with_weights, [((n, *s[1:]), d) for s, d in inputs], own) for n in (2, 3))
    return three._replace(inside=three.inside - two.inside)


def _is_real(dtype: Any) -> bool:
    return "float" in keras.backend.standardize_dtype(dtype)


def _traced(function: Callable[..., Any], inputs: list[Any], weights: list[Any]) -> Residuals:
    import tensorflow as tf

    seen: dict[str, Any] = {}

    def step(given: list[Any], values: list[Any]) -> None:
        real = [x for x in [*given, *values] if x.dtype.is_floating]
        with tf.GradientTape() as tape:
            tape.watch(real)
            outputs = function(given, values)
        seen["forward"] = {op.name for op in tf.compat.v1.get_default_graph().get_operations()}
        gradients = tape.gradient(outputs, real)
        dense = [g.values if isinstance(g, tf.IndexedSlices) else g for g in gradients if g is not None]
        seen.update(inputs=[_root(x) for x in given], outputs=[_root(y) for y in outputs], gradients=dense)

    specs = [[tf.TensorSpec(shape, dtype) for shape, dtype in each] for each in (inputs, weights)]
    tf.function(step, autograph=False).get_concrete_function(*specs)
    read = _read(seen["forward"], seen["gradients"])
    ends = {*seen["inputs"], *seen["outputs"][:1]}
    inside = sum(_bytes(tensor) for name, tensor in read.items() if name not in ends)
    return Residuals(tuple(name in read for name in seen["inputs"]), seen["outputs"][0] in read, float(inside))


def _read(forward: set[str], gradients: list[Any]) -> dict[str, Any]:
    """Values of the forward pass, by name, that the operations behind these gradients read."""
    read: dict[str, Any] = {}
    waiting, done = [gradient.op for gradient in gradients], set()
    while waiting:
        op = waiting.pop()
        if op.name in done or op.name in forward:
            continue
        done.add(op.name)
        for tensor in op.inputs:
            if tensor.op.name not in forward:
                waiting.append(tensor.op)
            elif op.type not in _SHAPES:
                read[_root(tensor)] = tensor
    return read


def _root(tensor: Any) -> str:
    """The name of the value that this one is another view of."""
    while tensor.op.type in _ALIASES:
        tensor = tensor.op.inputs[tensor.value_index if tensor.op.type == "IdentityN" else 0]
    return tensor.name


def _bytes(tensor: Any) -> int:
    known = tensor.shape.is_fully_defined() and tensor.dtype.name not in ("resource", "variant")
    return tensor.shape.num_elements() * tensor.dtype.size if known else 0
