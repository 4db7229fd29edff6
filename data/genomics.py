"""Labelled DNA sequences: the embedded splice junctions, or the user's own tables, FASTA files and BED intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np

from data import folds as folding
from data.dna_files import Form, pieces
from data.dna_negatives import made_anew
from data.dna_sets import EMBEDDED, published
from data.dna_splits import Rule, divide
from data.duplicates import deduplicate
from data.errors import BadInput
from data.genome import is_bed
from data.given import digest_of_file, given_parts, legible, options_of
from data.kmers import kmer_groups
from data.labelled import Labelled, read_labelled
from data.sequences import Sequences, content_ids, encode, lesser_strand
from data.splits import Rows, Splits
from data.tables import Table
from data.targets import Target, column_of, names_of, summary


@dataclass(frozen=True)
class GenomicsData:
    """Which labelled sequences to learn from; without a path or a name, the embedded splice junctions.

    Attributes:
        path: one file that is split into train, val and test: CSV, TSV, FASTA or BED, plain or gzip; or a folder with a
            FASTA file for each class.
        train: file to learn from, where the splits are given; what is not given is carved out of it.
        val: file to choose by, beside `train`.
        test: file to be judged on, beside `train`; never changed.
        name: published set by its name: splice, or one of tensorflow-datasets, such as genomics_ood.
        genome: FASTA file that the intervals of BED files lie in.
        width: bases that are taken about the centre of each interval, N beyond the chromosome's ends; 0 takes the
            interval.
        sequence_column: name of the column of sequences.
        label_column: column of labels; in FASTA headers the word behind `label=`; of BED its name, or score, or
            signalValue, the seventh column of narrowPeak.
        chromosome_column: name of the column of chromosomes, in tables that have one.
        target: what a label says: one class, some of several labels (split by ;), or a value to be predicted.
        val_fraction: share of the rows held out to choose by where no file is given, above 0 and below 1.
        test_fraction: share of the rows held out to judge on where no file is given, above 0 and below 1.
        duplicates: remove or keep rows whose sequence stands twice; test rows are kept always.
        strands: whether a label holds for the sequence as given, or for both strands, as of open DNA.
        val_chromosomes: chromosomes held out to choose by, in place of a share; test_chromosomes beside them.
        test_chromosomes: chromosomes held out to judge on.
        shared_kmers: rows that share a k-mer of this length on either strand stay together, 1 to 31; 0 does not.
        negatives: class whose rows were made of the others by substituting bases; training makes those whose parent
            is among its rows anew in every epoch, in the same way.
    """

    path: str = ""
    train: str = ""
    val: str = ""
    test: str = ""
    name: str = ""
    genome: str = ""
    width: int = 0
    sequence_column: str = "sequence"
    label_column: str = "label"
    chromosome_column: str = "chromosome"
    target: Target = "class"
    val_fraction: float = 0.1
    test_fraction: float = 0.1
    duplicates: Literal["remove", "keep"] = "remove"
    strands: Literal["given", "both"] = "given"
    val_chromosomes: tuple[str, ...] = ()
    test_chromosomes: tuple[str, ...] = ()
    shared_kmers: int = 0
    negatives: str = ""

    @property
    def form(self) -> Form:
        """How files are read."""
        columns = self.sequence_column, self.label_column, self.chromosome_column
        return Form(*columns, self.genome, self.width, unlabelled=self.target == "labels")

    def rule(self, seed: int) -> Rule:
        """How rows are divided where parts are not given."""
        fractions = {"val": self.val_fraction, "test": self.test_fraction}
        chromosomes = {"val": self.val_chromosomes, "test": self.test_chromosomes}
        return Rule(fractions, chromosomes, self.shared_kmers, seed)


def load(options: GenomicsData, seed: int) -> Splits:
    """Read, check, remove duplicates, split.

    Args:
        options: files, columns, fractions.
        seed: decides which rows are held out, where that is left to us.

    Returns:
        Splits with `sequence` (Sequences) and `label` (of `data.targets.column_of`). In meta: name, source, licence,
        unit, files, sha256 (of each file), target, strands, classes (or labels; none of values), length (the longest),
        shortest (that a model will take: 1 where lengths differ), length_min, fixed_length, ambiguous_bases,
        mostly_ambiguous (rows), split_rule, duplicates, and for each split rows, class_counts, digest (sha256 over
        codes, lengths and labels).

    Raises:
        BadInput: with file, line and column, whatever keeps these files from being learnt from.
    """
    files, about = _files(options)
    learnt = files.get("all") or files["train"]
    names = names_of(options.target, learnt.labels, learnt.place)
    labels = {part: column_of(options.target, file.labels, names, file.place) for part, file in files.items()}
    ids = dict(zip(files, _contents([file.sequences for file in files.values()], options.strands), strict=True))
    keep, report = deduplicate(ids, _numbered(labels), options.duplicates)
    width = max(file.sequences.width for file in files.values())
    parts = {
        part: Rows({"sequence": file.sequences.select(keep[part], width), "label": labels[part][keep[part]]})
        for part, file in files.items()
    }
    _check_kept(parts, files)
    parts, rule = divide(parts, learnt.chromosomes[keep[next(iter(keep))]], options.rule(seed))
    _check_parts(parts, names, next(iter(files.values())).path, options.shared_kmers)
    meta = about | _facts(files, names) | {"target": options.target, "strands": options.strands}
    meta |= {"split_rule": rule, "duplicates": report}
    return made_anew(Splits(**parts, meta=meta | _facts_of_splits(parts, names)), options.negatives)


def _contents(parts: Sequence[Sequences], strands: str) -> list[np.ndarray]:
    """Numbers that are equal for equal content: where both strands are one, for a sequence and its other strand too."""
    return content_ids([lesser_strand(part) for part in parts] if strands == "both" else parts)


def _numbered(labels: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Numbers of the labels, so that one content under two of them is found."""
    _, numbers = np.unique(np.concatenate(list(labels.values())), axis=0, return_inverse=True)
    ends = np.cumsum([len(column) for column in labels.values()])[:-1]
    return dict(zip(labels, np.split(numbers.reshape(-1), ends), strict=True))


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
    options, facts = options_of(GenomicsData, metadata), metadata["data"]
    for piece in pieces(path, options.form, labelled=False):
        place = piece.place(options.sequence_column)
        encode(piece.sequences, shortest=facts["shortest"], longest=facts["length"], place=place)
        yield piece.table, {"sequence": piece.sequences}


