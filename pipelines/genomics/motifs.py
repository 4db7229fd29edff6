"""Motifs: what the weightiest places of many sequences have in common, aligned on both strands.

Windows that lie under one motif (`alignment`) are put aside, and the rest gives the next one. A motif that is one of
those before it, shifted or read on the other strand, is none of its own: its windows become that one's. One that
windows of shuffled bases would show as well is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipelines.genomics.alignment import EVEN, Laid, Windows, align, cut, once, windows_of

LETTERS = "ACGT"
LEAST = 0.02  # share of all weight that a motif has; what is left over then is no motif
STRANDED = 0.8  # share of a motif's windows on one strand from which it is told on that
FEWEST = 5  # windows of a motif: of four, random bases seem to tell half a bit at every position
SHUFFLES = 9  # of the windows, to see what they show by chance
ABOVE = 3  # standard deviations above chance from which a motif counts
# Two unrelated motifs correlate by 0 with a standard deviation of 1 / sqrt(3 * overlap): 0.18 over the ten positions
# that motifs of width 15 share at least. Halves of one motif, of trained networks, correlate by 0.74 and more.
SAME = 0.7


class Place(NamedTuple):
    """Where a motif was found.

    Attributes:
        row: of the sequence.
        start: of its first base, counted from 0; below 0 where the motif hangs over the sequence's beginning.
        strand: `+`, or `-` where it stands on the other one.
        strength: sum of the contributions in it.
    """

    row: int
    start: int
    strand: str
    strength: float


class Motif(NamedTuple):
    """A motif.

    Attributes:
        frequencies: (width, 4) of A, C, G, T.
        contributions: (width, 4) mean contribution where that base stands.
        windows: that it was found in.
        share: of the weight of all windows.
        places: of these windows.
    """

    frequencies: np.ndarray
    contributions: np.ndarray
    windows: int
    share: float
    places: Sequence[Place] = ()

    @property
    def information(self) -> np.ndarray:
        """(width, 4) heights of a logo in bits."""
        bits = 2 + (self.frequencies * np.log2(np.maximum(self.frequencies, 1e-9))).sum(1, keepdims=True)
        return self.frequencies * bits

    @property
    def consensus(self) -> str:
        """The most frequent base of each position, lower case where it has less than half."""
        letters = [(LETTERS[row.argmax()], row.max()) for row in self.frequencies]
        return "".join(letter if share >= 0.5 else letter.lower() for letter, share in letters)


def find_motifs(bases: np.ndarray, contributions: np.ndarray, count: int, width: int = 15) -> list[Motif]:
    """The motifs of some sequences, the weightiest first.

    Each is told as it stands in four of five of its windows, as a splice site does in all. One that stands on either
    strand, as binding sites do, is told on that on which purines (A, G) are higher in its logo than pyrimidines, so
    that several runs tell it alike. Positions that are nearly even hardly count there, and a few windows more or less
    do not turn it.

    Args:
        bases: (rows, length, 4), one-hot; zeros where a base is not known.
        contributions: (rows, length) of the bases; what speaks against the answer, below 0, is left out.
        count: most motifs that are told.
        width: bases of a motif.
    """
    weights = np.maximum(contributions, 0) * bases.any(2)
    windows = windows_of(bases, weights, width)
    total = windows.weight.sum()
    motifs = [_on_its_strand(windows, laid, total) for laid in _search(windows, total)] if count else []
    return sorted(motifs, key=lambda motif: -motif.share)[:count]


def _search(windows: Windows, total: float) -> list[Laid]:
    """All motifs, whose windows are put aside one after another: what remains at the end may still be another's."""
    left, found = np.arange(len(windows.rows)), list[Laid]()
    while len(left) >= 2 and windows.weight[left].sum() > LEAST * total:
        some = windows.take(left)
        inner = align(some)
        motif = _motif(some, inner, total)
        if motif.windows < 2 or motif.share < LEAST:
            break
        laid = inner._replace(indices=left[inner.indices])
        if not _merge(windows, laid, motif, found) and _beyond_chance(motif, some):
            found.append(laid)
        left = np.delete(left, inner.indices)
    return found


