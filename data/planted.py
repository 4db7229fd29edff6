"""A made-up genome in which motifs are planted, with intervals and changes of it whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data.sequences import other_strand

LETTERS = np.array(list("ACGT"))
MOTIFS = ("GCCACCAGGGGGC", "AAAGAGGAAGTG")  # as CTCF's and PU.1's
LINE = 60  # bases of a line of FASTA


class Planted(NamedTuple):
    """What was written.

    Attributes:
        genome: FASTA of `chromosomes` chromosomes.
        intervals: BED; the fourth column is `bound` where a motif stands, else `unbound`.
        changes: VCF of substitutions within bound intervals; ids `breaksN` lie in a motif, `elsewhereN` do not.
    """

    genome: Path
    intervals: Path
    changes: Path


def plant(
    folder: Path, *, seed: int = 0, chromosomes: int = 4, intervals: int = 4_000, width: int = 100, changes: int = 4_000
) -> Planted:
    """Write a genome of random bases, every second interval of which holds a motif on either strand.

    Half of the others hold one with a single wrong base: nothing else in random bases would tell that one is enough.

    Args:
        folder: made where it is not there.
        seed: same seed, same files.
        chromosomes: named chr1, chr2, ...
        intervals: in all, alternately bound and not, apart from each other.
        width: bases of an interval.
        changes: substitutions, half of them in motifs.
    """
    rng = np.random.default_rng(seed)
    each = -(-intervals // chromosomes)
    folder.mkdir(parents=True, exist_ok=True)
    made = Planted(folder / "genome.fa", folder / "intervals.bed", folder / "changes.vcf")
    bed: list[str] = []
    places: list[tuple[str, int, int, int]] = []  # chromosome, its interval's start, the motif's start and length
    genome: dict[str, np.ndarray] = {}
    with made.genome.open("w") as file:
        for number in range(1, chromosomes + 1):
            name, bases = f"chr{number}", rng.choice(LETTERS, each * 2 * width)
            for index in range(each):
                start = index * 2 * width + width // 2
                if index % 2 == 0:
                    places.append((name, start, *_plant(bases, start, width, rng)))
                elif index % 4 == 1:
                    _break(bases, *_plant(bases, start, width, rng), rng)
                bed.append(f"{name}\t{start}\t{start + width}\t{'bound' if index % 2 == 0 else 'unbound'}\n")
            text = "".join(bases)
            file.write(f">{name}\n" + "".join(f"{text[i : i + LINE]}\n" for i in range(0, len(text), LINE)))
            genome[name] = bases
    made.intervals.write_text("".join(bed))
    made.changes.write_text("".join(_changes(genome, places, changes, width, rng)))
    return made


def _plant(bases: np.ndarray, start: int, width: int, rng: np.random.Generator) -> tuple[int, int]:
    motif = MOTIFS[rng.integers(len(MOTIFS))]
    letters = motif if rng.random() < 0.5 else other_strand(motif)
    at = start + int(rng.integers(width // 4, width - width // 4 - len(motif)))
    bases[at : at + len(motif)] = list(letters)
    return at, len(motif)


def _break(bases: np.ndarray, at: int, length: int, rng: np.random.Generator) -> None:
    place = _inside(at, length, rng)
    bases[place] = _other(bases[place], rng)


def _inside(at: int, length: int, rng: np.random.Generator) -> int:
    """A place in a motif that is not one of its three first or last."""
    return at + 3 + int(rng.integers(length - 6))


def _other(letter: str, rng: np.random.Generator) -> str:
    return str(rng.choice([other for other in LETTERS if other != letter]))


def _changes(
    genome: dict[str, np.ndarray],
    places: Sequence[tuple[str, int, int, int]],
    count: int,
    width: int,
    rng: np.random.Generator,
) -> list[str]:
    """Lines of VCF, whose positions count from 1."""
    lines = ["##fileformat=VCFv4.3\n", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"]
    for number in range(count):
        name, start, at, length = places[int(rng.integers(len(places)))]
        breaks = number % 2 == 0
        outside = [place for place in range(start, start + width) if not at - 8 <= place < at + length + 8]
        place = _inside(at, length, rng) if breaks else int(rng.choice(outside))
        ref = genome[name][place]
        alt = _other(ref, rng)
        kind = "breaks" if breaks else "elsewhere"
        lines.append(f"{name}\t{place + 1}\t{kind}{number // 2 + 1}\t{ref}\t{alt}\t.\t.\t.\n")
    return lines
