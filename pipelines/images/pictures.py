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


def pictures(places: Sequence[str], export: Export) -> tuple[list[Path], np.ndarray]:
    """The readable pictures of files and folders, in the size of the model: paths and (rows, height, width, channels).

    Raises:
        BadInput: there is none.
    """
    paths = [path for place in places for _, some in requested(place, "path") for path in some]
    decoded = decode(paths, shape_of(export.metadata["data"]))
    warn(decoded, paths)
    if not len(decoded.kept):
        raise BadInput("no readable picture", wanted="at least one", where=", ".join(places))
    return [paths[row] for row in decoded.kept], decoded.pixels
