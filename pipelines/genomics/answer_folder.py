"""Where `explain` writes about an answer: a folder made late, cleared of what stood there, never over what is read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import BadInput
from pipelines.output import files_of

if TYPE_CHECKING:
    from pipelines.serve.folder import Export

OWN = re.compile(r"sequence\d+\.png|motifs(_lowering)?\.png|motifs\.meme|contributions\.csv|motif_places\.csv")
LONGEST = 120  # bytes of a folder's name; a file system takes 255, other names stand beside it


def check_folder(folder: Path) -> None:
    """Refuse what can be no folder to write in, before anything is computed."""
    try:
        folder.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass  # its parents say whether it can be made
    except OSError as error:
        raise BadInput("explain: no folder can be there", wanted="--out FOLDER", got=error.strerror) from None
    there = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    if not there.is_dir():
        raise BadInput("explain: a file is there", wanted="--out FOLDER", got=str(there))
    if not os.access(there, os.W_OK | os.X_OK):
        raise BadInput("explain: no permission to write", wanted="--out FOLDER", got=str(there))


def check_apart(folders: Sequence[Path], file: str, export: Export) -> None:
    """Refuse folders that cannot be written in, or where a figure or table would take the place of what is read."""
    read = [Path(name).resolve() for name in (file, *files_of(export)) if name]
    for folder in folders:
        check_folder(folder)
        if same := [path for path in read if path.parent == folder.resolve() and OWN.fullmatch(path.name)]:
            raise BadInput("explain: the output would take the place of what is read", wanted="another --out FOLDER",
                           got=str(same[0]))  # fmt: skip


def name_of_folder(label: str) -> str:
    """A folder's own name for each label, which may hold what no name can, mean another folder, or be too long."""
    name = label.replace("%", "%25").replace("/", "%2F")
    name = name if name.strip(".") else name.replace(".", "%2E")
    written = os.fsencode(name)
    if len(written) <= LONGEST:
        return name
    return f"{written[: LONGEST - 20].decode(errors='ignore')}-{blake2b(written, digest_size=4).hexdigest()}"


@contextmanager
def in_folder(folder: Path) -> Iterator[None]:
    """Make a folder to write in; of those that are made none stays in which nothing was written.

    Raises:
        BadInput: it cannot be made or written in.
    """
    made = [place for place in (folder, *folder.parents) if not os.path.lexists(place)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        wanted = "a folder with space"
        raise BadInput("explain: cannot write", wanted=wanted, got=error.strerror, where=str(folder)) from None
    finally:
        for place in made:
            with suppress(OSError):
                place.rmdir()


def clear(folder: Path, kept: Sequence[str]) -> None:
    """Remove what an earlier `explain` wrote there and this one has not written anew, and nothing else."""
    names = {Path(path).name for path in kept}
    for path in folder.iterdir() if folder.is_dir() else ():
        if OWN.fullmatch(path.name) and path.name not in names and path.is_file():
            path.unlink()