def labelled_rows(path: str, metadata: Mapping[str, Any]) -> Rows:
    """A labelled file for a model that is already trained: its classes, its lengths.

    Raises:
        BadInput: with file, line and column; a label that the model does not know.
    """
    options, facts = options_of(GenomicsData, metadata), metadata["data"]
    file = read_labelled(path, options.form, shortest=facts["shortest"], longest=facts["length"])
    labels = column_of(options.target, file.labels, metadata["classes"], file.place)
    return Rows({"sequence": file.sequences, "label": labels})


def _whole(splits: Splits) -> Rows:
    """All rows, without the repeats and contradictions that given files may still hold."""
    rows = folding.join([Rows({name: part[name] for name in ("sequence", "label")}) for _, part in splits.items()])
    (ids,) = _contents([rows["sequence"]], splits.meta["strands"])
    keep, _ = deduplicate({"all": ids}, _numbered({"all": rows["label"]}), "remove")
    return folding.subset(rows, np.flatnonzero(keep["all"]))


def _files(options: GenomicsData) -> tuple[dict[str, Labelled], dict[str, str]]:
    """The file of each part, and what is known of where they come from."""
    given = given_parts(options, "a file")
    if not given and not options.path:
        return published(options.name or "splice", options.form)
    paths = given or {"all": options.path}
    _check_intervals(options, list(paths.values()))
    files = {part: read_labelled(path, options.form) for part, path in paths.items()}
    name = Path(next(iter(paths.values()))).name
    return files, {"name": name, "source": "the user's files", "licence": "not stated"}


