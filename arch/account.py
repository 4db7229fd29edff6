"""What a model costs, before anything runs: parameters, multiply-adds, memory and receptive field, layer by layer.

Everything is read from shapes; nothing is computed on data, and a model built inside `outline` does not even hold its
weights. Multiply-adds count convolutions, dense layers, recurrent cells and attention (projections and products), the
convention of the published figures; FLOPs are twice that. A layer of one's own says what it takes in a method
`multiply_adds(input_shape) -> int`, with the batch as None in front (a list of shapes where it takes several inputs).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from math import prod
from typing import Any

import keras
from keras.src.backend.common import global_state

from arch.backward import plan
from arch.counts import multiply_adds
from arch.memory import Memory, training_step
from arch.receptive_field import Fields, receptive_fields
from arch.uses import Shape, Use, uses

_TOTALS = ("parameters", "parameters_total", "frozen", "buffers", "multiply_adds", "flops", "activation_bytes")


@dataclass(frozen=True)
class Row:
    """One use of one layer; weights are counted at a layer's first use.

    Attributes:
        name: the layer's name, behind those of the models that it lies in: `trunk/stem_conv`.
        kind: the layer's class.
        output_shape: without the batch; a tuple of shapes where there are several outputs.
        trainable: numbers in trainable weights.
        frozen: numbers in weights that could be trained and are not.
        buffers: numbers in weights that no gradient ever reaches, such as moving averages.
        multiply_adds: for one example; None where the layer holds matrices and nobody says how it uses them.
        activation_bytes: of its output and of what it computes in between that training keeps for one example.
        receptive_field: positions of the input that one position of the output sees, along each spatial axis; None
            where every position may matter.
    """

    name: str
    kind: str
    output_shape: Shape
    trainable: int
    frozen: int
    buffers: int
    multiply_adds: int | None
    activation_bytes: int
    receptive_field: tuple[int, ...] | None


@dataclass(frozen=True)
class Account:
    """The rows of a model in the order in which it computes, and their totals."""

    layers: tuple[Row, ...]
    uses: tuple[Use, ...] = field(repr=False)

    @cached_property
    def parameters(self) -> int:
        """Trainable parameters."""
        return sum(row.trainable for row in self.layers)

    @cached_property
    def frozen(self) -> int:
        """Parameters that training leaves alone."""
        return sum(row.frozen for row in self.layers)

    @cached_property
    def buffers(self) -> int:
        """Numbers that are no parameters, such as moving averages."""
        return sum(row.buffers for row in self.layers)

    @property
    def parameters_total(self) -> int:
        """All numbers that the model holds: trainable, frozen, buffers."""
        return self.parameters + self.frozen + self.buffers

    @cached_property
    def multiply_adds(self) -> int:
        """For one example, without the layers in `uncounted`."""
        return sum(row.multiply_adds or 0 for row in self.layers)

    @property
    def flops(self) -> int:
        """For one example: a multiplication and an addition for each multiply-add."""
        return 2 * self.multiply_adds

    @cached_property
    def activation_bytes(self) -> int:
        """What training keeps of one example between the forward and the backward pass."""
        return sum(row.activation_bytes for row in self.layers)

    @property
    def receptive_field(self) -> tuple[int, ...] | None:
        """Of the last layer that has spatial axes; None where it sees everything, () where there are no axes."""
        fields = [(row.receptive_field, use) for row, use in zip(self.layers, self.uses, strict=True)]
        maps = [field for field, use in fields if len(use.output) > 2 and use.inputs]
        return maps[-1] if maps else None if any(field for field, _ in fields) else ()

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Layers whose multiply-adds are not known."""
        return tuple(row.name for row in self.layers if row.multiply_adds is None)

    def memory(self, batch_size: int, **options: Any) -> Memory:
        """Of a training step; options as of `arch.memory.training_step`."""
        return training_step(self.uses, **options).memory(batch_size)

    def as_json(self) -> dict[str, Any]:
        """Totals and rows, ready for JSON."""
        totals = {name: getattr(self, name) for name in (*_TOTALS, "receptive_field", "uncounted")}
        return totals | {"layers": [asdict(row) for row in self.layers]}

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
        numbers = (self.parameters, self.frozen + self.buffers, self.multiply_adds, self.activation_bytes)
        return ("total", "", "", *(f"{number:,}" for number in numbers))


def _cells(row: Row) -> tuple[str, ...]:
    shape = " x ".join(str(size) for size in row.output_shape)
    work = "?" if row.multiply_adds is None else f"{row.multiply_adds:,}"
    numbers = (f"{row.trainable:,}", f"{row.frozen + row.buffers:,}", work, f"{row.activation_bytes:,}")
    return (row.name, row.kind, shape, *numbers)


def outline(build: Callable[[], keras.Model]) -> keras.Model:
    """A model as shapes alone: its weights are told their sizes and hold no values, so that it cannot compute.

    Args:
        build: makes the model.
    """
    waiting = "uninitialized_variables"
    before = list(global_state.get_global_attribute(waiting, []))
    try:
        with keras.StatelessScope(initialize_variables=False):
            return build()
    finally:  # Keras, which has no public way to ask it not to, would fill them when the next scope ends: gigabytes
        global_state.set_global_attribute(waiting, before)


def account(model: keras.Model) -> Account:
    """The account of a functional or sequential model whose axes, but for the batch, have known sizes.

    Raises:
        ValueError: when the model has no graph of layers, or an axis without a size.
    """
    found = uses(model)
    return Account(tuple(map(_row, found, _kept(found), receptive_fields(found))), found)


def _kept(found: tuple[Use, ...]) -> list[int]:
    """Bytes that each use leaves to the backward pass."""
    backward = plan(found, half=False)
    inside = {piece.position: piece.inside for piece in backward.pieces}
    read = {number for piece in backward.pieces for number in piece.reads}
    return [
        int(inside.get(position, 0))
        + sum(tensor.bytes for tensor in use.outputs if tensor.number in read or not use.inputs)
        for position, use in enumerate(found)
    ]


def _row(use: Use, bytes_kept: int, fields: Fields) -> Row:
    shapes = tuple(tensor.shape[1:] for tensor in use.outputs)
    trainable, other = (
        _size(use.weights(f"{kind}_weights")) if use.first else 0 for kind in ("trainable", "non_trainable")
    )
    frozen = _size(_frozen(use.layer)) if use.first else 0
    return Row(
        name=use.name,
        kind=type(use.layer).__name__,
        output_shape=shapes[0] if len(shapes) == 1 else shapes,
        trainable=trainable,
        frozen=frozen,
        buffers=other - frozen,
        multiply_adds=multiply_adds(use),
        activation_bytes=bytes_kept,
        receptive_field=None if fields is None else tuple(field.size for field in fields),
    )


def _frozen(layer: Any) -> list[Any]:
    """Weights that the layer made to be trained and that are not."""
    parts = layer._flatten_layers() if isinstance(layer, keras.layers.Layer) else ()
    return [weight for part in parts for weight in part._trainable_variables if not weight.trainable]


def _size(weights: list[Any]) -> int:
    return sum(prod(weight.shape) for weight in weights)
