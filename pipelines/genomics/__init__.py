"""Genomics: sequences of bases to classes. Light: names, flags and recipes; the work is in `task`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from data.dna_negatives import made_anew
from data.errors import BadInput, counted
from data.genomics import GenomicsData, folds, labelled_rows, load, requests
from data.sequences import encode
from data.splits import Splits
from data.targets import SEPARATOR
from pipelines.domain import Domain, Doubt, Verb
from pipelines.genomics.recipes import RECIPES
from pipelines.run import FineTuning, Run

UNKNOWN = "of which most letters are N or stand for several bases"


def _unknown(columns: Mapping[str, Any]) -> int:
    return encode(columns["sequence"]).mostly_ambiguous()


def _check(run: Run) -> None:
    """Refuse a rule of splitting that would not be followed."""
    data = run.data
    if run.folds and (data.val_chromosomes or data.test_chromosomes):
        raise BadInput("one split by two rules", wanted="--folds, or chromosomes that are held out", got="both")
    if not run.folds and data.shared_kmers and data.val and data.test:
        wanted = "it where rows are divided: with data.path, or --folds"
        raise BadInput("data.shared_kmers for parts that are given", wanted=wanted, got=data.shared_kmers)


def _folds(run: Run, splits: Splits, k: int) -> Iterator[Splits]:
    data = run.data
    for fold in folds(splits, k, seed=run.seed, val_fraction=data.val_fraction, shared_kmers=data.shared_kmers):
        yield made_anew(fold, data.negatives)


def _about(meta: Mapping[str, Any]) -> list[str]:
    found = meta["duplicates"]
    repeats, gone = sum(found["repeats"].values()), sum(found["removed"].values())
    shared = "".join(f", {count:,} {pair}" for pair, count in found["shared"].items() if count)
    clashes = found["contradictory"]["contents"]
    lines = []
    if repeats or shared or clashes:
        twice = f"{counted(repeats, 'repeated row')}{shared}, {counted(clashes, 'sequence')} under two labels"
        lines.append(f"{twice}: {counted(gone, 'row')} removed")
    if unknown := meta.get("mostly_ambiguous"):  # which older records lack
        lines.append(f"{counted(unknown, 'row')} {UNKNOWN}")
    if joined := [name for name in meta["classes"] if meta["target"] == "class" and _joins(name, meta["classes"])]:
        lines.append(f"class {joined[0]} joins others; --data.target labels learns each label by itself")
    if made := meta.get("negatives"):
        rows = f"{made['anew']:,} of {made['rows']:,} rows of class {made['class']}"
        lines.append(f"{rows} are made anew in every epoch (--data.negatives)")
    return lines


def _joins(name: str, classes: Sequence[str]) -> bool:
    """Whether a class is a list of labels, of which one at least is a class by itself."""
    parts = [part.strip() for part in name.split(SEPARATOR)]
    return len(parts) > 1 and any(part in classes for part in parts)


DOMAIN = Domain(
    name="genomics",
    summary="DNA sequences to classes, labels or values: splice junctions, promoters, binding sites, activity",
    data=GenomicsData,
    load=load,
    folds=_folds,
    rows=labelled_rows,
    requests=requests,
    recipes=RECIPES,
    task_module="pipelines.genomics.task",
    about=_about,
    doubt=Doubt(UNKNOWN, _unknown),
    check=_check,
    facts=("length", "shortest", "target"),
    fit=FineTuning,
    verbs={
        "explain": Verb(
            "explain [MODEL] [FILE] [--out FOLDER] [--json]    which bases decided, and the motifs they make",
            "pipelines.genomics.explain",
        ),
        "variants": Verb(
            "variants [MODEL] FILE --genome FASTA [--out FILE] [--json]    what each change of a genome changes",
            "pipelines.genomics.variants",
        ),
    },
    task_name=lambda data: {"class": "TASK", "labels": "LABELS", "value": "VALUE"}[data.target],
)
