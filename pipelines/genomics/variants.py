"""`variants`: how much each change of a genome changes what a model says; streamed, from VCF or a table."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

import numpy as np

from data.errors import BadInput
from data.genome import Genome
from data.sequences import other_strand
from data.variants import Variant, haplotypes, read_variants, stands_one_on, why_not
from pipelines.domain import Domain
from pipelines.flags import parse, positional
from pipelines.output import files_of, whole_file
from pipelines.quiet import start_tensorflow

if TYPE_CHECKING:
    from pipelines.serve.folder import Export
    from pipelines.verbs import Served

PIECE = 4_096  # changes held at a time
BASES = 1 << 18  # bases that the model sees at a time
ABOUT = (
    "variants [MODEL] FILE: how much each change of a VCF, or of a table chrom,pos,ref,alt, changes the answer. "
    "effect_CLASS: natural log odds with the change less those without it, of values the difference; "
    "strongest: the largest effect on a class, without its sign."
)
Effects = Callable[[list[Variant]], Sequence[np.ndarray]]
HEADER = ("chrom", "pos", "id", "ref", "alt")


@dataclass(frozen=True)
class VariantsFlags:
    """Flags of `variants`.

    Attributes:
        genome: FASTA file in which the changes are made; that of the run's intervals where empty.
        strand: strand that the model reads, + or -: of a gene on the minus strand its own.
        out: CSV file for the effects; stdout where empty.
        unscored: CSV file for changes that cannot be made in this genome, and why; they are counted in any case.
        json: print one JSON object on stdout, everything else on stderr.
    """

    genome: str = ""
    strand: Literal["+", "-"] = "+"
    out: str = ""
    unscored: str = ""
    json: bool = False


@dataclass
class Told:
    """How many changes have been scored, and how many cannot be.

    Attributes:
        scored: changes.
        unscored: changes that cannot be made in the genome.
        one_on: those of them that could be made one base on.
        first: line of the first of them, and why.
    """

    scored: int = 0
    unscored: int = 0
    one_on: int = 0
    first: str = ""

    def add(self, good: int, bad: Sequence[tuple[Variant, str]], one_on: int) -> None:
        """Count some more."""
        if bad and not self.unscored:
            self.first = f"line {bad[0][0].line}: {bad[0][1]}"
        self.scored, self.unscored = self.scored + good, self.unscored + len(bad)
        self.one_on += one_on

    @property
    def fault(self) -> str:
        """Why what cannot be made cannot; empty where all can."""
        hint = f"; {self.one_on:,} could be made one base on: does the file count from 0?"
        return self.first + hint * (2 * self.one_on > self.unscored)


def main(domain: Domain, arguments: Sequence[str], program: str) -> dict[str, Any] | None:
    """Score the changes of a file with a model.

    Raises:
        BadInput: no such model, genome or file, or a file none of whose changes can be made in the genome.
    """
    model, file, flags = _asked(arguments, program)
    start_tensorflow()
    from pipelines.report import Report
    from pipelines.verbs import find

    export = find(domain, model)
    path = flags.genome or export.metadata["run"]["data"]["genome"]
    if not path:
        raise BadInput("variants: no genome", wanted="--genome FASTA", where=file)
    told = _score(export, Genome(path), file, flags)
    if not told.scored:
        raise BadInput("no change can be made in the genome", wanted=path, got=told.fault, where=file)
    beside = Report(flags.json or not flags.out)  # where stdout is the table, nothing else is written there
    faults = f"; {told.fault}" if told.fault else ""
    beside.note(f"{told.scored:,} changes scored, {told.unscored:,} cannot be made in {path}{faults}")
    counts = {"scored": told.scored, "unscored": told.unscored}
    return {"schema": 1, "model": export.name, "version": export.version, **counts, "out": flags.out}


def _asked(arguments: Sequence[str], program: str) -> tuple[str, str, VariantsFlags]:
    """The model, empty for the champion, the file of changes, and the flags."""
    names, rest = positional(arguments)
    flags = parse(VariantsFlags, rest, program, ABOUT)
    if not 1 <= len(names) <= 2:
        raise BadInput("variants: a file is needed", wanted="[MODEL] FILE", got=" ".join(names) or "nothing")
    if flags.json and not flags.out:
        raise BadInput("variants: stdout is for JSON", wanted="--out FILE beside --json")
    if Path(names[-1]).is_dir():
        raise BadInput("variants: no file of changes", wanted="[MODEL] FILE", got=f"the folder {names[-1]}")
    _check_apart(names[-1], flags)
    return names[0] if len(names) == 2 else "", names[-1], flags


def _check_apart(file: str, flags: VariantsFlags) -> None:
    """Refuse to write over what is read, or twice to one place."""
    paths = [str(Path(path).resolve()) for path in (file, flags.out, flags.unscored) if path]
    if len(set(paths)) < len(paths):
        wanted = "FILE, --out and --unscored each of its own"
        raise BadInput("variants: one file is named twice", wanted=wanted, got=Path(paths[-1]).name)


def _score(export: Export, genome: Genome, file: str, flags: VariantsFlags) -> Told:
    """Write effects and, where asked for, what has none: that list is there too where no change can be made."""
    from pipelines.verbs import Served

    told, read = Told(), (file, genome.path, f"{genome.path}.fai", *files_of(export))
    with whole_file(flags.unscored, *read) if flags.unscored else nullcontext() as others:
        pieces = _scorable(read_variants(file), genome, told, others)
        begun = list(islice(pieces, 1))  # what cannot be read at all is told before anything is written
        if begun:
            served = Served(export, max(1, BASES // export.metadata["data"]["length"]))
            effects_of = partial(effects, served, export.metadata, genome, strand=flags.strand)
            with whole_file(flags.out, *read) as target:
                _write(target, columns(export.metadata), effects_of, chain(begun, pieces))
    return told


def _scorable(
    variants: Iterator[Variant], genome: Genome, told: Told, others: TextIO | None
) -> Iterator[list[Variant]]:
    """The changes that can be made in the genome, in pieces; those that cannot are listed, if there is a list."""
    listed = csv.writer(others, lineterminator="\n") if others else None
    if listed:
        listed.writerow([*HEADER, "line", "why"])
    while some := list(islice(variants, PIECE)):
        reasons = [(variant, why_not(variant, genome)) for variant in some]
        good, bad = [v for v, why in reasons if not why], [(v, why) for v, why in reasons if why]
        if listed:
            listed.writerows([*_cells(variant), variant.line, why] for variant, why in bad)
        told.add(len(good), bad, sum(stands_one_on(variant, genome) for variant, _ in bad))
        if good:
            yield good


def _write(target: TextIO, names: Sequence[str], effects_of: Effects, pieces: Iterable[list[Variant]]) -> None:
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow([*HEADER, *names])
    for some in pieces:
        writer.writerows(_rows(some, effects_of(some)))


def columns(metadata: Mapping[str, Any]) -> list[str]:
    """Names of the effects."""
    if metadata["data"].get("target", "class") == "value":
        return ["reference", "effect"]
    return [*(f"{what}_{name}" for what in ("reference", "effect") for name in metadata["classes"]), "strongest"]


def effects(
    served: Served, metadata: Mapping[str, Any], genome: Genome, variants: Sequence[Variant], strand: str = "+"
) -> list[np.ndarray]:
    """What a model says of the genome as it is, and by how much each change moves it.

    Args:
        served: the model.
        metadata: of its export.
        genome: in which the changes are made.
        variants: changes that can be made.
        strand: that the model reads, + or -.

    Returns:
        reference and effect: of values (variants, 1); of classes and labels (variants, classes) probabilities, and
        differences of log odds.
    """
    pairs = [haplotypes(variant, genome, metadata["data"]["length"]) for variant in variants]
    read = other_strand if strand == "-" else str
    asked = [read(pair[side]) for side in (0, 1) for pair in pairs]
    place = {text: row for row, text in enumerate(dict.fromkeys(asked))}  # alternatives of a base share its reference
    told = served({"sequence": list(place)})
    answers = {name: values[[place[text] for text in asked]] for name, values in told.items()}
    if metadata["data"].get("target", "class") == "value":
        before, after = np.split(answers["value"][:, None], 2)
        return [before, after - before]
    before, after = np.split(answers["probabilities"], 2)
    odds = label_odds if metadata["data"].get("target", "class") == "labels" else class_odds
    return [before, odds(after) - odds(before)]


def class_odds(probabilities: np.ndarray) -> np.ndarray:
    """Log odds of each class against all others together, from what the others have: 1 - p says nothing near 1."""
    p = np.maximum(probabilities.astype(np.float64), 1e-38)
    others = np.stack([np.delete(p, c, axis=1).sum(1) for c in range(p.shape[1])], axis=1)
    return np.log(p) - np.log(others)


def label_odds(probabilities: np.ndarray) -> np.ndarray:
    """Log odds of labels that are true each by itself.

    Of float32 probabilities: exact to 1e-6 below a half, to 0.03 up to log odds of 14, and at most 17.3, the last step
    before 1. What is all but certain can thus lose its certainty, and not gain any.
    """
    p = np.clip(probabilities.astype(np.float64), 1e-38, 1 - 2.0**-25)
    return np.log(p) - np.log1p(-p)


def _rows(variants: Sequence[Variant], told: Sequence[np.ndarray]) -> Iterator[list[Any]]:
    several = told[1].shape[1] > 1
    for variant, reference, effect in zip(variants, *told, strict=True):
        numbers = [f"{value:.6g}" for value in (*reference, *effect)]
        yield [*_cells(variant), *numbers, *([f"{np.abs(effect).max():.6g}"] if several else [])]


def _cells(variant: Variant) -> list[Any]:
    return [variant.chromosome, variant.position, variant.identifier, variant.ref, variant.alt]
