"""What an architecture costs, as one object: the account, memory of a training step, published figures, laws."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras

from arch import GRAPHS
from arch.account import Account, account, outline
from arch.memory import training_step
from arch.variants import Variant, model
from data.errors import BadInput
from pipelines.describe import Flags, Subject
from pipelines.memory import machine_bytes

OPTIMIZER = "adamw"
WAYS = {  # name: precision and whether the forward pass is computed anew in segments
    "float32": {"half": False, "checkpointed": False},
    "float32_checkpointed": {"half": False, "checkpointed": True},
    "mixed": {"half": True, "checkpointed": False},
    "mixed_checkpointed": {"half": True, "checkpointed": True},
}


def answer(subject: Subject, flags: Flags) -> dict[str, Any]:
    """Everything that is told of a subject; no weight is made unless laws are asked for.

    Raises:
        BadInput: when the architecture refuses its options or the shape.
    """
    chosen = subject.chosen
    try:
        counts = account(outline(lambda: model(chosen)))
    except ValueError as error:
        raise BadInput(f"the architecture refuses: {error}") from error
    told = {
        "name": subject.name,
        "summary": subject.summary,
        "builder": chosen.builder,
        "options": dict(chosen.options),
        "input": chosen.input_shape,
        "classes": chosen.classes,
        "source": chosen.source,
        "published": published(chosen, counts),
        **counts.as_json(),
        "memory": memory(counts, flags.batch_size),
    }
    if flags.laws:
        from pipelines.describe.laws import measured

        keras.utils.set_random_seed(0)
        told["laws"] = measured(model(chosen), chosen)
    return told


def published(chosen: Variant, counts: Account) -> dict[str, Any]:
    """Published figures of a variant and whether ours are equal, to the last digit that is printed there."""
    figures = {"parameters": chosen.parameters, "multiply_adds": chosen.multiply_adds}
    return {
        name: {"published": value, "equal": agrees(getattr(counts, name), value)}
        for name, value in figures.items()
        if value is not None
    }


def agrees(ours: int, theirs: int) -> bool:
    """Whether a count rounds to one that ends in zeros: half of its last digit that is none is allowed for."""
    digits = str(theirs)
    return abs(ours - theirs) <= 10 ** (len(digits) - len(digits.rstrip("0"))) // 2


def memory(counts: Account, batch_size: int) -> dict[str, Any]:
    """Bytes of a training step in each way to take it, and the largest batch that this machine could take."""
    told: dict[str, Any] = {"batch_size": batch_size, "optimizer": OPTIMIZER, "machine": machine_bytes()}
    for name, way in WAYS.items():
        step = training_step(counts.uses, optimizer=OPTIMIZER, **way)
        largest = step.largest_batch(told["machine"])
        told[name] = dataclasses.asdict(step.memory(batch_size)) | {"largest_batch": largest}
    return told


def unit(builder: str) -> str:
    """What one example is called."""
    return "node, without its edges" if builder in GRAPHS else "example"
