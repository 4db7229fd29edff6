"""Weighty windows of many sequences, and how they are laid under one motif, on both strands.

Each sequence's weightiest windows are taken. The k-mer on which most weight lies is the first guess of a motif; then
every window is laid under the motif where it fits best, on the better strand, and the motif becomes the mean of those
that fit, until nothing moves (the alternation of Lawrence and Reilly 1990). Weights are contributions, so that what the
model does not look at has no say.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SEED = 7  # bases of the first guess
ROUNDS = 20
FITS = 0.55  # share of the best possible score from which a window counts as one of the motif
EVEN = 0.25
WINDOWS = 2  # of a sequence


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


def windows_of(bases: np.ndarray, weights: np.ndarray, width: int) -> Windows:
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


def align(windows: Windows) -> Laid:
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
        frequencies = _frequencies(*cut(windows, laid))
    return laid


def cut(windows: Windows, laid: Laid) -> tuple[np.ndarray, np.ndarray]:
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


def once(windows: Windows, laid: Laid) -> tuple[Laid, np.ndarray]:
    """The windows without those that have moved to where another of their sequence lies, and where each begins."""
    width = windows.weight.shape[1] // 3
    starts = windows.starts[laid.indices] + np.where(laid.backward == 1, 2 * width - laid.places, laid.places)
    _, first = np.unique(np.stack([windows.rows[laid.indices], starts], axis=1), axis=0, return_index=True)
    return Laid(*(part[first] for part in laid)), starts[first]
