"""Pictures that come as files: a folder a class, with or without folders of parts, or a table of paths and labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from data.errors import BadInput
from data.image_decoding import Decoded, decode, refuse_broken
from data.image_source import Part, Source
from data.tables import Table, stream
from data.targets import column_of, names_of

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".gif", ".webp")
PARTS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
CHUNK = 256  # pictures whose bytes `requests` holds at a time


@dataclass(frozen=True)
class Listed:
    """Files and the class of each.

    Attributes:
        paths: of the pictures.
        labels: text, one a picture.
        places: how each is named when something is wrong with its label.
    """

    paths: list[Path]
    labels: list[str]
    places: list[str]


def read_files(
    listed: Mapping[str, Listed], about: Mapping[str, str], side: int, corrupt: str, files: Mapping[str, str]
) -> Source:
    """Read and decode listed pictures; the classes are those of the part that is learnt from.

    Raises:
        BadInput: a class without a readable picture, one class only, a label unseen in training; a broken picture where
            `corrupt` is "fail".
    """
    learnt = listed.get("all") or listed["train"]
    classes = names_of("class", np.array(learnt.labels), learnt.places.__getitem__)
    every = [path for part in listed.values() for path in part.paths]
    decoded = decode([path.read_bytes for path in every], side=side)
    told = broken(decoded, every)
    if corrupt == "fail":
        refuse_broken(told)
    kept = np.zeros(len(every), bool)
    kept[decoded.kept] = True
    parts, start, place = {}, 0, np.cumsum(kept) - 1
    for name, part in listed.items():
        rows = start + np.flatnonzero(kept[start : start + len(part.paths)])
        labels = indices_of(part, classes)[rows - start]
        _check_classes(labels, classes, name, part)
        parts[name] = Part(decoded.pixels[place[rows]], labels)
        start += len(part.paths)
    digests = {name: _digest(part.paths) for name, part in listed.items()}
    return Source(parts, classes, about, files, decoded.found, told, digests)


def broken(decoded: Decoded, paths: Sequence[Path]) -> list[str]:
    """`file: why` of each picture that cannot be read."""
    return [f"{paths[one.row]}: {one.why}" for one in decoded.broken]


def listed_parts(path: str, columns: tuple[str, str]) -> dict[str, Listed]:
    """The pictures of a folder or a table, by part: `all`, or those of its folders train, val and test.

    Raises:
        BadInput: nothing of that kind is there, or a class has no picture.
    """
    place = Path(path)
    if not place.is_dir():
        return {"all": listed_table(path, columns)}
    folders = {PARTS[f.name.lower()]: f for f in sorted(place.iterdir()) if f.is_dir() and f.name.lower() in PARTS}
    if "train" in folders and any(f.is_dir() for f in folders["train"].iterdir()):  # else a class of that name
        return {part: listed_folder(folders[part]) for part in ("train", "val", "test") if part in folders}
    return {"all": listed_folder(place)}


def listed_folder(folder: Path) -> Listed:
    """A folder of classes, each a folder of pictures, which may lie in folders of their own.

    Raises:
        BadInput: there is no such folder, no class, or one without a picture.
    """
    if not folder.is_dir():
        raise BadInput("no such folder", wanted="a folder that holds a folder for each class", where=str(folder))
    classes = sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))
    if not classes:
        raise BadInput("no folder of a class", wanted="FOLDER/CLASS/picture.jpg", where=str(folder))
    paths: list[Path] = []
    labels: list[str] = []
    for one in classes:
        own = list(pictures_below(one))
        if not own:
            raise BadInput(
                "an empty class", wanted=f"pictures ({' '.join(SUFFIXES)}), or no such folder", where=str(one)
            )
        paths += own
        labels += [one.name] * len(own)
    return Listed(paths, labels, [str(path) for path in paths])


def listed_table(path: str, columns: tuple[str, str]) -> Listed:
    """A table of paths, absolute or seen from the table's folder, and labels.

    Raises:
        BadInput: with file, line and column.
    """
    paths: list[Path] = []
    labels: list[str] = []
    places: list[str] = []
    for table in stream(path, columns=columns):
        paths += _paths(table, columns[0])
        labels += table.column(columns[1])
        places += [table.place(row, columns[1]) for row in range(len(table.rows))]
    return Listed(paths, labels, places)


def requested(path: str, column: str) -> Iterator[tuple[Table, list[Path]]]:
    """The pictures that a file or folder asks about, in pieces and in order: a picture, a folder, a table of paths.

    Raises:
        BadInput: nothing of that kind is there.
    """
    place = Path(path)
    if not place.is_dir() and place.suffix.lower() not in SUFFIXES:
        for table in stream(path, columns=(column,), chunk=CHUNK):
            yield table, _paths(table, column)
        return
    paths = list(pictures_below(place)) if place.is_dir() else [place]
    if not paths or not paths[0].is_file():
        raise BadInput("no picture", wanted=f"files that end in {' '.join(SUFFIXES)}", where=path)
    for start in range(0, len(paths), CHUNK):
        own = paths[start : start + CHUNK]
        yield Table(path, (column,), [[str(p)] for p in own], list(range(start + 1, start + 1 + len(own)))), own


def indices_of(listed: Listed, classes: Sequence[str]) -> np.ndarray:
    """(rows,) indices into classes.

    Raises:
        BadInput: a label that is none of them.
    """
    return column_of("class", np.array(listed.labels), classes, listed.places.__getitem__)


def pictures_below(folder: Path) -> Iterator[Path]:
    """Files with a picture's name, sorted; hidden ones are left out."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in SUFFIXES and path.is_file() and not hidden:
            yield path


def _paths(table: Table, column: str) -> list[Path]:
    paths = [Path(table.path).parent / cell for cell in table.column(column)]
    for row, path in enumerate(paths):
        if not path.is_file():
            raise BadInput(
                "no such picture",
                wanted="a file, seen from the table's folder",
                got=table.column(column)[row],
                where=table.place(row, column),
            )
    return paths


def _check_classes(labels: np.ndarray, classes: Sequence[str], name: str, part: Listed) -> None:
    counts = np.bincount(labels, minlength=len(classes))
    if name in ("all", "train") and not counts.all():
        lost = classes[int(counts.argmin())]
        where = part.places[part.labels.index(lost)]
        raise BadInput(f"class {lost!r} has no readable picture", wanted="at least one", where=where)


def _digest(paths: Sequence[Path]) -> str:
    digest = sha256()
    for path in paths:
        digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()
