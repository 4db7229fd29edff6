"""What papers say: bags of words as SciPy CSR, which stay sparse, or columns of numbers as NumPy; both float32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np
from scipy.sparse import csr_array

from data.errors import BadInput

Features: TypeAlias = "np.ndarray | csr_array"
Scaling = Literal["rows", "unit", "standard", "none"]


def scaled(features: Features, how: Scaling, *, statistics: tuple[np.ndarray, np.ndarray] | None = None) -> Features:
    """Features as a model takes them.

    Args:
        features: (papers, words).
        how: rows: each paper's magnitudes sum to one; unit: each paper has length one; standard: each column has mean
            zero and deviation one; none: as they are. A paper without words stays zero.
        statistics: mean and deviation of the columns, for standard; those of these features where None.

    Raises:
        BadInput: standard was asked for bags of words, which would not stay sparse.
    """
    if how == "none":
        return features
    if how == "standard":
        mean, deviation = statistics or column_statistics(features)
        return ((features - mean) / deviation).astype(np.float32)
    powers = abs(features) if how == "rows" else features * features
    sums = np.asarray(powers.sum(axis=1)).ravel()
    lengths = sums if how == "rows" else np.sqrt(sums)
    factors = (1 / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    if isinstance(features, np.ndarray):
        return features * factors[:, None]
    data = features.data * np.repeat(factors, np.diff(features.indptr))
    return csr_array((data, features.indices, features.indptr), shape=features.shape)


def column_statistics(features: Features) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each column, (words,) float32; a column that does not vary has deviation one.

    Raises:
        BadInput: for bags of words.
    """
    if not isinstance(features, np.ndarray):
        wanted = "rows, unit or none for words"
        raise BadInput("data.scaling: bags of words would not stay sparse", wanted=wanted, got="standard")
    deviation = features.std(axis=0, dtype=np.float64)
    mean = features.mean(axis=0, dtype=np.float64)
    return mean.astype(np.float32), np.where(deviation > 0, deviation, 1).astype(np.float32)


def blanked(features: Features, hidden: np.ndarray) -> Features:
    """Features that are zero for some papers.

    Args:
        features: (papers, words).
        hidden: (papers,) bool.
    """
    if not hidden.any():
        return features
    if isinstance(features, np.ndarray):
        return np.where(hidden[:, None], np.float32(0), features)
    counts = np.diff(features.indptr)
    kept = np.repeat(~hidden, counts)
    starts = np.concatenate([[0], np.cumsum(np.where(hidden, 0, counts))])
    return csr_array((features.data[kept], features.indices[kept], starts), shape=features.shape)


def rows_of(features: Features, papers: np.ndarray) -> Features:
    """The features of some papers; SciPy's own indexing takes three times as long for bags of words."""
    if isinstance(features, np.ndarray):
        return features[papers]
    first, counts = features.indptr[papers], np.diff(features.indptr)[papers]
    starts = np.zeros(len(papers) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    picked = np.repeat(first - starts[:-1], counts) + np.arange(starts[-1])
    return csr_array((features.data[picked], features.indices[picked], starts), shape=(len(papers), features.shape[1]))


def bags(features: csr_array) -> dict[str, np.ndarray]:
    """Bags of words as pairs of paper and word with their values."""
    papers = np.arange(features.shape[0], dtype=np.int32)
    pairs = np.empty((features.nnz, 2), np.int32)
    pairs[:, 0], pairs[:, 1] = np.repeat(papers, np.diff(features.indptr)), features.indices
    return {"words": pairs, "values": features.data.astype(np.float32, copy=False), "nodes": papers}


def features_of(arrays: Mapping[str, np.ndarray], words: int) -> Features:
    """Features out of the arrays that a model takes: those of `bags`, or `features` themselves."""
    if "features" in arrays:
        return arrays["features"]
    papers, indices = arrays["words"].T
    starts = np.searchsorted(papers, np.arange(len(arrays["nodes"]) + 1))
    return csr_array((arrays["values"], indices, starts), shape=(len(arrays["nodes"]), words))
