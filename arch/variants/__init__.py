"""The published configurations by their papers' names. Reading the table imports no Keras; `model` builds one."""

from __future__ import annotations

import sys
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from arch import GRAPHS, builder
from arch.variants import attention, equivariant, graphs, mobile, plain, recurrent, residual
from arch.variants.published import Variant

__all__ = ["VARIANTS", "Variant", "model", "symbols", "variant"]

VARIANTS: dict[str, Variant] = {
    **plain.VARIANTS,
    **residual.VARIANTS,
    **mobile.VARIANTS,
    **attention.VARIANTS,
    **recurrent.VARIANTS,
    **equivariant.VARIANTS,
    **graphs.VARIANTS,
}


def variant(name: str, *, input_shape: tuple[int, ...] | None = None, classes: int | None = None) -> Variant:
    """The variant of this name, for another input or other classes where given; published figures then fall away.

    Raises:
        ValueError: when the table does not hold the name; the nearest names are told.
    """
    if name not in VARIANTS:
        near = get_close_matches(name, VARIANTS, n=3, cutoff=0.4) or sorted(VARIANTS)
        raise ValueError(f"variants: name must be one of {', '.join(near)}, got {name}")
    found = VARIANTS[name]
    if input_shape in (None, found.input_shape) and classes in (None, found.classes):
        return found
    changed = replace(found, input_shape=input_shape or found.input_shape, parameters=None, multiply_adds=None)
    return changed if classes is None else replace(changed, classes=classes)


def symbols(name: str, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Keras inputs of this shape, without the batch, and what the builder of this name takes of them."""
    import keras

    if name in GRAPHS:
        from arch.graph import graph_inputs

        return graph_inputs(shape[-1])
    inputs = keras.Input(shape, name="inputs")
    return inputs, inputs


def model(chosen: Variant) -> Any:
    """The Keras model of a variant: input, builder, head; its weights are random."""
    import keras

    from arch.heads import HEADS

    sys.setrecursionlimit(max(sys.getrecursionlimit(), 50_000))  # Keras walks a graph by recursion, some calls a layer
    inputs, argument = symbols(chosen.builder, chosen.input_shape)
    outputs = builder(chosen.builder)(argument, **chosen.options)
    if chosen.head != "none":
        outputs = HEADS[chosen.head](outputs, chosen.classes)
    return keras.Model(inputs, outputs, name=chosen.builder)
