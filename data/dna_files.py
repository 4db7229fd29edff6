"""Files of DNA in every form there is: tables, FASTA, a folder with a FASTA file a class, BED intervals of a genome."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from data.errors import BadInput
from data.fasta import SUFFIXES, Record, is_fasta, read_fasta
from data.genome import COLUMNS, Genome, Interval, is_bed, read_bed
from data.given import legible
from data.sequences import other_strand
from data.tables import Table, stream, text_lines, unpacked

SIGNAL = "signalValue"  # seventh column of the peaks of ENCODE
CHUNK = 20_000  # rows held at a time


@dataclass(frozen=True)
class Form:
    """How files are read.

    Attributes:
        sequence_column: of a table.
        label_column: of a table; key of a FASTA header's label, `label=CTCF`; column of BED, by default its name.
        chromosome_column: of a table that has it.
        genome: FASTA of which BED files name intervals.
        width: bases that are taken about the centre of an interval; 0 takes the interval.
        unlabelled: whether a row may have no label: an empty cell, or BED's point for none.
    """

    sequence_column: str = "sequence"
    label_column: str = "label"
    chromosome_column: str = "chromosome"
    genome: str = ""
    width: int = 0
    unlabelled: bool = False


class Piece(NamedTuple):
    """Some rows of a file.

    Attributes:
        table: the rows as read, for answers to stand beside.
        sequences: their bases.
        labels: their labels as text; empty where they were not asked for.
        chromosomes: where they lie; empty text where that is not known.
    """

    table: Table
    sequences: list[str]
    labels: list[str]
    chromosomes: list[str]

    def place(self, column: str) -> Callable[[int], str]:
        """What tells `file:line:column` of a row."""
        return partial(self.table.place, column=column)


def pieces(path: str, form: Form, *, labelled: bool = True) -> Iterator[Piece]:
    """The rows of a file or a folder, in order.

    Args:
        path: CSV, TSV, FASTA, BED or narrowPeak by its name, FASTA by its first letter too, plain or gzip; or a folder
            with a FASTA file for each class.
        form: columns, genome, width.
        labelled: whether labels are read, and missed where there is none.

    Raises:
        BadInput: with file, line and column.
    """
    if form.width < 0:
        raise BadInput("data.width cannot work", wanted="0, or so many bases", got=form.width)
    if Path(path).is_dir():
        yield from _of_folder(path, labelled)
    elif is_fasta(path) or (Path(path).is_file() and next(text_lines(path), "").startswith(">")):
        yield from _of_fasta(path, form.label_column if labelled else "")
    elif is_bed(path):
        yield from _of_bed(path, form, labelled)
    else:
        yield from _of_table(path, form, labelled)


def _of_table(path: str, form: Form, labelled: bool) -> Iterator[Piece]:
    columns = (form.sequence_column, form.label_column) if labelled else (form.sequence_column,)
    for table in stream(path, columns=columns, chunk=CHUNK):
        count, known = len(table.rows), form.chromosome_column in table.header
        labels = (table.cells if form.unlabelled else table.column)(form.label_column) if labelled else []
        chromosomes = table.cells(form.chromosome_column) if known else [""] * count
        yield Piece(table, table.column(form.sequence_column), labels, chromosomes)


def _of_fasta(path: str, label_key: str, label: str = "") -> Iterator[Piece]:
    """Records, labelled by their headers where there is a key, or all by one label."""
    records, keyed = read_fasta(path), False
    while some := list(islice(records, CHUNK)):
        table = Table(path, ("name",), [[record.name] for record in some], [record.line for record in some])
        keyed = keyed or bool(label_key and some[0].valued(label_key))
        found = partial(_label, key=label_key, keyed=keyed, path=path)
        labels = [label or found(record) for record in some] if label or label_key else []
        places = [record.chromosome for record in some]
        yield Piece(table, [record.sequence for record in some], labels, places)


def _label(record: Record, key: str, keyed: bool, path: str) -> str:
    """The word behind the key, if the first header has it; else the first one behind the name, unless that is a key."""
    found = record.valued(key) if keyed else record.word
    if not found or (not keyed and "=" in found):
        wanted = f"{key}=CLASS or a word behind the name; or a folder with one file for each class"
        raise BadInput("header without a label", wanted=wanted, got=f">{record.name}", where=f"{path}:{record.line}")
    return found


def _of_folder(path: str, labelled: bool) -> Iterator[Piece]:
    """Each FASTA file is a class by its name without suffix."""
    inner = sorted(str(entry) for entry in Path(path).iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if inner:
        wanted = "a FASTA file for each class, none of them in a folder of its own"
        raise BadInput("a folder within the folder of classes", wanted=wanted, where=inner[0])
    # Names that begin with a point are hidden: some systems lay such a file beside each one that they copy.
    shown = sorted(str(file) for file in Path(path).iterdir() if file.is_file() and not file.name.startswith("."))
    files = [file for file in shown if is_fasta(file)]
    wanted = f"a FASTA file for each class, {' '.join(SUFFIXES)}, plain or .gz"
    if not files:
        raise BadInput("no FASTA file in this folder", wanted=wanted, where=path)
    if others := [file for file in shown if not is_fasta(file) and _begins_as_fasta(file)]:
        raise BadInput("a FASTA file by its first letter, not by its name", wanted=wanted, where=others[0])
    for file in files:
        name = legible(unpacked(Path(file).name))
        yield from _of_fasta(file, "", name[: name.rindex(".")] if labelled else "")


def _begins_as_fasta(path: str) -> bool:
    """Whatever stands behind, which need not be text."""
    with open(path, "rb") as file:
        return file.read(1) == b">"


def _of_bed(path: str, form: Form, labelled: bool) -> Iterator[Piece]:
    if not form.genome:
        raise BadInput("intervals without a genome", wanted="data.genome, the FASTA file that they lie in", where=path)
    genome, intervals = Genome(form.genome), read_bed(path)
    column = label_column(path, form) if labelled else ""
    header = (*COLUMNS, SIGNAL) if column == SIGNAL else COLUMNS
    while some := list(islice(intervals, CHUNK)):
        for interval in some:
            genome.require(interval.chromosome, interval.end, f"{path}:{interval.line}")
        rows = [[str(cell) for cell in interval[1 : len(header) + 1]] for interval in some]
        table = Table(path, header, rows, [interval.line for interval in some])
        labels = _names(table, column, form.unlabelled) if labelled else []
        sequences = [_bases(genome, interval.around(form.width)) for interval in some]
        yield Piece(table, sequences, labels, table.cells("chromosome"))


def _names(table: Table, column: str, unlabelled: bool) -> list[str]:
    """The labels of intervals, of which BED writes none as a point."""
    if unlabelled:
        return table.cells(column)
    labels = table.column(column)
    if "." in labels:
        where = table.place(labels.index("."), column)
        raise BadInput("no label", wanted="one in every row; in BED a point stands for none", where=where)
    return labels


def label_column(path: str, form: Form) -> str:
    """The column of labels: of BED the name where no other is asked for; what is not there is not made up."""
    if not is_bed(path):
        return form.label_column
    if form.label_column == Form.label_column:
        return "name"
    if form.label_column not in (*COLUMNS, SIGNAL):
        wanted = f"name, score or {SIGNAL}, the seventh"
        raise BadInput("no such column in BED", wanted=wanted, got=repr(form.label_column), where=path)
    return form.label_column


def _bases(genome: Genome, interval: Interval) -> str:
    bases = genome.bases(interval.chromosome, interval.start, interval.end)
    return other_strand(bases) if interval.strand == "-" else bases
