"""Sets of tensorflow-datasets by their names, read row by row through `tfds.data_source`."""

from __future__ import annotations

import contextlib
import logging
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from data.errors import BadInput

RETRIES = 4  # within 3 seconds; each wait is twice the one before, so that ten of them take more than three minutes


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
    from tensorflow_datasets.core.download import downloader

    try:  # array records are the form that can be read row by row
        builder = tfds.builder(name, try_gcs=False, file_format="array_record")
    except (ValueError, ImportError, LookupError) as error:
        raise BadInput("data: unknown name", wanted=known, got=f"{name} ({_first_line(error)})") from None
    if not set(features) <= set(builder.info.features or {}):
        wanted = "features " + " and ".join(f"`{feature}`" for feature in features)
        raise BadInput("data: a set without what is to be learnt from here", wanted=wanted, got=name)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # what is tried many times is told once, at the end
    tfds.disable_progress_bar()  # half a dozen at once, each on a line of its own where stderr is no terminal
    downloader.MAX_RETRIES = RETRIES
    try:
        with (
            _nothing_half_written(builder),
            contextlib.redirect_stdout(sys.stderr),  # where what it is about to fetch stands in nobody's way
        ):
            builder.download_and_prepare()
    except Exception as error:  # of the network, the disk, or a set that has to be downloaded by hand
        wanted = f"a network, or {instead}"
        raise BadInput("the set cannot be had", wanted=wanted, got=_first_line(error), where=name) from None
    return builder


@contextlib.contextmanager
def _nothing_half_written(builder: Any) -> Iterator[None]:
    """Where the block fails, what it began to download is removed, and the folders that it made for nothing."""
    root = Path(builder.data_dir_root)
    downloads = root / "downloads" / builder.name
    before = set(downloads.glob("*.tmp.*"))
    try:
        yield
    except BaseException:
        for begun in set(downloads.glob("*.tmp.*")) - before:
            shutil.rmtree(begun, ignore_errors=True)
        for folder in (downloads, root / "downloads" / "extracted", root / "downloads", root / builder.name, root):
            with contextlib.suppress(OSError):  # of folders that hold something
                folder.rmdir()
        raise


def rows_of(builder: Any, split: str) -> Any:
    """The rows of one part, by their numbers."""
    return builder.as_data_source(split)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:160]
