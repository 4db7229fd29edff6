"""What a network has to beat: logistic regressions, trained in the same run on the same rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from data.splits import Rows, Splits
from pipelines.measures import classification
from pipelines.task import Scores

POSITIONS = 2_000  # longer sequences have no position that means the same in all of them
KMERS = (1, 2, 3, 4, 5)
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0)  # inverse regularisation, chosen on validation


def baselines(splits: Splits, seed: int) -> dict[str, dict[str, Scores]]:
    """A regression on which base stands where, and one on how often each k-mer occurs.

    Args:
        splits: the rows of the run.
        seed: unused: both fits have one solution.

    Returns:
        name -> split -> scores.
    """
    features = {"kmer_regression": kmer_counts}
    if splits.meta["length"] <= POSITIONS:
        features = {"positional_regression": positions, **features}
    return {name: _regression(splits, extract) for name, extract in features.items()}


def positions(codes: np.ndarray) -> np.ndarray:
    """One indicator for each base at each position: (rows, 4 * length) float32."""
    bits = (codes[:, :, None] >> np.arange(4, dtype=np.uint8)) & 1
    return (bits / np.maximum(bits.sum(2, keepdims=True), 1)).reshape(len(codes), -1).astype("float32")


def kmer_counts(codes: np.ndarray) -> np.ndarray:
    """Square roots of the counts of all 1- to 5-mers: (rows, 1364) float32; ambiguous k-mers are not counted.

    The root keeps a frequent k-mer from drowning the others (a variance-stabilising transform of counts).
    """
    digit = np.full(16, -1)
    digit[[1, 2, 4, 8]] = range(4)
    bases = digit[codes]
    return np.concatenate([np.sqrt(_counts(bases, k)) for k in KMERS], axis=1).astype("float32")


def _counts(bases: np.ndarray, k: int) -> np.ndarray:
    rows, length = bases.shape
    windows = [bases[:, i : length - k + 1 + i] for i in range(k)] if length >= k else [bases[:, :0]]
    word = sum(w * 4 ** (k - 1 - i) for i, w in enumerate(windows))
    known = np.min(windows, axis=0) >= 0
    flat = (np.arange(rows)[:, None] * 4**k + word)[known]
    return np.bincount(flat, minlength=rows * 4**k).reshape(rows, 4**k)


def _regression(splits: Splits, extract: Callable[[np.ndarray], np.ndarray]) -> dict[str, Scores]:
    """The regression whose strength has the best likelihood on validation, scored on every split."""
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    columns = {name: csr_matrix(extract(_codes(rows)), dtype=np.float64) for name, rows in splits.items()}

    def fitted(strength: float) -> dict[str, Scores]:
        model = LogisticRegression(C=strength, max_iter=2000, tol=1e-3).fit(columns["train"], splits.train["label"])
        return {name: _scores(model, columns[name], rows) for name, rows in splits.items()}

    with threadpool_limits(1):  # beside TensorFlow's threads, those of the linear algebra only wait for each other
        return min((fitted(strength) for strength in STRENGTHS), key=lambda scores: scores["val"]["nll"])


def _scores(model: Any, features: Any, rows: Rows) -> Scores:
    return classification(rows["label"], model.predict_proba(features))


def _codes(rows: Rows) -> np.ndarray:
    return rows["sequence"][np.arange(rows.size)]
