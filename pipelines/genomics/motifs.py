"""Motifs: what the weightiest places of many sequences have in common, aligned on both strands.

Each sequence's weightiest windows are taken. The k-mer on which most weight lies is the first guess of a motif; then
every window is laid under the motif where it fits best, on the better strand, and the motif becomes the mean of those
that fit, until nothing moves (the alternation of Lawrence and Reilly 1990). Windows of a motif are put aside, and the
rest gives the next one. Weights are contributions, so that what the model does not look at has no say.

A motif that is one of those before it, shifted or read on the other strand, is none of its own: its windows become
that one's. One that windows of shuffled bases would show as well is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

SEED = 7  # bases of the first guess
ROUNDS = 20
FITS = 0.55  # share of the best possible score from which a window counts as one of the motif
EVEN = 0.25
WINDOWS = 2  # of a sequence
LEAST = 0.02  # share of all weight that a motif has; what is left over then is no motif
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
        letters = [("acgt"[row.argmax()], row.max()) for row in self.frequencies]
        return "".join(letter.upper() if share >= 0.5 else letter for letter, share in letters)


class Windows(NamedTuple):
    """Weighty windows with as much on either side.

    Attributes:
        bases: (windows, 3 * width, 4), one-hot.
        weight: (windows, 3 * width).
        rows: (windows,) the sequence of each.
        starts: (windows,) where it begins there; below 0 in the padding.
    """

    bases: np.ndarray
    weight: np.ndarray
    rows: np.ndarray
    starts: np.ndarray

    def take(self, indices: np.ndarray) -> Windows:
        """Some of them."""
        return Windows(*(part[indices] for part in self))


class Laid(NamedTuple):
    """Windows laid under a motif.

    Attributes:
        indices: of the windows.
        backward: (windows,) 1 where the other strand is read, else 0.
        places: (windows,) where the motif begins on the strand that is read.
    """

    indices: np.ndarray
    backward: np.ndarray
    places: np.ndarray

    def turned(self, width: int) -> Laid:
        """The same windows under the motif's reverse complement."""
        return Laid(self.indices, 1 - self.backward, 2 * width - self.places)


def find_motifs(bases: np.ndarray, contributions: np.ndarray, count: int, width: int = 15) -> list[Motif]:
    """The motifs of some sequences, the weightiest first.

    Each is told on the strand on which purines (A, G) are higher in its logo than pyrimidines, so that several runs
    tell it alike. Positions that are nearly even hardly count there, and a few windows more or less do not turn it.

    Args:
        bases: (rows, length, 4), one-hot; zeros where a base is not known.
        contributions: (rows, length) of the bases; what speaks against the answer, below 0, is left out.
        count: most motifs that are told.
        width: bases of a motif.
    """
    weights = np.maximum(contributions, 0) * bases.any(2)
    windows = _windows(bases, weights, width)
    total = windows.weight.sum()
    motifs = [_on_its_strand(windows, laid, total) for laid in _search(windows, total)] if count else []
    return sorted(motifs, key=lambda motif: -motif.share)[:count]


