"""What a published configuration is. No Keras is imported here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Variant:
    """A builder with the options of a publication.

    Attributes:
        builder: key in `arch.BUILDERS`.
        options: the builder's options that differ from its defaults.
        input_shape: without the batch.
        classes: outputs of the head, 0 where there is none.
        head: key in `arch.heads.HEADS`, or "none" for the bare features.
        source: the publication.
        parameters: trainable parameters, exact.
        multiply_adds: as published; convolutions, dense layers, attention products; rounded where it ends in zeros.
    """

    builder: str
    options: Mapping[str, Any]
    input_shape: tuple[int, ...]
    classes: int
    head: str
    source: str
    parameters: int | None = None
    multiply_adds: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))


def imagenet(
    builder: str,
    source: str,
    parameters: int | None = None,
    multiply_adds: int | None = None,
    *,
    side: int = 224,
    **options: Any,
) -> Variant:
    """A classifier of the thousand classes of ImageNet, on square pictures of this many pixels a side."""
    return Variant(builder, options, (side, side, 3), 1000, "multi_class", source, parameters, multiply_adds)


def cifar(
    builder: str, source: str, parameters: int | None = None, multiply_adds: int | None = None, **options: Any
) -> Variant:
    """A classifier of ten classes of pictures of 32 x 32 pixels in colour."""
    return Variant(builder, options, (32, 32, 3), 10, "multi_class", source, parameters, multiply_adds)
