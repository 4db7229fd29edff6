"""`explain`: which bases decided what a model says of each sequence, and the motifs that many of them share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from data.errors import counted
from data.genome import COLUMNS
from data.sequences import encode
from data.tables import Table
from pipelines.cli import model_and_file
from pipelines.domain import Domain
from pipelines.flags import parse, positional
from pipelines.genomics.answer_folder import check_apart, check_folder
from pipelines.trained import open_trained

if TYPE_CHECKING:
    from pipelines.serve.folder import Export

ABOUT = """explain [MODEL] [FILE]: bases that decided, and motifs that sequences share.

FILE is what predict takes: a table with the column of sequences, FASTA, or BED intervals of the run's genome. Without
it the run's own test rows are explained. What is explained is a score: the log odds of a class against all others, the
log odds of a label, or the value in its own unit; a base contributes what it adds to it."""


@dataclass(frozen=True)
class ExplainFlags:
    """Flags of `explain`.

    Attributes:
        out: folder for figures, motifs and tables, with a folder for each answer.
        label: class or label that is explained; each sequence's own answer where empty.
        method: change each base in turn, or integrate gradients, which is quicker and less exact.
        rows: sequences of a class from which motifs are made, the surest first; of labels and values as many of the
            highest and of the lowest.
        motifs: most motifs of a class; of labels and values as many that raise and that lower them.
        width: bases of a motif, 7 or more; at most as many as sequences have.
        draw: sequences of a class that are drawn one by one; of labels and values as many of the highest and of the
            lowest.
        json: print one JSON object on stdout, everything else on stderr.
    """

    out: str = "explained"
    label: str = ""
    method: str = "mutagenesis"
    rows: int = 200
    motifs: int = 3
    width: int = 15
    draw: int = 4
    json: bool = False


class Asked(NamedTuple):
    """Sequences that are explained.

    Attributes:
        names: by which a reader finds them again.
        codes: (rows, length).
    """

    names: Sequence[str]
    codes: np.ndarray


def main(domain: Domain, arguments: Sequence[str], program: str) -> dict[str, Any] | None:
    """Explain a model's answers for its test rows or a file.

    Raises:
        BadInput: no such model, file, label or method, sizes that cannot work, or nowhere to write.
    """
    names, rest = positional(arguments)
    flags = parse(ExplainFlags, rest, program, ABOUT)
    check_folder(Path(flags.out))
    place, file = model_and_file(names)
    export, _, model = open_trained(domain, place)
    from pipelines.genomics.explainer import Explainer
    from pipelines.genomics.importance import answers
    from pipelines.report import Report

    explained = Explainer(model, export.metadata, flags)
    wanted = explained.answers()
    check_apart([explained.folder(name) for _, name in wanted], file, export)
    asked = _of_file(domain, file, export.metadata) if file else _of_run(domain, export)
    outputs = answers(model, asked.codes)
    told = [explained.answer(number, name, asked, outputs) for number, name in wanted]
    report = Report(flags.json)
    for one in told:
        report.note(_line(one))
    return {"schema": 1, "model": export.name, "version": export.version, "answers": told}


def _of_run(domain: Domain, export: Export) -> Asked:
    from pipelines.verbs import test_rows

    rows = test_rows(domain, export)
    return Asked([f"test row {row + 1}" for row in range(rows.size)], rows["sequence"][np.arange(rows.size)])


def _of_file(domain: Domain, file: str, metadata: Mapping[str, Any]) -> Asked:
    names, texts = list[str](), list[str]()
    for table, columns in domain.requests(file, metadata):
        names += _names(table, len(names) + 1)
        texts += columns["sequence"]
    return Asked(names, encode(texts, longest=metadata["data"]["length"])[np.arange(len(texts))])


def _names(table: Table, first: int) -> list[str]:
    """Intervals by their place as bedtools writes it, other rows by their name or, without one, by their number.

    Args:
        table: rows as read.
        first: number of its first row in the file, counted from 1.
    """
    if table.header[: len(COLUMNS)] == COLUMNS:
        places = zip(*(table.cells(column) for column in ("chromosome", "start", "end", "strand")), strict=True)
        return [f"{name}:{start}-{end}" + "(-)" * (strand == "-") for name, start, end, strand in places]
    named = table.cells("name") if "name" in table.header else [""] * len(table.rows)
    return [name or f"row {row}" for row, name in enumerate(named, start=first)]


def _line(told: Mapping[str, Any]) -> str:
    if not told["rows"]:
        return f"{told['answer']}: no sequence has it"
    parts = [f"{told['answer']}: {counted(told['rows'], 'sequence')}"]
    for effect, verb in {"raises": "raised", "lowers": "lowered"}.items():
        motifs = [f"{m['consensus']} ({m['share']:.0%})" for m in told["motifs"] if m["effect"] == effect]
        parts += [f"{verb} by {', '.join(motifs)}"] if motifs else []
    parts += [] if told["motifs"] else ["no motif"]
    parts += [f"drawn in {told['folder']}"] if told["figures"] else []
    return "; ".join(parts)
