"""Pictures that a trained model is asked about: files to judge it on, files to answer, rows as a client sends them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import BadInput
from data.image_decoding import Decoded, decode
from data.image_files import broken, indices_of, listed_folder, listed_table, requested
from data.image_fitting import encode_png
from data.splits import Rows
from data.tables import Table


def labelled_rows(path: str, metadata: Mapping[str, Any]) -> Rows:
    """A folder of classes, or a table, for a model that is already trained: its classes, its size.

    Raises:
        BadInput: with the file; a label that the model does not know.
    """
    columns = metadata["run"]["data"]["path_column"], metadata["run"]["data"]["label_column"]
    listed = listed_folder(Path(path)) if Path(path).is_dir() else listed_table(path, columns)
    labels = indices_of(listed, metadata["classes"])
    decoded = decode(listed.paths, shape_of(metadata["data"]))
    warn(decoded, listed.paths)
    if not len(decoded.kept):
        raise BadInput("no readable picture", wanted="at least one", where=path)
    return Rows({"image": decoded.pixels, "label": labels[decoded.kept]})


def requests(path: str, metadata: Mapping[str, Any]) -> Iterator[tuple[Table, dict[str, list[bytes]]]]:
    """The pictures of a folder, a table or a file as a served model takes them, in pieces and in order.

    Args:
        path: a folder of any depth, a table with a column of paths, or one picture.
        metadata: of the export.

    Yields:
        Their paths (or the rows as read), and their bytes; those that cannot be read are told and left out.

    Raises:
        BadInput: there is nothing to answer.
    """
    count = 0
    for table, paths in requested(path, metadata["run"]["data"]["path_column"]):
        decoded = decode(paths, shape_of(metadata["data"]))
        warn(decoded, paths)
        count += len(kept := decoded.kept.tolist())
        if kept:
            told = Table(table.path, table.header, [table.rows[i] for i in kept], [table.lines[i] for i in kept])
            yield told, {"image_bytes": sendable(decoded.pixels)}
    if not count:
        raise BadInput("no readable picture", wanted="at least one", where=path)


def sendable(pixels: np.ndarray) -> list[bytes]:
    """(rows, height, width, channels) uint8 as a client would send them, with nothing lost."""
    return [encode_png(picture) for picture in pixels]


def shape_of(facts: Mapping[str, Any]) -> tuple[int, int, int]:
    """(height, width, channels) of an export's pictures."""
    return facts["height"], facts["width"], facts["channels"]


def warn(decoded: Decoded, paths: Sequence[Path]) -> None:
    """Tell which pictures cannot be read."""
    for line in broken(decoded, paths):
        logging.getLogger(__name__).warning("left out: %s", line)
