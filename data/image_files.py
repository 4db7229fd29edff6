"""Pictures that come as files: a folder a class, with or without folders of parts, or a table of paths and labels."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np

from data.errors import BadInput
from data.given import legible
from data.image_decoding import Decoded, decode, refuse_broken
from data.image_source import Part, Source
from data.tables import Table, stream
from data.targets import column_of, names_of

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".gif", ".webp")
WORDS = {"train": ("train", "training"), "val": ("val", "valid", "validation", "dev"), "test": ("test", "testing")}
JUDGED = ("eval", "evaluation")  # the test part, or beside one the part to choose by
FLAGS = "--data.train, --data.val and --data.test"
SHOWN = 6  # names of folders that an error lists
CHUNK = 256  # pictures whose bytes `requests` holds at a time


@dataclass(frozen=True)
class Listed:
    """Files and the class of each.

    Attributes:
        paths: of the pictures.
        labels: text, one a picture.
        places: how each is named when something is wrong with its label.
        others: files that were not looked at, by their suffix -> how many.
    """

    paths: list[Path]
    labels: list[str]
    places: list[str]
    others: Counter[str] = field(default_factory=Counter)

    def take(self, rows: Sequence[int]) -> Listed:
        """Some of the files."""
        paths, labels, places = [self.paths[row] for row in rows], self.labels, self.places
        return Listed(paths, [labels[row] for row in rows], [places[row] for row in rows])


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
    decoded = decode(every, side=side)
    told = broken(decoded, every)
    if corrupt == "fail":
        refuse_broken(told)
    row_of, parts, digests, start = dict(zip(decoded.kept.tolist(), itertools.count())), {}, {}, 0
    for name, part in listed.items():
        good = [i for i in range(len(part.paths)) if start + i in row_of]
        rows, labels = [row_of[start + i] for i in good], indices_of(part, classes)[good]
        _check_classes(labels, classes, name, part)
        parts[name] = Part(decoded.pixels[rows], labels, [str(part.paths[i]) for i in good])
        digests[name] = sha256(b"".join(decoded.digests[row] for row in rows)).hexdigest()
        start += len(part.paths)
    others = dict(sum((part.others for part in listed.values()), Counter[str]()).most_common())
    return Source(parts, classes, about, files, decoded.found, told, others, digests)


def broken(decoded: Decoded, paths: Sequence[Path]) -> list[str]:
    """`file: why` of each picture that cannot be read."""
    return [f"{legible(paths[one.row])}: {one.why}" for one in decoded.broken]


def listed_parts(path: str, columns: tuple[str, str]) -> dict[str, Listed]:
    """The pictures of a folder or a table, by part: `all`, or those of its folders or its column for train, val, test.

    Raises:
        BadInput: nothing of that kind is there, a class has no picture, a folder beside train is no part, or folders
            that are called otherwise look like parts.
    """
    place = Path(path)
    if not place.is_dir():
        return table_parts(path, columns)
    folders = _folders(place)
    parts = _parts_among(folders, path)
    if "train" not in parts or not _folders(parts["train"]):  # else a class of that name
        _refuse_parts_as_classes(folders, path)
        return {"all": listed_folder(place)}
    if others := [one.name for one in folders if one not in parts.values()]:
        wanted = "train, val and test alone, or --data.train and --data.test"
        raise BadInput("folders beside train that are no parts", wanted=wanted, got=", ".join(others), where=path)
    return {part: listed_folder(parts[part]) for part in ("train", "val", "test") if part in parts}


def listed_folder(folder: Path) -> Listed:
    """A folder of classes, each a folder of pictures, which may lie in folders of their own.

    Raises:
        BadInput: there is no such folder, no class, or one without a picture.
    """
    if not folder.is_dir():
        raise BadInput("no such folder", wanted="a folder that holds a folder for each class", where=str(folder))
    if not (classes := _folders(folder)):
        raise BadInput("no folder of a class", wanted="FOLDER/CLASS/picture.jpg", where=str(folder))
    listed = Listed([], [], [])
    for one in classes:
        files = list(_files_below(one))
        own = [path for path in files if _is_picture(path)]
        if not own:
            wanted = f"pictures ({' '.join(SUFFIXES)}), or no such folder"
            raise BadInput("an empty class", wanted=wanted, where=str(one))
        listed.paths.extend(own)
        listed.labels.extend([legible(one.name)] * len(own))
        listed.others.update(path.suffix.lower() or path.name for path in files if not _is_picture(path))
    beside = sum(_is_picture(path) and path.is_file() for path in folder.iterdir())
    listed.others.update({"outside the classes' folders": beside} if beside else {})
    listed.places.extend(map(str, listed.paths))
    return listed


def listed_table(path: str, columns: tuple[str, str], part: str = "") -> Listed:
    """All rows of a table of paths, absolute or seen from the table's folder, and labels.

    Raises:
        BadInput: with file, line and column; a row that a column `split` puts into another part than the one given.
    """
    listed, splits = _read_table(path, columns)
    for row, split in enumerate(splits if part else ()):
        if split not in ("", part):
            wanted, where = f"{part} alone, or --data.path", f"{listed.places[row].rpartition(':')[0]}:split"
            raise BadInput("a row of another part", wanted=wanted, got=split, where=where)
    return listed


def table_parts(path: str, columns: tuple[str, str]) -> dict[str, Listed]:
    """The rows of a table by its column `split`, which says train, val, test or nothing; `all` where none says more.

    Raises:
        BadInput: with file, line and column; another word, or none to learn from.
    """
    listed, splits = _read_table(path, columns)
    if not any(splits):
        return {"all": listed}
    rows = {part: [row for row, split in enumerate(splits) if split == part] for part in ("train", "val", "test")}
    if not rows["train"]:
        raise BadInput("no row to learn from", wanted="train in the column 'split'", where=path)
    parts = {part: listed.take(own) for part, own in rows.items() if own}
    parts["train"].others.update({"rows of no split": unused} if (unused := splits.count("")) else {})
    return parts


def _read_table(path: str, columns: tuple[str, str]) -> tuple[Listed, list[str]]:
    """A table's rows, and what its column `split` says of each; nothing where it has no such column."""
    wanted = "a folder that holds a folder for each class, or a table of paths and labels"
    if not Path(path).exists():
        raise BadInput("no such file or folder", wanted=wanted, where=path)
    if _is_picture(Path(path)):
        raise BadInput("a picture alone", wanted=wanted, where=path)
    paths: list[Path] = []
    labels: list[str] = []
    places: list[str] = []
    splits: list[str] = []
    for table in stream(path, columns=columns):
        paths += _paths(table, columns[0])
        labels += table.column(columns[1])
        places += [table.place(row, columns[1]) for row in range(len(table.rows))]
        if "split" in table.header and "split" not in columns:
            splits += table.known("split", ("train", "val", "test", ""))
    return Listed(paths, labels, places), splits


