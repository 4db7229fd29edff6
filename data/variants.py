"""Changes of a genome, from VCF or a table `chrom,pos,ref,alt`; positions count from 1, as in VCF."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from data.errors import BadInput
from data.genome import DIGITS, Genome
from data.tables import stream, text_lines, unpacked

COLUMNS = ("chrom", "pos", "ref", "alt")
_BASES = re.compile("[ACGTNacgtn]+")


class Variant(NamedTuple):
    """One change; a line with several alternatives is several.

    Attributes:
        line: of the file, counted from 1.
        chromosome: its name.
        position: of the first base of `ref`, counted from 1.
        ref: bases that stand there.
        alt: bases that come in their place.
        identifier: third column of VCF; empty where there is none.
    """

    line: int
    chromosome: str
    position: int
    ref: str
    alt: str
    identifier: str = ""


def read_variants(path: str) -> Iterator[Variant]:
    """The changes of a file, in order.

    Args:
        path: VCF, known by its name or its first line, or CSV or TSV with the columns chrom, pos, ref and alt; plain
            or gzip.

    Raises:
        BadInput: with file, line and column.
    """
    found = _of_vcf(path) if _is_vcf(path) else _of_table(path)
    for line, (chromosome, position, identifier, ref, alts) in found:
        for alt in alts.split(","):
            place = f"{path}:{line}"
            yield Variant(line, chromosome, _position(position, place), ref, alt.strip(), identifier)


def _is_vcf(path: str) -> bool:
    """Whether a file is named as VCF is, or begins so; a pipe, which can be read once, is known by its name."""
    if unpacked(path).lower().endswith(".vcf"):
        return True
    return Path(path).is_file() and next(text_lines(path), "").startswith(("##", "#CHROM"))


def _of_vcf(path: str) -> Iterator[tuple[int, tuple[str, str, str, str, str]]]:
    found = 0
    for number, text in enumerate(text_lines(path), start=1):
        if text.startswith("#") or not text.strip():
            continue
        found += 1
        cells = text.rstrip("\r\n").split("\t")
        if len(cells) < 5:
            wanted = "CHROM, POS, ID, REF and ALT, between tabs"
            raise BadInput("too few columns", wanted=wanted, got=len(cells), where=f"{path}:{number}")
        chromosome, position, identifier, ref, alts = cells[:5]
        yield number, (chromosome, position, "" if identifier == "." else identifier, ref, alts)
    if not found:
        raise BadInput("no change", wanted="lines of CHROM, POS, ID, REF and ALT", where=path)


def _of_table(path: str) -> Iterator[tuple[int, tuple[str, str, str, str, str]]]:
    for table in stream(path, columns=COLUMNS):
        identifiers = table.cells("id") if "id" in table.header else [""] * len(table.rows)
        chromosomes, positions, refs, alts = (table.column(name) for name in COLUMNS)
        yield from zip(table.lines, zip(chromosomes, positions, identifiers, refs, alts, strict=True), strict=True)


def _position(cell: str, place: str) -> int:
    if not cell.isdecimal() or len(cell) > DIGITS or int(cell) < 1:
        raise BadInput("not a position", wanted="a whole number from 1", got=repr(cell), where=f"{place}:pos")
    return int(cell)


def why_not(variant: Variant, genome: Genome) -> str:
    """Why a change cannot be made in this genome; empty where it can."""
    for name, bases in (("ref", variant.ref), ("alt", variant.alt)):
        if not _BASES.fullmatch(bases):
            return f"{name} is {bases!r}, not bases"
    if variant.chromosome not in genome.lengths:
        renamed = genome.renamed(variant.chromosome)
        return f"no chromosome {variant.chromosome!r} in the genome" + f", which has {renamed}" * bool(renamed)
    start, end = variant.position - 1, variant.position - 1 + len(variant.ref)
    if end > genome.lengths[variant.chromosome]:
        return f"beyond the end of {variant.chromosome}, {genome.lengths[variant.chromosome]}"
    there = genome.bases(variant.chromosome, start, end).upper()
    return "" if there == variant.ref.upper() else f"the genome has {there}, not {variant.ref}"


def stands_one_on(variant: Variant, genome: Genome) -> bool:
    """Whether the genome has `ref` one base on, as of a file that counts from 0; one base in four does by chance."""
    start, end = variant.position, variant.position + len(variant.ref)
    if end > genome.lengths.get(variant.chromosome, 0):
        return False
    return genome.bases(variant.chromosome, start, end).upper() == variant.ref.upper()


def haplotypes(variant: Variant, genome: Genome, width: int) -> tuple[str, str]:
    """The genome about a change without and with it, both as wide and from the same first base; N beyond its ends."""
    before = width // 2
    start, behind = variant.position - 1 - before, variant.position - 1 + len(variant.ref)
    reference = genome.bases(variant.chromosome, start, start + max(width, before + len(variant.ref)))
    rest = max(0, width - before - len(variant.alt))
    changed = reference[:before] + variant.alt + genome.bases(variant.chromosome, behind, behind + rest)
    return reference[:width], changed[:width]
