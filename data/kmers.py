"""k-mers that sequences share on either strand: which rows are kin and must not straddle a split."""

from __future__ import annotations

import numpy as np

from data.errors import BadInput
from data.sequences import NUMBERS, Sequences


def canonical_kmers(sequences: Sequences, k: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Every k-mer, as the smaller of itself and its reverse complement, and the row it stands in.

    k-mers with an ambiguous base (N, R, ...) are left out: what they are is not known.

    Args:
        sequences: rows of bases.
        k: length of a k-mer, 1 to 31 (two bits a base in 64).

    Returns:
        (kmers,) uint64 and (kmers,) int64.

    Raises:
        BadInput: k out of range.
    """
    if not 1 <= k <= 31:
        raise BadInput("kmers: length out of range", wanted="1 to 31", got=k)
    bases = NUMBERS[sequences.codes]
    starts = _clean_starts(bases < 0, sequences, k)
    forward = np.zeros(len(starts), np.uint64)
    backward = np.zeros(len(starts), np.uint64)
    for step in range(k):
        base = bases[starts + step].astype(np.uint64)
        forward = (forward << np.uint64(2)) | base
        backward |= (np.uint64(3) - base) << np.uint64(2 * step)
    return np.minimum(forward, backward), np.searchsorted(sequences.offsets, starts, side="right") - 1


def _clean_starts(ambiguous: np.ndarray, sequences: Sequences, k: int) -> np.ndarray:
    """Where a k-mer begins that stays inside its sequence and has no ambiguous base."""
    before = np.concatenate([[0], np.cumsum(ambiguous)])
    starts = np.arange(max(len(ambiguous) - k + 1, 0))
    room = np.repeat(sequences.offsets[1:], sequences.lengths)[: len(starts)] - starts
    return starts[(room >= k) & (before[starts + k] == before[starts])]


def kmer_groups(sequences: Sequences, k: int = 30) -> np.ndarray:
    """One number a row; rows that share a k-mer on either strand, or are linked by a chain of such, have the same.

    Ambiguous k-mers link nothing; a sequence shorter than k is its own group.

    Args:
        sequences: rows of bases.
        k: length of a shared k-mer, 1 to 31.

    Returns:
        (rows,) int64, the lowest row of each group.
    """
    kmers, rows = canonical_kmers(sequences, k)
    order = np.argsort(kmers, kind="stable")
    kmers, rows = kmers[order], rows[order]
    same = (kmers[1:] == kmers[:-1]) & (rows[1:] != rows[:-1])
    links = np.unique(np.stack([rows[:-1][same], rows[1:][same]]), axis=1)
    return _components(len(sequences), links[0], links[1])


def _components(size: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The lowest node that each node is linked to: roots hook onto lower roots, then every path is cut short."""
    root = np.arange(size)
    while (root[a] != root[b]).any():
        low = np.minimum(root[a], root[b])
        np.minimum.at(root, root[a], low)
        np.minimum.at(root, root[b], low)
        while (root != root[root]).any():
            root = root[root]
    return root


def shares_kmer(sequences: Sequences, others: Sequences, k: int = 30) -> np.ndarray:
    """(rows,) bool: does the sequence share a k-mer with any of the others on either strand."""
    kmers, rows = canonical_kmers(sequences, k)
    shared = np.zeros(len(sequences), bool)
    shared[rows[np.isin(kmers, canonical_kmers(others, k)[0])]] = True
    return shared
