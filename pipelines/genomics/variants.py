"""`variants`: how much each change of a genome changes what a model says; streamed, from VCF or a table."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.errors import BadInput
from data.genome import Genome
from data.variants import Variant, haplotypes, read_variants, why_not
from pipelines.domain import Domain
from pipelines.flags import parse, positional
from pipelines.quiet import start_tensorflow

if TYPE_CHECKING:
    from pipelines.verbs import Served

PIECE = 4_096  # changes held at a time
BASES = 1 << 18  # bases that the model sees at a time
HEADER = ("chrom", "pos", "id", "ref", "alt")


@dataclass(frozen=True)
class VariantsFlags:
    """Flags of `variants`.

    Attributes:
        genome: FASTA file in which the changes are made; that of the run's intervals where empty.
        out: CSV file for the effects; stdout where empty.
        unscored: CSV file for changes that cannot be made in this genome, and why; they are counted in any case.
        json: print one JSON object on stdout, everything else on stderr.
    """

    genome: str = ""
    out: str = ""
    unscored: str = ""
    json: bool = False


def main(domain: Domain, arguments: Sequence[str], program: str) -> dict[str, Any] | None:
    """Score the changes of a file with a model.

    Raises:
        BadInput: no such model, genome or file, or a file none of whose changes can be made in the genome.
    """
    names, rest = positional(arguments)
    flags = parse(VariantsFlags, rest, program, "variants [MODEL] FILE: how much each change changes the answer.")
    if not 1 <= len(names) <= 2:
        raise BadInput("variants: a file is needed", wanted="[MODEL] FILE", got=" ".join(names) or "nothing")
    if flags.json and not flags.out:
        raise BadInput("variants: stdout is for JSON", wanted="--out FILE beside --json")
    *model, file = names
    if Path(file).is_dir():
        raise BadInput("variants: no file of changes", wanted="[MODEL] FILE", got=f"the folder {file}")
    _check_apart(file, flags)
    start_tensorflow()
    from pipelines.report import Report
    from pipelines.verbs import Served, find

    export = find(domain, model[0] if model else "")
    path = flags.genome or export.metadata["run"]["data"]["genome"]
    if not path:
        raise BadInput("variants: no genome", wanted="--genome FASTA", where=file)
    rows = max(1, BASES // export.metadata["data"]["length"])
    told = _score(Served(export, rows), export.metadata, Genome(path), file, flags)
    beside = Report(flags.json or not flags.out)  # where stdout is the table, nothing else is written there
    beside.note(f"{told['scored']:,} changes scored, {told['unscored']:,} cannot be made in {path}")
    return {"schema": 1, "model": export.name, "version": export.version, **told, "out": flags.out}


def _check_apart(file: str, flags: VariantsFlags) -> None:
    """Refuse to write over what is read, or twice to one place."""
    paths = [str(Path(path).resolve()) for path in (file, flags.out, flags.unscored) if path]
    if len(set(paths)) < len(paths):
        wanted = "FILE, --out and --unscored each of its own"
        raise BadInput("variants: one file is named twice", wanted=wanted, got=Path(paths[-1]).name)


def _score(
    served: Served, metadata: Mapping[str, Any], genome: Genome, file: str, flags: VariantsFlags
) -> dict[str, int]:
    """Write effects and, where asked for, what has none; their numbers."""
    from pipelines.verbs import whole_file

    scored, odd, first = 0, 0, ""
    aside = whole_file(flags.unscored) if flags.unscored else nullcontext()
    pieces = _pieces(read_variants(file), genome)
    begun = list(islice(pieces, 1))  # what cannot be read at all is told before anything is written
    with whole_file(flags.out) as target, aside as others:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow([*HEADER, *columns(metadata)])
        listed = csv.writer(others, lineterminator="\n") if others else None
        if listed:
            listed.writerow([*HEADER, "line", "why"])
        for good, bad in chain(begun, pieces):
            if good:
                writer.writerows(_rows(good, effects(served, metadata, genome, good)))
            if listed:
                listed.writerows([*_cells(variant), variant.line, why] for variant, why in bad)
            first = first or (f"line {bad[0][0].line}: {bad[0][1]}" if bad else "")
            scored, odd = scored + len(good), odd + len(bad)
        if not scored:
            raise BadInput("no change can be made in the genome", wanted=genome.path, got=first or "none", where=file)
    return {"scored": scored, "unscored": odd}


def _pieces(variants: Iterator[Variant], genome: Genome) -> Iterator[tuple[list[Variant], list[tuple[Variant, str]]]]:
    while some := list(islice(variants, PIECE)):
        told = [(variant, why_not(variant, genome)) for variant in some]
        yield [variant for variant, why in told if not why], [pair for pair in told if pair[1]]


def columns(metadata: Mapping[str, Any]) -> list[str]:
    """Names of the effects."""
    if metadata["data"].get("target", "class") == "value":
        return ["reference", "effect"]
    return [*(f"{what}_{name}" for what in ("reference", "effect") for name in metadata["classes"]), "strongest"]


def effects(
    served: Served, metadata: Mapping[str, Any], genome: Genome, variants: Sequence[Variant]
) -> list[np.ndarray]:
    """What a model says of the genome as it is, and by how much each change moves it.

    Returns:
        reference and effect: of values (variants, 1); of classes and labels (variants, classes) probabilities, and
        differences of log odds.
    """
    pairs = [haplotypes(variant, genome, metadata["data"]["length"]) for variant in variants]
    asked = [pair[side] for side in (0, 1) for pair in pairs]
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
    """Log odds of labels that are true each by itself."""
    p = np.clip(probabilities.astype(np.float64), 1e-7, 1 - 1e-7)
    return np.log(p) - np.log1p(-p)


def _rows(variants: Sequence[Variant], told: Sequence[np.ndarray]) -> Iterator[list[Any]]:
    several = told[1].shape[1] > 1
    for variant, reference, effect in zip(variants, *told, strict=True):
        numbers = [f"{value:.6g}" for value in (*reference, *effect)]
        yield [*_cells(variant), *numbers, *([f"{np.abs(effect).max():.6g}"] if several else [])]


def _cells(variant: Variant) -> list[Any]:
    return [variant.chromosome, variant.position, variant.identifier, variant.ref, variant.alt]
