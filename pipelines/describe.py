"""`describe`: the resources of an architecture, from its shapes alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from arch import builder, heads
from arch.account import account
from arch.variants import Variant, symbols
from data.errors import BadInput
from pipelines.options import Builder


def describe(
    name: str, about: Builder, options: Mapping[str, Any], shape: tuple[int, ...], flags: Any, variant: Variant | None
) -> dict[str, Any] | None:
    """Parameters, multiply-adds and activation memory, layer by layer; printed, or returned for `--json`.

    Raises:
        BadInput: when the architecture refuses its options or the shape.
    """
    inputs, argument = symbols(about.name, shape)
    classes = flags.classes or (variant.classes if variant else 0)
    try:
        outputs = builder(about.name)(argument, **options)
        if classes:
            outputs = heads.HEADS[variant.head if variant else "multi_class"](outputs, classes)
    except ValueError as error:
        raise BadInput(f"the architecture refuses: {error}") from error
    counts = account(keras.Model(inputs, outputs))
    answer = {
        "name": name,
        "builder": about.name,
        "options": dict(options),
        "input": shape,
        "classes": classes,
        **counts.as_json(),
    }
    if flags.json:
        return answer
    print(f"{name}: {about.summary}\nSource: {variant.source if variant else about.source}\n")
    print(counts.as_table())
    megabytes = counts.activation_bytes * flags.batch_size / 2**20
    work = f"{counts.parameters:,} parameters, {counts.multiply_adds:,} multiply-adds a row"
    print(f"\n{work}, {megabytes:,.1f} MiB of activations for a batch of {flags.batch_size}")
    if variant:
        print(f"published: {variant.parameters or 0:,} parameters, {variant.multiply_adds or 0:,} multiply-adds")
    return None
