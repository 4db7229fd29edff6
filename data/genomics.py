"""Labelled DNA sequences: the embedded splice junctions, or the user's own CSV or TSV files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np

from data import folds as folding
from data.duplicates import deduplicate
from data.errors import BadInput
from data.kmers import kmer_groups
from data.labelled import Labelled, class_indices, class_names, read_labelled
from data.sequences import content_ids, encode
from data.splits import Rows, Splits
from data.tables import Table, stream

EMBEDDED = Path(__file__).parent / "embedded"
PUBLISHED = {
    "splice": {
        "file": "splice.csv.gz",
        "source": "UCI Machine Learning Repository, primate splice junctions (Noordewier, Towell, Shavlik 1991)",
        "licence": "CC BY 4.0",
    }
}


@dataclass(frozen=True)
class GenomicsData:
    """Which labelled sequences to learn from; without a path or a name, the embedded splice junctions.

    Attributes:
        path: one CSV or TSV file, plain or gzip, that is split at random into train, val and test.
        train: file to learn from, where the splits are given; what is not given is carved out of it.
        val: file to choose by, beside `train`.
        test: file to be judged on, beside `train`; never changed.
        name: published set by its name: splice.
        sequence_column: name of the column of sequences.
        label_column: name of the column of labels.
        val_fraction: share of the rows held out to choose by where no file is given, above 0 and below 1.
        test_fraction: share of the rows held out to judge on where no file is given, above 0 and below 1.
        duplicates: remove or keep rows whose sequence stands twice; test rows are kept always.
        strands: whether a label holds for the sequence as given, or for both strands, as of open DNA.
        shared_kmers: folds keep rows together that share a k-mer of this length on either strand, 1 to 31; 0 does not.
    """

    path: str = ""
    train: str = ""
    val: str = ""
    test: str = ""
    name: str = ""
    sequence_column: str = "sequence"
    label_column: str = "label"
    val_fraction: float = 0.1
    test_fraction: float = 0.1
    duplicates: Literal["remove", "keep"] = "remove"
    strands: Literal["given", "both"] = "given"
    shared_kmers: int = 0


def load(options: GenomicsData, seed: int) -> Splits:
    """Read, check, remove duplicates, split.

    Args:
        options: files, columns, fractions.
        seed: decides which rows are held out, where that is left to us.

    Returns:
        Splits with `sequence` (Sequences) and `label` (int32 class index). In meta: name, source, licence, unit, files,
        sha256 (of each file), classes, length (the longest), shortest (that a model will take: 1 where lengths differ),
        length_min, fixed_length, ambiguous_bases, split_rule, duplicates, and for each split rows, class_counts,
        digest (sha256 over codes, lengths and labels).

    Raises:
        BadInput: with file, line and column, whatever keeps these files from being learnt from.
    """
    paths, about = _paths(options)
    files = {part: read_labelled(path, options.sequence_column, options.label_column) for part, path in paths.items()}
    classes = class_names(files.get("all") or files["train"])
    labels = {part: class_indices(file, classes) for part, file in files.items()}
    ids = dict(zip(files, content_ids([file.sequences for file in files.values()]), strict=True))
    keep, report = deduplicate(ids, labels, options.duplicates)
    width = max(file.sequences.width for file in files.values())
    parts = {
        part: Rows({"sequence": file.sequences.select(keep[part], width), "label": labels[part][keep[part]]})
        for part, file in files.items()
    }
    _check_kept(parts, paths)
    parts, rule = _divide(parts, options, seed)
    _check_parts(parts, classes, next(iter(paths.values())))
    meta = about | _facts(paths, files, classes) | {"split_rule": rule, "duplicates": report}
    return Splits(**parts, meta=meta | _facts_of_splits(parts, classes))


def folds(splits: Splits, k: int, *, seed: int, val_fraction: float = 0.1, shared_kmers: int = 0) -> Iterator[Splits]:
    """K folds over all rows of the splits, each content once; every row is tested once.

    Args:
        splits: what `load` gave.
        k: number of folds, at least 2.
        seed: same seed, same folds.
        val_fraction: share of a fold's training part held out to choose by, above 0 and below 1.
        shared_kmers: rows that share a k-mer of this length on either strand stay together, 1 to 31; 0: not grouped.

    Yields:
        Splits with the meta of `load` for this fold, and fold, folds, shared_kmers.

    Raises:
        BadInput: more folds than rows of a class, or groups too large for so many folds.
    """
    rows = _whole(splits)
    groups = kmer_groups(rows["sequence"], shared_kmers) if shared_kmers else None
    kin = f", rows that share a {shared_kmers}-mer on either strand kept together" if shared_kmers else ""
    for fold in folding.folds(rows, k, seed=seed, val_fraction=val_fraction, groups=groups):
        rule = f"fold {fold.meta['fold'] + 1} of {k}, stratified by class, seed {seed}{kin}"
        facts = _facts_of_splits(dict(fold.items()), splits.meta["classes"])
        meta = {**splits.meta, **fold.meta, "shared_kmers": shared_kmers, "split_rule": rule, **facts}
        yield Splits(fold.train, fold.val, fold.test, meta)


def requests(path: str, metadata: Mapping[str, Any]) -> Iterator[tuple[Table, dict[str, list[str]]]]:
    """The rows of a file as a served model takes them, checked, in pieces and in order.

    Args:
        path: CSV or TSV with a column of sequences, plain or gzip.
        metadata: of the export; says how long sequences may be and what their column is called.

    Yields:
        The rows as read, and their sequences.

    Raises:
        BadInput: with file, line and column.
    """
    column, facts = metadata["run"]["data"]["sequence_column"], metadata["data"]
    for table in stream(path, columns=(column,)):
        cells = table.column(column)
        encode(cells, shortest=facts["shortest"], longest=facts["length"], place=partial(table.place, column=column))
        yield table, {"sequence": cells}


def labelled_rows(path: str, metadata: Mapping[str, Any]) -> Rows:
    """A labelled file for a model that is already trained: its classes, its lengths.

    Raises:
        BadInput: with file, line and column; a label that the model does not know.
    """
    options, facts = metadata["run"]["data"], metadata["data"]
    columns = options["sequence_column"], options["label_column"]
    file = read_labelled(path, *columns, shortest=facts["shortest"], longest=facts["length"])
    return Rows({"sequence": file.sequences, "label": class_indices(file, metadata["classes"])})


def _whole(splits: Splits) -> Rows:
    """All rows, without the repeats and contradictions that given files may still hold."""
    rows = folding.join([part for _, part in splits.items()])
    keep, _ = deduplicate({"all": content_ids([rows["sequence"]])[0]}, {"all": rows["label"]}, "remove")
    return folding.subset(rows, np.flatnonzero(keep["all"]))


def _paths(options: GenomicsData) -> tuple[dict[str, str], dict[str, str]]:
    """The file of each part, and what is known of where they come from."""
    given = {part: path for part in ("train", "val", "test") if (path := getattr(options, part))}
    if sum(map(bool, (options.path, options.name, given))) > 1:
        got = ", ".join([*filter(None, (options.path, options.name)), *given.values()])
        raise BadInput("data: several sources", wanted="one of path, name, or train with val and test", got=got)
    if given and "train" not in given:
        raise BadInput(
            "data: a file to judge on and none to learn from", wanted="train beside it", got=", ".join(given)
        )
    if given or options.path:
        paths = given or {"all": options.path}
        name = Path(next(iter(paths.values()))).name
        return paths, {"name": name, "source": "the user's files", "licence": "not stated"}
    name = options.name or "splice"
    if name not in PUBLISHED:
        raise BadInput("data: unknown name", wanted=f"one of {', '.join(PUBLISHED)}", got=name)
    known = PUBLISHED[name]
    about = {"name": name, "source": known["source"], "licence": known["licence"]}
    return {"all": str(EMBEDDED / known["file"])}, about


def _divide(parts: dict[str, Rows], options: GenomicsData, seed: int) -> tuple[dict[str, Rows], str]:
    """train, val and test: those given, and what is missing carved out of what there is to learn from."""
    fractions = {"val": options.val_fraction, "test": options.test_fraction}
    carved = {part: fraction for part, fraction in fractions.items() if part not in parts}
    if not all(fraction > 0 for fraction in carved.values()) or sum(carved.values()) >= 1:
        raise BadInput("data: fractions do not leave three parts", wanted="each above 0, together below 1", got=carved)
    if not carved:
        return {part: parts[part] for part in ("train", "val", "test")}, "files as given"
    whole = parts["all"] if "all" in parts else parts["train"]
    indices = folding.stratified_split(whole["label"], carved, seed=seed)
    pieces = {part: folding.subset(whole, indices[part]) for part in carved}
    train = folding.subset(whole, indices["rest"])
    words = ", ".join(f"{part} {fraction:g}" for part, fraction in carved.items())
    given = f"; given: {', '.join(part for part in parts)}" if "all" not in parts else ""
    rule = f"random, stratified by class, seed {seed}, held out: {words}{given}"
    found = {**parts, "train": train, **pieces}
    return {part: found[part] for part in ("train", "val", "test")}, rule


def _check_kept(parts: Mapping[str, Rows], paths: Mapping[str, str]) -> None:
    for part, rows in parts.items():
        if not rows.size:
            wanted = "sequences that do not all stand under another label or in another file too"
            raise BadInput("no row is left without its duplicates", wanted=wanted, where=paths[part])


def _check_parts(parts: Mapping[str, Rows], classes: Sequence[str], where: str) -> None:
    counts = np.bincount(parts["train"]["label"], minlength=len(classes))
    if not counts.all():
        wanted = "rows that are neither held out nor repeated under another label"
        what = f"class {classes[int(counts.argmin())]!r} has no row left to learn from"
        raise BadInput(what, wanted=wanted, where=where)
    for part, rows in parts.items():
        if not rows.size:
            wanted = f"at least {len(parts)} different rows of a class, or another fraction"
            raise BadInput(f"no row left for {part}", wanted=wanted, where=where)


def _facts(paths: Mapping[str, str], files: Mapping[str, Labelled], classes: list[str]) -> dict[str, Any]:
    lengths = np.concatenate([file.sequences.lengths for file in files.values()])
    pure = (1, 2, 4, 8)
    return {
        "unit": "one DNA sequence",
        # Where the package lies is no fact of the data.
        "files": {part: Path(path).name if Path(path).parent == EMBEDDED else path for part, path in paths.items()},
        "sha256": {part: _digest_of_file(path) for part, path in paths.items()},
        "classes": classes,
        "length": int(lengths.max()),
        "shortest": int(lengths.max()) if lengths.min() == lengths.max() else 1,
        "length_min": int(lengths.min()),
        "fixed_length": bool(lengths.min() == lengths.max()),
        "ambiguous_bases": sum(int((~np.isin(file.sequences.codes, pure)).sum()) for file in files.values()),
    }


def _facts_of_splits(parts: Mapping[str, Rows], classes: Sequence[str]) -> dict[str, Any]:
    counts = {part: np.bincount(rows["label"], minlength=len(classes)).tolist() for part, rows in parts.items()}
    return {
        "rows": {part: rows.size for part, rows in parts.items()},
        "class_counts": {part: dict(zip(classes, counts[part], strict=True)) for part in parts},
        "digest": {part: _digest_of_rows(rows) for part, rows in parts.items()},
    }


def _digest_of_file(path: str) -> str:
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _digest_of_rows(rows: Rows) -> str:
    digest = sha256(rows["sequence"].codes)
    digest.update(rows["sequence"].lengths.astype("<i8"))
    digest.update(rows["label"].astype("<i4"))
    return digest.hexdigest()
