"""What regressions on k-mers count."""

from __future__ import annotations

import numpy as np

from data.sequences import encode, reverse_complement
from pipelines.genomics.baselines import kmer_counts


def codes(*rows: str) -> np.ndarray:
    return encode(rows, longest=11)[np.arange(len(rows))]


def test_kmers_are_counted_by_hand_and_ambiguous_ones_are_not() -> None:
    counts = kmer_counts(codes("AACNA"))[0] ** 2
    assert counts[:4].tolist() == [3, 1, 0, 0]
    assert counts[4:20].reshape(4, 4)[0].round(6).tolist() == [1, 1, 0, 0]  # AA and AC; CN and NA are unknown
    assert counts[20:84].sum().round(6) == 1


def test_of_both_strands_either_one_has_the_same_counts() -> None:
    rows = codes("ACCGTTGAC", "GGRTTTACAAC")
    both, other = (kmer_counts(strand, "both") for strand in (rows, reverse_complement(rows)))
    np.testing.assert_array_equal(both, other)
    assert (both**2).sum() > (kmer_counts(rows) ** 2).sum() * 1.99  # roots are rounded