def _merge(windows: Windows, laid: Laid, motif: Motif, found: list[Laid]) -> bool:
    """Add the windows to a motif that is the same, if there is one."""
    width = len(motif.frequencies)
    for number, other in enumerate(found):
        correlation, turned, shift = similarity(_motif(windows, other, 1.0).frequencies, motif.frequencies)
        if correlation >= SAME:
            moved = laid.turned(width) if turned else laid
            moved = moved._replace(places=np.clip(moved.places - shift, 0, 2 * width))
            found[number] = Laid(*(np.concatenate(parts) for parts in zip(other, moved, strict=True)))
            return True
    return False


def similarity(one: np.ndarray, other: np.ndarray) -> tuple[float, bool, int]:
    """How alike two motifs are where they are most alike, over both strands and shifts of up to a third.

    It is the Pearson correlation of their frequencies in the overlap, as tools that compare motifs have it (Mahony and
    Benos 2007, STAMP), of all positions at once: the mean of each is a quarter, so that nearly even ones hardly count.

    Args:
        one: (width, 4) frequencies.
        other: (width, 4) frequencies.

    Returns:
        the correlation; whether the other is turned; the position of the one at which the other, turned, begins.
    """
    width, best = len(one), (-1.0, False, 0)
    for turned in (False, True):
        read = other[::-1, ::-1] if turned else other
        for shift in range(-(width // 3), width // 3 + 1):
            x = one[max(shift, 0) : width + min(shift, 0)] - EVEN
            y = read[max(-shift, 0) : width - max(shift, 0)] - EVEN
            correlation = float((x * y).sum() / max(np.sqrt((x**2).sum() * (y**2).sum()), 1e-9))
            best = max(best, (correlation, turned, shift), key=lambda found: found[0])
    return best


def _beyond_chance(motif: Motif, windows: Windows) -> bool:
    """Whether it tells more than motifs that are found where the bases of each window are shuffled."""
    if motif.windows < FEWEST:
        return False
    rng = np.random.default_rng(0)  # the same windows, the same answer
    chance = []
    for _ in range(SHUFFLES):
        shuffled = windows._replace(bases=_shuffled(windows.bases, rng))
        chance.append(_evidence(_motif(shuffled, align(shuffled), 1.0)))
    return _evidence(motif) > float(np.mean(chance) + ABOVE * np.std(chance))


def _shuffled(bases: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The bases of each window in another order; padding and what is not known stay where they are."""
    known = bases.any(2)
    to = np.argsort(~known, axis=1, kind="stable")  # the known ones first
    order = np.argsort(np.where(known, rng.random(known.shape), 2.0), axis=1, kind="stable")
    mixed = np.zeros_like(bases)
    np.put_along_axis(mixed, to[..., None], np.take_along_axis(bases, order[..., None], axis=1), axis=1)
    return mixed


def _evidence(motif: Motif) -> float:
    """Bits of all windows together, less what so few random ones seem to have (Schneider and others 1986)."""
    by_chance = 3 / (2 * np.log(2) * max(motif.windows, 1))
    return motif.windows * float((motif.information.sum(1) - by_chance).sum())


def _on_its_strand(windows: Windows, laid: Laid, total: float) -> Motif:
    backward = float(laid.backward.mean())
    if min(backward, 1 - backward) <= 1 - STRANDED:
        laid = laid.turned(windows.weight.shape[1] // 3) if backward > 0.5 else laid
        return _motif(windows, laid, total)
    both = [_motif(windows, read, total) for read in (laid, laid.turned(windows.weight.shape[1] // 3))]
    return min(both, key=lambda motif: (-_purines(motif), motif.consensus.upper()))


def _purines(motif: Motif) -> float:
    """Height of A and G less that of C and T; rounded, so that of a palindrome it is 0 on both strands."""
    return round(float((motif.information @ [1, -1, 1, -1]).sum()), 6)


def _motif(windows: Windows, laid: Laid, total: float) -> Motif:
    laid, starts = once(windows, laid)
    aligned, strength = cut(windows, laid)
    sums, stands = strength.sum(1), aligned.sum(0) + EVEN
    contributions = (aligned * strength[..., None]).sum(0) / max(len(aligned), 1)
    strands = ["+-"[backward] for backward in laid.backward]
    places = map(Place, windows.rows[laid.indices].tolist(), starts.tolist(), strands, sums.tolist())
    share = float(sums.sum() / total)
    return Motif(stands / stands.sum(1, keepdims=True), contributions, len(aligned), share, tuple(places))
