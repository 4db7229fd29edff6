"""The backward pass on shapes alone: which values are still held, and which gradients are on their way, at each layer.

Values go by number. A view of a value, as a reshape gives it, is the value itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from arch.kept import Kept, is_view, kept
from arch.uses import Tensor, Use

_SEGMENTS = 32  # so many sizes of a segment are tried


class Piece(NamedTuple):
    """One use of a layer through which gradients flow.

    Attributes:
        position: of the use among all uses.
        outputs: values whose gradients it takes.
        inputs: values whose gradients it gives.
        takes: all values that its forward pass takes.
        reads: values of the forward pass that its backward pass reads.
        inside: bytes of one example that it keeps besides.
        sums: whether the gradient goes on as it comes.
    """

    position: int
    outputs: tuple[int, ...]
    inputs: tuple[int, ...]
    takes: tuple[int, ...]
    reads: tuple[int, ...]
    inside: float
    sums: bool


@dataclass(frozen=True)
class Plan:
    """What the backward pass goes through.

    Attributes:
        pieces: in the order of the forward pass.
        sizes: bytes of one example of each value.
        inputs: bytes of one example of the model's inputs, which are held throughout.
    """

    pieces: tuple[Piece, ...]
    sizes: dict[int, float]
    inputs: float


def plan(uses: Sequence[Use], half: bool) -> Plan:
    """The plan of a model's uses; `half` where layers compute in 16 bits."""
    planner = _Planner(half)
    found = (planner.piece(position, use) for position, use in enumerate(uses))
    pieces = [piece for piece in found if piece]
    return Plan(tuple(pieces), planner.sizes, planner.inputs)


class _Planner:
    """What is known of the values met so far."""

    def __init__(self, half: bool) -> None:
        self.half = half
        self.sizes: dict[int, float] = {}
        self.source: dict[int, int] = {}
        self.learned: set[int] = set()
        self.inputs = 0.0
        self.cache: dict[str, Kept] = {}

    def piece(self, position: int, use: Use) -> Piece | None:
        """The use as a piece; None where it shows a value that is there, or nothing before it learns."""
        given = tuple(self.source[tensor.number] for tensor in use.inputs)
        if given and is_view(use):
            self.source |= {tensor.number: given[0] for tensor in use.outputs}
            return None
        made = tuple(self._add(tensor, is_input=not given) for tensor in use.outputs)
        weights = use.weights("trainable_weights")
        if not weights and not self.learned.intersection(given):
            return None
        self.learned.update(made)
        held = kept(use, self.cache)
        reads = [number for number, read in zip(given, held.inputs, strict=True) if read]
        return Piece(
            position,
            outputs=made,
            inputs=tuple(number for number in given if number in self.learned),
            takes=given,
            reads=(*reads, *made[: int(held.output)]),
            inside=held.inside * (0.5 if self.half and use.outputs[0].dtype == "float32" else 1.0),
            sums=held.sums,
        )

    def _add(self, tensor: Tensor, is_input: bool) -> int:
        self.source[tensor.number] = tensor.number
        cast = self.half and tensor.real
        self.sizes[tensor.number] = 2.0 * tensor.size if cast else 0.0 if is_input else float(tensor.bytes)
        self.inputs += tensor.bytes if is_input else 0
        return tensor.number


def alive(plan: Plan) -> list[float]:
    """Bytes of one example that are held while the way back is at each piece: what it and those before it read."""
    held, seen, result = plan.inputs, set[int](), []
    for piece in plan.pieces:
        held += piece.inside + sum(plan.sizes[number] for number in {*piece.reads} - seen)
        seen.update(piece.reads)
        result.append(held)
    return result


def gradients(plan: Plan) -> list[float]:
    """Bytes of one example of the gradients of values that wait, or are being made, at each piece on the way back."""
    waiting: dict[int, float] = {}
    result = []
    for piece in reversed(plan.pieces):
        before = sum(waiting.values())
        came = sum(waiting.pop(number, 0.0) for number in piece.outputs)
        made = {number: plan.sizes[number] for number in piece.inputs}
        if piece.sums:  # all inputs share the gradient that came
            made = {number: came if number == piece.inputs[0] else 0.0 for number in piece.inputs}
        result.append(before + (0.0 if piece.sums else sum(made.values())))
        waiting |= {number: max(size, waiting.get(number, 0.0)) for number, size in made.items()}
    return result[::-1]


def alive_in_segments(plan: Plan) -> list[float]:
    """As `alive`, where only values between segments are held, and one segment at a time is computed anew."""
    whole, between = alive(plan), _between(plan)
    tried = [_segmented(plan, between, whole[-1] * part / _SEGMENTS) for part in range(1, _SEGMENTS) if whole]
    return min([whole, *tried], key=lambda held: max(held, default=0.0))


def _between(plan: Plan) -> list[float]:
    """Bytes of the values that stand between each piece and the next."""
    last = {number: position for position, piece in enumerate(plan.pieces) for number in piece.takes}
    change = [0.0] * len(plan.pieces)
    for position, piece in enumerate(plan.pieces):
        for number in piece.outputs:
            if last.get(number, position) > position:
                change[position] += plan.sizes[number]
                change[last[number]] -= plan.sizes[number]
    return list(accumulate(change))


def _segmented(plan: Plan, between: list[float], most: float) -> list[float]:
    """What is held where segments keep about so many bytes and end where least stands between them."""
    result: list[float] = []
    held = plan.inputs
    while len(result) < len(plan.pieces):
        start = len(result)
        within = _within(plan.pieces[start:], plan.sizes, most)
        half = range(len(within) // 2, len(within))
        ends = start + len(within) < len(plan.pieces)
        size = 1 + (min(half, key=lambda i: (between[start + i], -i)) if ends else len(within) - 1)
        result += [held + within[size - 1]] * size
        held += between[len(result) - 1]
    return result


def _within(pieces: Sequence[Piece], sizes: dict[int, float], most: float) -> list[float]:
    """Bytes that a segment keeps after one piece, two and so on, up to the first that is above the most."""
    held, seen, result = 0.0, set[int](), []
    for piece in pieces:
        held += piece.inside + sum(sizes[number] for number in {*piece.reads} - seen)
        seen.update(piece.reads)
        result.append(held)
        if held > most:
            break
    return result