def requested(path: str, column: str) -> Iterator[tuple[Table, list[Path]]]:
    """The pictures that a file or folder asks about, in pieces and in order: a picture, a folder, a table of paths.

    Raises:
        BadInput: nothing of that kind is there.
    """
    place = Path(path)
    if not place.exists():
        raise BadInput("no such file or folder", wanted="a picture, a folder of pictures, or a table", where=path)
    if not place.is_dir() and place.suffix.lower() not in SUFFIXES:
        for table in stream(path, columns=(column,), chunk=CHUNK):
            yield table, _paths(table, column)
        return
    paths = list(pictures_below(place)) if place.is_dir() else [place]
    if not paths:
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
    return filter(_is_picture, _files_below(folder))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _files_below(folder: Path) -> Iterator[Path]:
    """Files, and links that lead nowhere, which are told as those that cannot be read are."""
    for path in sorted(folder.rglob("*")):
        file = path.is_file() or (path.is_symlink() and not path.exists())
        if file and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _folders(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))


def _part_of(folder: Path, judged: str) -> str:
    """The part that a folder's name means, as `training_set` and `test` do; nothing for another name."""
    word = re.sub("[-_ ]?(set|data|images)$", "", folder.name.lower())
    return judged if word in JUDGED else next((part for part, words in WORDS.items() if word in words), "")


def _parts_among(folders: Sequence[Path], where: str) -> dict[str, Path]:
    """The folders that are named as parts.

    Raises:
        BadInput: two for one part.
    """
    judged = "val" if any(_part_of(one, "") == "test" for one in folders) else "test"
    parts: dict[str, Path] = {}
    for one in folders:
        part = _part_of(one, judged)
        other = parts.setdefault(part, one) if part else one
        if other != one and all(map(_folders, (one, other))):  # else at least one of them is a class of that name
            got = f"{other.name}, {one.name}"
            raise BadInput(f"two folders for {part}", wanted=f"one, or {FLAGS}", got=got, where=where)
    return parts


def _refuse_parts_as_classes(folders: Sequence[Path], where: str) -> None:
    """Refuse folders that hold no pictures but folders of the same names: the classes are these, or nobody knows."""
    if any(_is_picture(path) for one in folders for path in one.iterdir() if not path.is_dir()):
        return
    inner = [{one.name for one in _folders(folder)} for folder in folders]
    if len(folders) > 1 and len(same := sorted(set.intersection(*inner))) > 1:
        names = ", ".join(one.name for one in folders[:SHOWN])
        raise BadInput(
            "folders that look like parts, since each of them holds the same folders",
            wanted=f"train beside val and test, or {FLAGS}; if they are classes, a table",
            got=f"{names}, each with {', '.join(same[:SHOWN])}",
            where=where,
        )


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
