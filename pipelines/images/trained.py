"""A trained model taken up again, with pictures prepared for it, for verbs that look inside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data.errors import BadInput
from data.image_decoding import decode
from data.image_files import requested
from data.image_requests import shape_of, warn
from pipelines.domain import Domain
from pipelines.serve.folder import Export


class Trained(NamedTuple):
    """A model.

    Attributes:
        export: as found.
        model: the Keras model.
    """

    export: Export
    model: Any


def open_trained(domain: Domain, model: str) -> Trained:
    """The model that MODEL means: a run or export folder, a URI, or nothing for the champion.

    Raises:
        BadInput: no such model.
    """
    from pipelines.quiet import start_tensorflow

    start_tensorflow()
    import keras

    from pipelines.run import run_of
    from pipelines.task import register_layers
    from pipelines.verbs import find

    export = find(domain, model)
    register_layers(domain.task, run_of(export.metadata["run"], domain, str(export.folder)))
    return Trained(export, keras.saving.load_model(export.folder / "model.keras", compile=False))


def pictures(places: Sequence[str], export: Export) -> tuple[list[Path], np.ndarray]:
    """The readable pictures of files and folders, in the size of the model: paths and (rows, height, width, channels).

    Raises:
        BadInput: there is none.
    """
    paths = [path for place in places for _, some in requested(place, "path") for path in some]
    decoded = decode([path.read_bytes for path in paths], shape_of(export.metadata["data"]))
    warn(decoded, paths)
    if not len(decoded.kept):
        raise BadInput("no readable picture", wanted="at least one", where=", ".join(places))
    return [paths[row] for row in decoded.kept], decoded.pixels
