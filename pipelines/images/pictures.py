"""Pictures prepared as a trained model wants them, for verbs that look inside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.errors import BadInput
from data.image_decoding import decode
from data.image_files import requested
from data.image_requests import shape_of, warn
from pipelines.serve.folder import Export


def pictures(places: Sequence[str], export: Export, most: int) -> tuple[list[Path], np.ndarray, int]:
    """The readable ones of the first pictures of files and folders, in the size of the model.

    Returns:
        Paths, (rows, height, width, channels) uint8, and how many pictures there are in all.

    Raises:
        BadInput: there is none.
    """
    every = [path for place in places for _, some in requested(place, "path") for path in some]
    paths = every[:most]
    decoded = decode(paths, shape_of(export.metadata["data"]))
    warn(decoded, paths)
    if not len(decoded.kept):
        raise BadInput("no readable picture", wanted="at least one", where=", ".join(places))
    return [paths[row] for row in decoded.kept], decoded.pixels, len(every)
