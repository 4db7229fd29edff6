"""What a model costs, before anything runs: parameters, multiply-adds and activation bytes, layer by layer.

Everything is read from shapes; nothing is computed on data. Multiply-adds count convolutions, dense layers,
recurrent cells and attention (projections and products), the convention of the published figures; FLOPs are twice
that. A layer of one's own says what it takes in a method `multiply_adds(input_shape) -> int`, with the batch as
None in front (a list of shapes where it takes several inputs).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

import keras

from arch.blocks import require
from arch.counts import Shape, multiply_adds

_BYTES = {"float64": 8, "int64": 8, "uint64": 8, "float16": 2, "bfloat16": 2, "int16": 2, "uint16": 2}
_BYTES |= {"int8": 1, "uint8": 1, "bool": 1}


@dataclass(frozen=True)
class Row:
    """One use of one layer; weights are counted at a layer's first use.

    Attributes:
        name: the layer's name, behind those of the models that it lies in: `trunk/stem_conv`.
        kind: the layer's class.
        output_shape: without the batch; a tuple of shapes where there are several outputs.
        trainable: numbers in trainable weights.
        non_trainable: numbers in other weights, such as moving averages.
        multiply_adds: for one example; None where the layer holds matrices and nobody says how it uses them.
        activation_bytes: of its output for one example.
    """

    name: str
    kind: str
    output_shape: Shape
    trainable: int
    non_trainable: int
    multiply_adds: int | None
    activation_bytes: int


@dataclass(frozen=True)
class Account:
    """The rows of a model in the order in which it computes, and their totals."""

    layers: tuple[Row, ...]

    @property
    def parameters(self) -> int:
        """Trainable parameters."""
        return sum(row.trainable for row in self.layers)

    @property
    def parameters_total(self) -> int:
        """All parameters, with moving averages."""
        return self.parameters + sum(row.non_trainable for row in self.layers)

    @property
    def multiply_adds(self) -> int:
        """For one example, without the layers in `uncounted`."""
        return sum(row.multiply_adds or 0 for row in self.layers)

    @property
    def activation_bytes(self) -> int:
        """Of all outputs for one example: what training keeps when nothing is shared or computed anew."""
        return sum(row.activation_bytes for row in self.layers)

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Layers whose multiply-adds are not known."""
        return tuple(row.name for row in self.layers if row.multiply_adds is None)

    def as_json(self) -> dict[str, Any]:
        """Totals and rows, ready for JSON."""
        totals = ("parameters", "parameters_total", "multiply_adds", "activation_bytes", "uncounted")
        return {name: getattr(self, name) for name in totals} | {"layers": [asdict(row) for row in self.layers]}

    def as_table(self) -> str:
        """Text with one line a layer and a last line of totals."""
        head = ("layer", "kind", "output", "trainable", "other", "multiply-adds", "bytes")
        lines = [head, *(_cells(row) for row in self.layers), self._totals()]
        widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if column < 3 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )

    def _totals(self) -> tuple[str, ...]:
        numbers = (self.parameters, self.parameters_total - self.parameters, self.multiply_adds, self.activation_bytes)
        return ("total", "", "", *(f"{number:,}" for number in numbers))


def _cells(row: Row) -> tuple[str, ...]:
    shape = " x ".join(str(size) for size in row.output_shape)
    work = "?" if row.multiply_adds is None else f"{row.multiply_adds:,}"
    numbers = (f"{row.trainable:,}", f"{row.non_trainable:,}", work, f"{row.activation_bytes:,}")
    return (row.name, row.kind, shape, *numbers)


def account(model: keras.Model) -> Account:
    """The account of a functional or sequential model whose axes, but for the batch, have known sizes.

    Raises:
        ValueError: when the model has no graph of layers, or an axis without a size.
    """
    require(_graph(model) is not None, "account", "model must be functional or sequential", type(model).__name__)
    for tensor in model.inputs:
        require(None not in tensor.shape[1:], "account", "inputs must have known sizes", tensor.shape)
    return Account(tuple(_rows(model, "", set())))


def _graph(model: Any) -> Any:
    """The functional graph of a model, None where there is none."""
    if isinstance(model, keras.Sequential):
        return model._functional if model.built else None
    return model if isinstance(model, keras.Model) and hasattr(model, "_nodes_by_depth") else None


def _rows(model: Any, prefix: str, seen: set[int]) -> Iterator[Row]:
    # Keras has no public way to ask which uses of a shared layer belong to a model; its own summary reads this too.
    nodes = _graph(model)._nodes_by_depth
    for depth in sorted(nodes, reverse=True):
        for node in nodes[depth]:
            name = f"{prefix}{node.operation.name}"
            if isinstance(node.operation, keras.Model) and _graph(node.operation) is not None:
                yield from _rows(node.operation, f"{name}/", seen)
            else:
                yield _row(node, name, seen)


def _row(node: Any, name: str, seen: set[int]) -> Row:
    operation, outputs = node.operation, node.outputs
    shapes = tuple(tuple(tensor.shape[1:]) for tensor in outputs)
    require(not any(None in shape for shape in shapes), "account", f"{name} must have a known output size", shapes)
    new = id(operation) not in seen
    seen.add(id(operation))
    return Row(
        name=name,
        kind=type(operation).__name__,
        output_shape=shapes[0] if len(shapes) == 1 else shapes,
        trainable=_size(operation, "trainable_weights") if new else 0,
        non_trainable=_size(operation, "non_trainable_weights") if new else 0,
        multiply_adds=multiply_adds(operation, _input_shapes(node), tuple(outputs[0].shape)),
        activation_bytes=sum(prod(tensor.shape[1:]) * _BYTES.get(tensor.dtype, 4) for tensor in outputs),
    )


def _size(operation: Any, kind: str) -> int:
    return sum(prod(weight.shape) for weight in getattr(operation, kind, ()))


def _input_shapes(node: Any) -> list[Shape]:
    """Shapes of the tensors that a layer works on, in order, without the masks that it was handed."""
    keywords = {key: value for key, value in node.arguments.kwargs.items() if "mask" not in key}
    leaves = keras.tree.flatten((node.arguments.args, keywords))
    return [tuple(leaf.shape) for leaf in leaves if isinstance(leaf, keras.KerasTensor)]
