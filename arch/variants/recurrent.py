"""Single recurrent layers without a head; one bias vector per gate, as Keras has it."""

from __future__ import annotations

from arch.variants.published import Variant


def _layer(cell: str, source: str, parameters: int) -> Variant:
    return Variant("recurrent", {"cell": cell, "units": (128,)}, (100, 64), 0, "none", source, parameters)


VARIANTS: dict[str, Variant] = {
    "lstm128_on_64": _layer("lstm", "Hochreiter and Schmidhuber 1997", 98816),
    "gru128_on_64": _layer("gru", "Cho 2014, reset after the product", 74496),
    "rnn128_on_64": _layer("rnn", "Elman 1990", 24704),
}
