"""What every source of pictures gives, before rows that stand twice are looked for and parts are carved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np

from data.splits import Rows


class Part(NamedTuple):
    """Pictures and their classes.

    Attributes:
        pixels: (rows, height, width, channels) uint8.
        labels: (rows,) class indices.
        places: where each comes from; empty for "part[row]".
    """

    pixels: np.ndarray
    labels: np.ndarray
    places: Sequence[str] = ()


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
        others: what was not looked at, such as files of other kinds -> how many.
        digests: part -> sha256 of files that are not in `files`.
    """

    parts: Mapping[str, Part]
    classes: list[str]
    about: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)
    found: Mapping[str, int] = field(default_factory=dict)
    corrupt: list[str] = field(default_factory=list)
    others: Mapping[str, int] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)


def ids_of(parts: Mapping[str, Part]) -> dict[str, np.ndarray]:
    """Numbers that are equal for equal pictures."""
    contents = [sha256(picture).digest() for part in parts.values() for picture in part.pixels]
    numbers = np.unique(np.array(contents, dtype="S32"), return_inverse=True)[1]
    ends = np.cumsum([len(part.labels) for part in parts.values()])[:-1]
    return dict(zip(parts, np.split(numbers, ends), strict=True))


def places_of(name: str, part: Part) -> Sequence[str]:
    """Where each picture of a part comes from."""
    return part.places or [f"{name}[{row}]" for row in range(len(part.labels))]


def rows_of(parts: Mapping[str, Part], keep: Mapping[str, np.ndarray]) -> tuple[dict[str, Rows], list[str]]:
    """The rows that are kept of each part, `row` counting all that are kept, and where these come from."""
    found: dict[str, Rows] = {}
    places: list[str] = []
    for name, part in parts.items():
        own = places_of(name, part)
        rows = np.flatnonzero(keep[name])
        number = np.arange(len(places), len(places) + len(rows), dtype=np.int32)
        found[name] = Rows({"image": part.pixels[rows], "label": part.labels[rows].astype(np.int32), "row": number})
        places += [own[row] for row in rows.tolist()]
    return found, places