def _search(windows: Windows, total: float) -> list[Laid]:
    """All motifs, whose windows are put aside one after another: what remains at the end may still be another's."""
    left, found = np.arange(len(windows.rows)), list[Laid]()
    while len(left) >= 2 and windows.weight[left].sum() > LEAST * total:
        some = windows.take(left)
        inner = _align(some)
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
        chance.append(_evidence(_motif(shuffled, _align(shuffled), 1.0)))
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
    both = [_motif(windows, read, total) for read in (laid, laid.turned(windows.weight.shape[1] // 3))]
    return min(both, key=lambda motif: (-_purines(motif), motif.consensus.upper()))


def _purines(motif: Motif) -> float:
    """Height of A and G less that of C and T; rounded, so that of a palindrome it is 0 on both strands."""
    return round(float((motif.information @ [1, -1, 1, -1]).sum()), 6)


def _windows(bases: np.ndarray, weights: np.ndarray, width: int) -> Windows:
    """The weightiest windows of each row with as much on either side, and the weights in them."""
    padded = np.pad(weights, ((0, 0), (width, width)))
    letters = np.pad(bases, ((0, 0), (width, width), (0, 0)))
    sums = np.lib.stride_tricks.sliding_window_view(weights, width, axis=1).sum(2)
    limit = np.median(sums.max(1)) / 2
    picked = []
    for _ in range(WINDOWS):
        best = sums.argmax(1)
        picked += [(row, place) for row, place in enumerate(best) if sums[row, place] > max(limit, 0)]
        near = np.abs(np.arange(sums.shape[1]) - best[:, None]) < width
        sums = np.where(near, -1.0, sums)
    rows, places = np.array(picked, np.int64).reshape(-1, 2).T
    around = rows[:, None], places[:, None] + np.arange(3 * width)
    return Windows(letters[around], padded[around], rows, places - width)


def _align(windows: Windows) -> Laid:
    """Those windows that fit, laid under the one motif that explains most."""
    width = windows.weight.shape[1] // 3
    both = np.stack([windows.bases, windows.bases[:, ::-1, ::-1]])
    strength = np.stack([windows.weight, windows.weight[:, ::-1]])
    frequencies, seen = _first_guess(windows.bases, windows.weight, width), None
    for _ in range(ROUNDS):
        logs = np.log((frequencies + 0.02) / (1 + 4 * 0.02) / EVEN)
        views = np.lib.stride_tricks.sliding_window_view(both, width, axis=2)  # strand, window, place, base, width
        scores = np.einsum("swpbk,kb->wsp", views, logs)
        flat = scores.reshape(len(windows.rows), -1)
        backward, place = np.unravel_index(flat.argmax(1), scores.shape[1:])
        if seen is not None and (np.stack([backward, place]) == seen).all():
            break
        seen = np.stack([backward, place])
        members = flat.max(1) > FITS * logs.max(1).sum()
        moved = _centred(strength[backward, np.arange(len(place))], place, members, width)
        laid = Laid(np.flatnonzero(members), backward[members], moved[members])
        if not members.any():
            break
        frequencies = _frequencies(*_cut(windows, laid))
    return laid


def _cut(windows: Windows, laid: Laid) -> tuple[np.ndarray, np.ndarray]:
    """(windows, width, 4) bases and (windows, width) weights under the motif."""
    bases, weight = windows.bases[laid.indices], windows.weight[laid.indices]
    turned = laid.backward[:, None] == 1
    bases, weight = np.where(turned[..., None], bases[:, ::-1, ::-1], bases), np.where(turned, weight[:, ::-1], weight)
    at = np.arange(len(bases))[:, None], laid.places[:, None] + np.arange(weight.shape[1] // 3)
    return bases[at], weight[at]


def _centred(weight: np.ndarray, place: np.ndarray, members: np.ndarray, width: int) -> np.ndarray:
    """Where windows begin when all are moved alike, by what brings most weight of the members into them."""
    sums = np.pad(np.lib.stride_tricks.sliding_window_view(weight, width, axis=1).sum(2), ((0, 0), (width, width)))
    moves = np.arange(-(width // 2), width // 2 + 1)
    moves = moves[np.argsort(abs(moves), kind="stable")]  # of equals the nearest
    caught = [sums[members, place[members] + width + move].sum() for move in moves]
    return np.clip(place + moves[int(np.argmax(caught))], 0, 2 * width)


def _first_guess(windows: np.ndarray, weight: np.ndarray, width: int) -> np.ndarray:
    """(width, 4): even but for the k-mer, of either strand, on which most weight lies."""
    digits = np.where(windows.any(2), windows.argmax(2), -1)
    kmers = np.lib.stride_tricks.sliding_window_view(digits, SEED, axis=1)
    sums = np.lib.stride_tricks.sliding_window_view(weight, SEED, axis=1).sum(2)
    powers = 4 ** np.arange(SEED)[::-1]
    forward, backward = kmers @ powers, (3 - kmers[..., ::-1]) @ powers
    names = np.where((kmers >= 0).all(2), np.minimum(forward, backward), -1)
    totals = np.bincount(names[names >= 0], sums[names >= 0], minlength=4**SEED)
    best = int(totals.argmax())
    guess = np.full((width, 4), EVEN)
    start = (width - SEED) // 2
    guess[start : start + SEED] = np.eye(4)[best // powers % 4]
    return guess


def _frequencies(aligned: np.ndarray, strength: np.ndarray) -> np.ndarray:
    counts = (aligned * strength.sum(1)[:, None, None]).sum(0) + 1e-3
    return counts / counts.sum(1, keepdims=True)


def _motif(windows: Windows, laid: Laid, total: float) -> Motif:
    laid, starts = _once(windows, laid)
    aligned, strength = _cut(windows, laid)
    sums, stands = strength.sum(1), aligned.sum(0) + EVEN
    contributions = (aligned * strength[..., None]).sum(0) / max(len(aligned), 1)
    strands = ["+-"[backward] for backward in laid.backward]
    places = map(Place, windows.rows[laid.indices].tolist(), starts.tolist(), strands, sums.tolist())
    share = float(sums.sum() / total)
    return Motif(stands / stands.sum(1, keepdims=True), contributions, len(aligned), share, tuple(places))


def _once(windows: Windows, laid: Laid) -> tuple[Laid, np.ndarray]:
    """The windows without those that have moved to where another of their sequence lies, and where each begins."""
    width = windows.weight.shape[1] // 3
    starts = windows.starts[laid.indices] + np.where(laid.backward == 1, 2 * width - laid.places, laid.places)
    _, first = np.unique(np.stack([windows.rows[laid.indices], starts], axis=1), axis=0, return_index=True)
    return Laid(*(part[first] for part in laid)), starts[first]
