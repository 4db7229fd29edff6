"""A functional model as a list: every use of every layer in the order of computation, nested models opened."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import keras

from arch.blocks import require

Shape = tuple[Any, ...]

_BYTES = {"float64": 8, "int64": 8, "uint64": 8, "complex64": 8, "float16": 2, "bfloat16": 2, "int16": 2, "uint16": 2}
_BYTES |= {"int8": 1, "uint8": 1, "bool": 1}


@dataclass(frozen=True)
class Tensor:
    """A value that is computed.

    Attributes:
        number: equal for uses of the same value alone.
        shape: batch first, as None.
        dtype: by its Keras name.
    """

    number: int
    shape: Shape
    dtype: str

    @property
    def size(self) -> int:
        """Numbers in one example."""
        return prod(self.shape[1:])

    @property
    def real(self) -> bool:
        """Whether gradients flow through it."""
        return "float" in self.dtype

    @property
    def bytes(self) -> int:
        """Of one example."""
        return self.size * _BYTES.get(self.dtype, 4)


@dataclass(frozen=True)
class Use:
    """One use of one layer, or of one operation of `keras.ops`.

    Attributes:
        name: the layer's, behind those of the models that it lies in: `trunk/stem_conv`.
        layer: the layer or operation.
        inputs: what it takes, in order, without the masks that it is handed.
        outputs: what it gives.
        first: whether its weights are met here for the first time.
        arguments: everything that it was called with, symbolic tensors among it.
    """

    name: str
    layer: Any
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    first: bool
    arguments: Any = ((), {})

    @property
    def shapes(self) -> list[Shape]:
        """Of the inputs, batch first."""
        return [tensor.shape for tensor in self.inputs]

    @property
    def output(self) -> Shape:
        """Shape of the first output, batch first."""
        return self.outputs[0].shape

    def weights(self, kind: str = "weights") -> list[Any]:
        """The layer's weights of a kind: weights, trainable_weights, non_trainable_weights."""
        return list(getattr(self.layer, kind, ()))

    def call(self, *given: Any) -> Any:
        """The layer on other inputs, without masks; in training, where that makes a difference to it."""
        args, keywords = self.arguments
        replaced = iter(given)
        args, some = keras.tree.map_structure(
            lambda leaf: next(replaced) if isinstance(leaf, keras.KerasTensor) else leaf, (args, _unmasked(keywords))
        )
        takes = "training" in inspect.signature(self.layer.call).parameters
        return self.layer(*args, **{**some, "training": True} if takes else some)


def uses(model: Any) -> tuple[Use, ...]:
    """Every use of every layer of a functional or sequential model whose axes, but for the batch, have known sizes.

    Raises:
        ValueError: when the model has no graph of layers, or an axis without a size.
    """
    require(_graph(model) is not None, "account", "model must be functional or sequential", type(model).__name__)
    for tensor in model.inputs:
        require(None not in tensor.shape[1:], "account", "inputs must have known sizes", tensor.shape)
    return tuple(_Walk().uses(model, {}))


def _graph(model: Any) -> Any:
    """The functional graph of a model, None where there is none."""
    if isinstance(model, keras.Sequential):
        return model._functional if model.built else None
    return model if isinstance(model, keras.Model) and hasattr(model, "_nodes_by_depth") else None


class _Walk:
    """The walk through a model and those nested in it."""

    def __init__(self) -> None:
        self.tensors = 0
        self.seen: set[int] = set()

    def uses(self, model: Any, known: dict[int, Tensor], prefix: str = "") -> Iterator[Use]:
        """The uses in a model; `known` holds the values of its symbolic tensors so far, by their ids."""
        # Keras has no public way to ask which uses of a shared layer belong to a model; its own summary reads this too.
        nodes = _graph(model)._nodes_by_depth
        for node in (node for depth in sorted(nodes, reverse=True) for node in nodes[depth]):
            if all(id(tensor) in known for tensor in node.outputs):
                continue  # the inputs of a nested model
            name = f"{prefix}{node.operation.name}"
            if _graph(node.operation) is not None:
                yield from self._nested(node, known, f"{name}/")
            else:
                yield self._use(node, known, name)

    def _nested(self, node: Any, known: dict[int, Tensor], prefix: str) -> Iterator[Use]:
        inner = _graph(node.operation)
        given = [known[id(tensor)] for tensor in _inputs(node)]
        inside = {id(tensor): value for tensor, value in zip(inner.inputs, given, strict=False)}
        yield from self.uses(node.operation, inside, prefix)
        known |= {id(outer): inside[id(own)] for outer, own in zip(node.outputs, inner.outputs, strict=True)}

    def _use(self, node: Any, known: dict[int, Tensor], name: str) -> Use:
        operation = node.operation
        shapes = tuple(tuple(tensor.shape[1:]) for tensor in node.outputs)
        require(not any(None in shape for shape in shapes), "account", f"{name} must have a known output size", shapes)
        known |= {id(tensor): self._tensor(tensor) for tensor in node.outputs}
        first = id(operation) not in self.seen
        self.seen.add(id(operation))
        inputs, outputs = ([known[id(tensor)] for tensor in each] for each in (_inputs(node), node.outputs))
        arguments = (node.arguments.args, node.arguments.kwargs)
        return Use(name, operation, tuple(inputs), tuple(outputs), first, arguments)

    def _tensor(self, tensor: Any) -> Tensor:
        self.tensors += 1
        return Tensor(self.tensors, tuple(tensor.shape), keras.backend.standardize_dtype(tensor.dtype))


def _inputs(node: Any) -> list[Any]:
    """The symbolic tensors that a layer works on, in order, without masks."""
    leaves = keras.tree.flatten((node.arguments.args, _unmasked(node.arguments.kwargs)))
    return [leaf for leaf in leaves if isinstance(leaf, keras.KerasTensor)]


def _unmasked(keywords: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in keywords.items() if "mask" not in key}
