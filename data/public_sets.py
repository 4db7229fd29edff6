"""Sets of tensorflow-datasets by their names, read row by row through `tfds.data_source`."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Sequence
from typing import Any

from data.errors import BadInput


def opened(name: str, features: Sequence[str], known: str, instead: str = "--data.path") -> Any:
    """The builder of a set that lies on this machine, fetched where it did not.

    Args:
        name: of the set.
        features: that its rows must have.
        known: names that there are, for the error.
        instead: what else would help where the set cannot be had, for the error.

    Raises:
        BadInput: no such set, one without these features, or it cannot be had.
    """
    import tensorflow_datasets as tfds

    try:  # array records are the form that can be read row by row
        builder = tfds.builder(name, try_gcs=False, file_format="array_record")
    except (ValueError, ImportError, LookupError) as error:
        raise BadInput("data: unknown name", wanted=known, got=f"{name} ({_first_line(error)})") from None
    if not set(features) <= set(builder.info.features or {}):
        wanted = "features " + " and ".join(f"`{feature}`" for feature in features)
        raise BadInput("data: a set without what is to be learnt from here", wanted=wanted, got=name)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # what is tried many times is told once, at the end
    try:
        with contextlib.redirect_stdout(sys.stderr):  # where what it is about to fetch stands in nobody's way
            builder.download_and_prepare()
    except Exception as error:  # of the network, the disk, or a set that has to be downloaded by hand
        wanted = f"a network, or {instead}"
        raise BadInput("the set cannot be had", wanted=wanted, got=_first_line(error), where=name) from None
    return builder


def rows_of(builder: Any, split: str) -> Any:
    """The rows of one part, by their numbers."""
    return builder.as_data_source(split)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:160]
