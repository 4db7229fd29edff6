"""Motifs: what the weightiest places of many sequences have in common, aligned on both strands.

Each sequence's weightiest windows are taken. The k-mer on which most weight lies is the first guess of a motif; then
every window is laid under the motif where it fits best, on the better strand, and the motif becomes the mean of those
that fit, until nothing moves (the alternation of Lawrence and Reilly 1990). Windows of a motif are put aside, and the
rest gives the next one. Weights are contributions, so that what the model does not look at has no say.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SEED = 7  # bases of the first guess
ROUNDS = 20
FITS = 0.55  # share of the best possible score from which a window counts as one of the motif
EVEN = 0.25
WINDOWS = 2  # of a sequence
LEAST = 0.02  # share of all weight that a motif has; what is left over then is no motif


class Motif(NamedTuple):
    """A motif.

    Attributes:
        frequencies: (width, 4) of A, C, G, T.
        contributions: (width, 4) mean contribution where that base stands.
        windows: that it was found in.
        share: of the weight of all windows.
    """

    frequencies: np.ndarray
    contributions: np.ndarray
    windows: int
    share: float

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


def find_motifs(bases: np.ndarray, contributions: np.ndarray, count: int, width: int = 15) -> list[Motif]:
    """The motifs of some sequences, the weightiest first.

    Args:
        bases: (rows, length, 4), one-hot; zeros where a base is not known.
        contributions: (rows, length) of the bases; what speaks against the answer, below 0, is left out.
        count: most motifs that are told.
        width: bases of a motif.
    """
    weights = np.maximum(contributions, 0) * bases.any(2)
    windows, weight = _windows(bases, weights, width)
    total, found = weight.sum(), list[Motif]()
    while len(found) < count and len(windows) >= 2 and weight.sum() > LEAST * total:
        aligned, strength, members = _align(windows, weight, width)
        if members.sum() < 2:
            break
        motif = _motif(aligned[members], strength[members], total)
        if motif.share < LEAST:
            break
        found.append(motif)
        windows, weight = windows[~members], weight[~members]
    return found


def _windows(bases: np.ndarray, weights: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The weightiest windows of each row with as much on either side, and the weights in them.

    Returns:
        (windows, 3 * width, 4) and (windows, 3 * width).
    """
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
    rows, places = np.array(picked, np.int64).reshape(-1, 2).T[:, :, None]
    around = places + np.arange(3 * width)
    return letters[rows, around], padded[rows, around]


def _align(windows: np.ndarray, weight: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All windows laid under the one motif that explains most.

    Returns:
        (windows, width, 4) bases, (windows, width) weights, (windows,) whether it fits.
    """
    both = np.stack([windows, windows[:, ::-1, ::-1]])
    strength = np.stack([weight, weight[:, ::-1]])
    frequencies, seen = _first_guess(both[0], weight, width), None
    for _ in range(ROUNDS):
        logs = np.log((frequencies + 0.02) / (1 + 4 * 0.02) / EVEN)
        views = np.lib.stride_tricks.sliding_window_view(both, width, axis=2)  # strand, window, place, base, width
        scores = np.einsum("swpbk,kb->wsp", views, logs)
        flat = scores.reshape(len(windows), -1)
        strand, place = np.unravel_index(flat.argmax(1), scores.shape[1:])
        if seen is not None and (np.stack([strand, place]) == seen).all():
            break
        seen = np.stack([strand, place])
        rows, strand = np.arange(len(windows))[:, None], strand[:, None]
        members = flat.max(1) > FITS * logs.max(1).sum()
        moved = _centred(strength[strand, rows, np.arange(3 * width)], place, members, width)
        at = moved[:, None] + np.arange(width)
        aligned, strong = both[strand, rows, at], strength[strand, rows, at]
        if not members.any():
            break
        frequencies = _frequencies(aligned[members], strong[members])
    return aligned, strong, members


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


def _motif(aligned: np.ndarray, strength: np.ndarray, total: float) -> Motif:
    stands = aligned.sum(0)
    contributions = (aligned * strength[..., None]).sum(0) / np.maximum(len(aligned), 1)
    frequencies = (stands + EVEN) / (stands + EVEN).sum(1, keepdims=True)
    return Motif(frequencies, contributions, len(aligned), float(strength.sum() / total))
