"""Labelled pictures: digits, published sets, archives, or the user's own folders and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np

from data import folds as folding
from data.duplicates import deduplicate
from data.errors import BadInput
from data.given import digest_of_file, given_parts, legible
from data.image_arrays import is_idx, read_idx, read_npz
from data.image_decoding import fitted
from data.image_draws import Draws
from data.image_files import Listed, listed_folder, listed_parts, listed_table, read_files
from data.image_sets import digits, published
from data.image_source import Part, Source, ids_of, places_of, rows_of
from data.splits import Rows, Splits

DEBIAN = "/usr/share/datasets/fashion-mnist"  # of the package dataset-fashion-mnist
HANDED = ("digits", "mnist", "svhn", "omniglot")  # sets whose pictures mean something else in a mirror
SHOWN = 8  # classes that an error lists
EXAMPLES = 5_000  # pictures of which the mean and the deviation are taken


@dataclass(frozen=True)
class ImagesData:
    """Which labelled pictures to learn from; without a path or a name, the digits of scikit-learn.

    Attributes:
        path: a folder for each class in a folder, with or without train, val and test above them; a CSV of paths and
            labels, with or without a column `split` of train, val, test or nothing; a .npz; or a folder with the four
            files of MNIST's form.
        train: folder of classes, or CSV, to learn from, where the parts are given; what is not given is carved out.
        val: folder or CSV to choose by, beside `train`.
        test: folder or CSV to be judged on, beside `train`; never changed.
        name: published set by its name: digits, fashion_mnist, or any of tensorflow-datasets, such as cifar10.
        size: height and width to which pictures are cropped and resized; 0 keeps small ones of one size and those of a
            .npz, else 64.
        mirror: whether a mirrored picture keeps its label; auto says so of colour pictures and fashion, not of digits.
        corrupt: files that cannot be read are listed and left out, or the end of it.
        duplicates: remove or keep pictures that stand twice; those of test are kept always.
        path_column: name of the column of paths.
        label_column: name of the column of labels.
        val_fraction: share of the pictures held out to choose by where none are given, above 0 and below 1.
        test_fraction: share of the pictures held out to judge on where none are given, above 0 and below 1.
    """

    path: str = ""
    train: str = ""
    val: str = ""
    test: str = ""
    name: str = ""
    size: int = 0
    mirror: Literal["auto", "yes", "no"] = "auto"
    corrupt: Literal["list", "fail"] = "list"
    duplicates: Literal["remove", "keep"] = "remove"
    path_column: str = "path"
    label_column: str = "label"
    val_fraction: float = 0.1
    test_fraction: float = 0.1


def load(options: ImagesData, seed: int) -> Splits:
    """Read, decode, remove duplicates, split.

    Args:
        options: files, columns, fractions.
        seed: decides which rows are held out, where that is left to us.

    Returns:
        Splits with `image` (uint8), `label` (int32 class index) and `row`; beside the rows of train what `Draws` gives.
        In meta: name, source, licence, unit, files, sha256, classes, height, width, channels, mean and deviation (of
        each channel in train, 0 to 255), mirror, found (what was converted), corrupt, others (files not looked at),
        split_rule, duplicates, and for each split rows, class_counts, digest (sha256 over pixels and labels). Each
        part's `kept["places"]` says where its pictures come from.

    Raises:
        BadInput: with the file, whatever keeps these pictures from being learnt from.
    """
    if options.size < 0:
        raise BadInput("data.size cannot work", wanted="0, or a side in pixels", got=options.size)
    source = _read(options)
    where = options.path or options.train or source.about["name"]
    _check_sizes(source, where)
    _check_used(source, where)
    labels = {name: part.labels for name, part in source.parts.items()}
    keep, report = deduplicate(ids := ids_of(source.parts), labels, options.duplicates)
    parts, places = rows_of(source.parts, keep)
    _check_left(parts["all"] if "all" in parts else parts["train"], source, ids, where)
    parts, rule = _divide(parts, options, seed, source.about.get("part_rule", "files as given"))
    _check_parts(parts, source.classes, where)
    about = {key: value for key, value in source.about.items() if key != "part_rule"}
    meta = about | {
        "unit": "one picture",
        "files": dict(source.files),
        "sha256": dict(source.digests) or {name: digest_of_file(path) for name, path in source.files.items()},
        "classes": source.classes,
        "mirror": _may_be_mirrored(options, source),
        "found": dict(source.found),
        "corrupt": source.corrupt,
        "others": dict(source.others),
        "split_rule": rule,
        "duplicates": report,
    }
    return _splits(parts, meta, places)


def folds(splits: Splits, k: int, *, seed: int, val_fraction: float = 0.1) -> Iterator[Splits]:
    """K folds over all pictures, each content once; every one is tested once.

    Raises:
        BadInput: more folds than pictures of a class.
    """
    joined = folding.join([rows for _, rows in splits.items()])
    whole = Part(
        joined["image"], joined["label"], [place for _, rows in splits.items() for place in rows.kept["places"]]
    )
    keep, _ = deduplicate(ids_of({"all": whole}), {"all": whole.labels}, "remove")
    rows, places = rows_of({"all": whole}, keep)
    for fold in folding.folds(rows["all"], k, seed=seed, val_fraction=val_fraction):
        rule = f"fold {fold.meta['fold'] + 1} of {k}, stratified by class, seed {seed}"
        yield _splits(dict(fold.items()), {**splits.meta, **fold.meta, "split_rule": rule}, places)


def _read(options: ImagesData) -> Source:
    """The source that the options mean."""
    given = given_parts(options, "pictures")
    if not given and not options.path:
        return _sized(_by_name(options.name or "digits", options.size), options.size)
    if options.path.lower().endswith(".npz"):
        return _sized(read_npz(options.path), options.size)
    if options.path and is_idx(options.path):
        return _sized(read_idx(options.path), options.size)
    columns = options.path_column, options.label_column
    listed = {part: _listed(place, columns, part) for part, place in given.items()}
    listed = listed or listed_parts(options.path, columns)
    files = given or {"all": options.path}
    name = Path(next(iter(files.values()))).resolve().name
    about = {"name": legible(name), "source": "the user's files", "licence": "not stated"}
    return read_files(listed, about, options.size, options.corrupt, files)


def _listed(place: str, columns: tuple[str, str], part: str) -> Listed:
    return listed_folder(Path(place)) if Path(place).is_dir() else listed_table(place, columns, part)


def _by_name(name: str, side: int) -> Source:
    if name == "digits":
        return digits()
    if name == "fashion_mnist" and is_idx(DEBIAN):
        return read_idx(DEBIAN)
    package = "Debian's package dataset-fashion-mnist, or " if name == "fashion_mnist" else ""
    return published(name, side, f"{package}--data.path")


def _sized(source: Source, side: int) -> Source:
    """Pictures that come as arrays, in the size that is asked for."""
    if not side or all(part.pixels.shape[1:3] == (side, side) for part in source.parts.values()):
        return source
    parts = {name: Part(fitted(list(part.pixels), side), part.labels) for name, part in source.parts.items()}
    return replace(source, parts=parts)


def _check_sizes(source: Source, where: str) -> None:
    shapes = {name: part.pixels.shape[1:] for name, part in source.parts.items()}
    got = ", ".join(f"{name} {' x '.join(map(str, shape))}" for name, shape in shapes.items())
    if len({shape[:2] for shape in shapes.values()}) > 1:
        raise BadInput("parts with pictures of different sizes", wanted="one, or --data.size", got=got, where=where)
    if len(set(shapes.values())) > 1:
        raise BadInput("parts with grey and with coloured pictures", wanted="one kind", got=got, where=where)


def _check_used(source: Source, where: str) -> None:
    """Refuse one class alone, and a class without any picture, as where labels leave out a number."""
    classes, learnt = source.classes, source.parts.get("all") or source.parts["train"]
    if len(classes) < 2:
        raise BadInput("one class only", wanted="at least two different labels", got=repr(classes[0]), where=where)
    unused = [classes[i] for i in np.flatnonzero(np.bincount(learnt.labels, minlength=len(classes)) == 0)]
    if unused:
        more = f" and {len(unused) - SHOWN:,} more" if len(unused) > SHOWN else ""
        raise BadInput(
            f"class {unused[0]!r} has no picture to learn from",
            wanted="labels that use every class, as numbers without a gap from 0 do",
            got=f"none of {', '.join(unused[:SHOWN])}{more}",
            where=where,
        )


def _may_be_mirrored(options: ImagesData, source: Source) -> bool:
    """What the user says, or: of fashion and of colour pictures, but not of digits and letters."""
    if options.mirror != "auto":
        return options.mirror == "yes"
    name = str(source.about["name"]).lower()
    coloured = next(iter(source.parts.values())).pixels.shape[-1] == 3
    return "fashion" in name or (coloured and not any(word in name for word in HANDED))


def _divide(parts: dict[str, Rows], options: ImagesData, seed: int, given: str) -> tuple[dict[str, Rows], str]:
    """train, val and test: those given, and what is missing carved out of what there is to learn from."""
    fractions = {"val": options.val_fraction, "test": options.test_fraction}
    missing = {part: fraction for part, fraction in fractions.items() if part not in parts}
    if not missing:
        return parts, given
    whole = parts["all"] if "all" in parts else parts["train"]
    pieces, rule = folding.carved(whole["label"], missing, seed=seed)
    found = {part: folding.subset(whole, rows) for part, rows in pieces.items()}
    return {**parts, **found}, rule if "all" in parts else f"{given}; {rule}"


def _check_left(rows: Rows, source: Source, ids: Mapping[str, np.ndarray], where: str) -> None:
    """Refuse a class whose pictures all stand elsewhere too; where that is under another label, say which."""
    lost = np.flatnonzero(np.bincount(rows["label"], minlength=len(source.classes)) == 0)
    if not len(lost):
        return
    what, wanted = f"class {source.classes[lost[0]]!r} has no picture left to learn from", "pictures of its own"
    numbers, labels = np.concatenate(list(ids.values())), np.concatenate([p.labels for p in source.parts.values()])
    own = labels == lost[0]
    if not len(others := np.flatnonzero(~own & np.isin(numbers, numbers[own]))):
        raise BadInput(what, wanted=f"{wanted} that are not held out too", where=where)
    places = [place for name, part in source.parts.items() for place in places_of(name, part)]
    one, other = np.flatnonzero(own & (numbers == numbers[others[0]]))[0], others[0]
    got = f"pictures that also stand under {source.classes[labels[other]]!r}, as {places[one]} and {places[other]}"
    raise BadInput(what, wanted=wanted, got=legible(got), where=where)


def _check_classes(rows: Rows, classes: list[str], where: str) -> None:
    counts = np.bincount(rows["label"], minlength=len(classes))
    if not counts.all():
        what = f"class {classes[int(counts.argmin())]!r} has no picture left to learn from"
        raise BadInput(what, wanted="pictures that are not held out, as by smaller fractions", where=where)


def _check_parts(parts: Mapping[str, Rows], classes: list[str], where: str) -> None:
    _check_classes(parts["train"], classes, where)
    for part in ("val", "test"):
        if not parts[part].size:
            wanted = "more pictures of a class, or another fraction"
            raise BadInput(f"no picture left for {part}", wanted=wanted, where=where)


def _splits(parts: Mapping[str, Rows], meta: Mapping[str, Any], places: Sequence[str]) -> Splits:
    """Rows counted anew, with draws beside those of train, their places, and the facts of each part."""
    rows = {}
    for part in ("train", "val", "test"):
        own, around = parts[part], Draws(parts[part].size, meta["mirror"]) if part == "train" else None
        rows[part] = Rows({**own, "row": np.arange(own.size, dtype=np.int32)}, around=around)
        rows[part].kept["places"] = [places[row] for row in own["row"].tolist()]
    pixels = rows["train"]["image"]
    some = pixels[:: max(1, len(pixels) // EXAMPLES)].astype(np.float64)
    counts = {part: np.bincount(own["label"], minlength=len(meta["classes"])).tolist() for part, own in rows.items()}
    facts = {
        **dict(zip(("height", "width", "channels"), pixels.shape[1:], strict=True)),
        "mean": some.mean((0, 1, 2)).round(3).tolist(),
        "deviation": np.maximum(some.std((0, 1, 2)), 1.0).round(3).tolist(),
        "rows": {part: own.size for part, own in rows.items()},
        "class_counts": {part: dict(zip(meta["classes"], counts[part], strict=True)) for part in rows},
        "digest": {part: _digest_of_rows(own) for part, own in rows.items()},
    }
    return Splits(**rows, meta={**meta, **facts})


def _digest_of_rows(rows: Rows) -> str:
    digest = sha256(np.ascontiguousarray(rows["image"]).data)
    digest.update(rows["label"].astype("<i4"))
    return digest.hexdigest()