def _check_intervals(options: GenomicsData, paths: Sequence[str]) -> None:
    """Refuse what only intervals have, where none are given: it would change nothing."""
    for name, value in (("genome", options.genome), ("width", options.width)):
        if value and not any(map(is_bed, paths)):
            wanted = "it with intervals alone, of files named .bed, .narrowPeak or .broadPeak"
            raise BadInput(f"data.{name} for sequences that are given", wanted=wanted, got=value, where=paths[0])


def _check_kept(parts: Mapping[str, Rows], files: Mapping[str, Labelled]) -> None:
    for part, rows in parts.items():
        if not rows.size:
            wanted = "sequences that do not all stand under another label or in another file too"
            raise BadInput("no row is left without its duplicates", wanted=wanted, where=files[part].path)


def _check_parts(parts: Mapping[str, Rows], classes: Sequence[str], where: str, shared_kmers: int) -> None:
    counts = summary(parts["train"]["label"], classes)
    if classes and (empty := [name for name, count in counts.items() if not count]):
        wanted = "rows that are neither held out nor repeated under another label"
        wanted += f", or data.shared_kmers above {shared_kmers}" * bool(shared_kmers)
        raise BadInput(f"class {empty[0]!r} has no row left to learn from", wanted=wanted, where=where)
    for part, rows in parts.items():
        if not rows.size:
            wanted = f"at least {len(parts)} different rows of a class, or another fraction"
            wanted += ", or data.target value" * (2 * len(classes) > parts["train"].size)
            raise BadInput(f"no row left for {part}", wanted=wanted, where=where)


def _facts(files: Mapping[str, Labelled], classes: list[str]) -> dict[str, Any]:
    lengths = np.concatenate([file.sequences.lengths for file in files.values()])
    paths = {part: file.path for part, file in files.items()}
    return {
        "unit": "one DNA sequence",
        # Where the package lies is no fact of the data.
        "files": {part: Path(path).name if Path(path).parent == EMBEDDED else path for part, path in paths.items()},
        "sha256": {part: _digest(file) for part, file in files.items()},
        "classes": classes,
        "length": int(lengths.max()),
        "shortest": int(lengths.max()) if lengths.min() == lengths.max() else 1,
        "length_min": int(lengths.min()),
        "fixed_length": bool(lengths.min() == lengths.max()),
        "ambiguous_bases": sum(int(file.sequences.ambiguous.sum()) for file in files.values()),
        "mostly_ambiguous": sum(file.sequences.mostly_ambiguous() for file in files.values()),
    }


def _facts_of_splits(parts: Mapping[str, Rows], classes: Sequence[str]) -> dict[str, Any]:
    return {
        "rows": {part: rows.size for part, rows in parts.items()},
        "class_counts": {part: summary(rows["label"], classes) for part, rows in parts.items()},
        "digest": {part: _digest_of_rows(rows) for part, rows in parts.items()},
    }


def _digest(file: Labelled) -> str:
    """Of a file; of a folder that of its files' names and contents; of what is neither, that of its bases."""
    path = Path(file.path)
    if path.is_file():
        return digest_of_file(file.path)
    if not path.is_dir():
        return sha256(file.sequences.codes.tobytes()).hexdigest()
    inside = sorted(file for file in path.iterdir() if file.is_file())
    lines = [f"{legible(file.name)} {digest_of_file(str(file))}\n" for file in inside]
    return sha256("".join(lines).encode()).hexdigest()


def _digest_of_rows(rows: Rows) -> str:
    digest = sha256(rows["sequence"].codes)
    digest.update(rows["sequence"].lengths.astype("<i8"))
    digest.update(rows["label"].astype("<i4" if rows["label"].dtype.kind == "i" else "<f4").tobytes())
    return digest.hexdigest()
