"""What a verb writes: whole or not at all, and never over what is read."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from data.errors import BadInput

if TYPE_CHECKING:
    from pipelines.serve.folder import Export

FILES = ("path", "train", "val", "test", "genome", "papers", "citations")  # options of data that name files
BYTES = "surrogateescape"  # a file's name that is no UTF-8 is written with the bytes that it has


@contextmanager
def whole_file(out: str, *read: str) -> Iterator[TextIO]:
    """A file that appears only when all of it is written; stdout where there is no name.

    Args:
        out: its name.
        read: names of files that must not be written over.

    Raises:
        BadInput: it cannot be written, or is one of those that are read.
    """
    if not out:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors=BYTES)
        yield sys.stdout
        sys.stdout.flush()  # here, where a reader who has gone is no fault
        return
    path = Path(out)
    if path.is_file() and (same := [name for name in read if os.path.exists(name) and path.samefile(name)]):
        raise BadInput("the output would take the place of what is read", wanted="a name of its own", got=same[0])
    special = path.exists() and not path.is_file()  # a pipe or a device is written to, never put out of its place
    aside = path if special else path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("w", newline="", errors=BYTES) as target:
            yield target
        if not special:
            os.replace(aside, path)
    except OSError as error:
        raise BadInput("cannot write", wanted="a file in a folder with space", got=error.strerror, where=out) from None
    finally:
        if not special:
            aside.unlink(missing_ok=True)


def files_of(export: Export) -> list[str]:
    """The files that a model's run has read, and the index beside each."""
    data = export.metadata["run"]["data"]
    named = [data[option] for option in FILES if data.get(option)]
    return [name for value in named for name in (value, f"{value}.fai")]
