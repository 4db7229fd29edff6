"""Motifs, and what single bases do, as files that other programs read."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines.genomics.importance import Explained
from pipelines.genomics.motifs import LETTERS, Motif
from pipelines.output import whole_file


def meme(motifs: Sequence[tuple[str, Motif]], path: Path) -> Path:
    """Motifs by name, of one word, in the minimal form of MEME, which other tools of the field read."""
    lines = ["MEME version 4", "", "ALPHABET= ACGT", "", "strands: + -", ""]
    for name, motif in motifs:
        lines += [
            f"MOTIF {name}",
            f"letter-probability matrix: alength= 4 w= {len(motif.frequencies)} nsites= {motif.windows}",
        ]
        lines += [" ".join(f"{share:.6f}" for share in row) for row in motif.frequencies]
        lines.append("")
    with whole_file(str(path)) as file:
        file.write("\n".join(lines))
    return path


def contributions_table(sequences: Sequence[Explained], changed: bool, path: Path) -> Path:
    """What each base of some sequences contributes, a row each, positions and rows counted from 1.

    Args:
        sequences: in the order in which they are written.
        changed: whether bases were changed, so that the effect of each of the three others is known.
        path: of the table.
    """
    with whole_file(str(path)) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["row", "name", "position", "base", "contribution", *(f"to_{b}" for b in LETTERS if changed)])
        for one in sequences:
            for place, (base, contribution, effects) in enumerate(
                zip(one.text, one.contributions, one.effects, strict=True), start=1
            ):
                told = ["" if to == base else f"{e:.6g}" for to, e in zip(LETTERS, effects, strict=True) if changed]
                writer.writerow([one.row + 1, one.name, place, base, f"{contribution:.6g}", *told])
    return path


def places_table(motifs: Sequence[tuple[str, Motif]], sequences: Mapping[int, Explained], path: Path) -> Path:
    """Where each motif was found, a row each: first and last base counted from 1, within the sequence.

    Args:
        motifs: by name; what they lower has a strength below 0.
        sequences: that motifs were found in, by their rows.
        path: of the table.
    """
    with whole_file(str(path)) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["row", "name", "start", "end", "strand", "motif", "strength"])
        for name, motif in motifs:
            for place in motif.places:
                one = sequences[place.row]
                ends = max(place.start, 0) + 1, min(place.start + len(motif.frequencies), len(one.text))
                writer.writerow([one.row + 1, one.name, *ends, place.strand, name, f"{place.strength:.6g}"])
    return path
