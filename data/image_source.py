"""What every source of pictures gives, before rows that stand twice are looked for and parts are carved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np


class Part(NamedTuple):
    """Pictures and their classes.

    Attributes:
        pixels: (rows, height, width, channels) uint8.
        labels: (rows,) class indices.
    """

    pixels: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Source:
    """Pictures as read.

    Attributes:
        parts: `all`, or `train` and what else is given of `val` and `test`; of one size.
        classes: names, in the order of the indices.
        about: name, source, licence; part_rule where the set says which rows test.
        files: what was read, by name.
        found: what had to be converted -> how many pictures.
        corrupt: what could not be read: file and reason.
        digests: part -> sha256 of files that are not in `files`.
    """

    parts: Mapping[str, Part]
    classes: list[str]
    about: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)
    found: Mapping[str, int] = field(default_factory=dict)
    corrupt: list[str] = field(default_factory=list)
    digests: Mapping[str, str] = field(default_factory=dict)
