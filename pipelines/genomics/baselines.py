"""What a network has to beat: linear models, trained in the same run on the same rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from data.sequences import NUMBERS, reverse_complement
from data.splits import Rows, Splits
from pipelines.measures import better, classification, multi_label, regression
from pipelines.task import Scores

POSITIONS = 2_000  # longer sequences have no position that means the same in all of them
KMERS = (1, 2, 3, 4, 5)
PIECE = 4_096  # rows whose features are dense at a time
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0)  # inverse regularisation, chosen on validation


def of_classes(splits: Splits, seed: int) -> dict[str, dict[str, Scores]]:
    """Logistic regressions.

    Args:
        splits: the rows of the run.
        seed: unused: the fits have one solution.

    Returns:
        name -> split -> scores.
    """
    return _baselines(splits, _classifier, "nll")


def of_labels(splits: Splits, seed: int) -> dict[str, dict[str, Scores]]:
    """A logistic regression for each label; as `of_classes`."""
    return _baselines(splits, _labeller, "nll")


def of_values(splits: Splits, seed: int) -> dict[str, dict[str, Scores]]:
    """Ridge regressions; as `of_classes`."""
    return _baselines(splits, _ridge, "rmse")


def positions(codes: np.ndarray) -> np.ndarray:
    """One indicator for each base at each position: (rows, 4 * length) float32."""
    bits = (codes[:, :, None] >> np.arange(4, dtype=np.uint8)) & 1
    return (bits / np.maximum(bits.sum(2, keepdims=True), 1)).reshape(len(codes), -1).astype("float32")


def kmer_counts(codes: np.ndarray, strands: str = "given") -> np.ndarray:
    """Square roots of the counts of all 1- to 5-mers: (rows, 1364) float32; ambiguous k-mers are not counted.

    The root keeps a frequent k-mer from drowning the others (a variance-stabilising transform of counts). Of "both"
    strands a k-mer counts with its reverse complement, so that either strand of a sequence has the same counts.
    """
    digit = NUMBERS.astype(int)
    read = [digit[codes], digit[reverse_complement(codes)]] if strands == "both" else [digit[codes]]
    return np.concatenate([np.sqrt(sum(_counts(b, k) for b in read)) for k in KMERS], axis=1).astype("float32")


def _counts(bases: np.ndarray, k: int) -> np.ndarray:
    rows, length = bases.shape
    windows = [bases[:, i : length - k + 1 + i] for i in range(k)] if length >= k else [bases[:, :0]]
    word = sum(w * 4 ** (k - 1 - i) for i, w in enumerate(windows))
    known = np.min(windows, axis=0) >= 0
    flat = (np.arange(rows)[:, None] * 4**k + word)[known]
    return np.bincount(flat, minlength=rows * 4**k).reshape(rows, 4**k)


Extract = Callable[[np.ndarray], np.ndarray]
Fit = Callable[[Any, np.ndarray, float], Callable[[Any, np.ndarray], Scores]]


def _baselines(splits: Splits, fit: Fit, measure: str) -> dict[str, dict[str, Scores]]:
    """On which base stands where, and on how often each k-mer occurs."""
    features: dict[str, Extract] = {"kmer_regression": partial(kmer_counts, strands=splits.meta["strands"])}
    if splits.meta["length"] <= POSITIONS:
        features = {"positional_regression": positions, **features}
    return {name: _best(splits, extract, fit, measure) for name, extract in features.items()}


def _best(splits: Splits, extract: Extract, fit: Fit, measure: str) -> dict[str, Scores]:
    """The regression whose strength does best on validation, scored on every split."""
    from threadpoolctl import threadpool_limits

    columns = {name: _columns(rows, extract) for name, rows in splits.items()}

    def fitted(strength: float) -> dict[str, Scores]:
        judge = fit(columns["train"], splits.train["label"], strength)
        return {name: judge(columns[name], rows["label"]) for name, rows in splits.items()}

    with threadpool_limits(1):  # beside TensorFlow's threads, those of the linear algebra only wait for each other
        best, *others = map(fitted, STRENGTHS)
        for other in others:
            best = other if better(measure, other["val"][measure], best["val"][measure]) else best
        return best


def _classifier(features: Any, labels: np.ndarray, strength: float) -> Callable[[Any, np.ndarray], Scores]:
    model = _logistic(features, labels, strength)
    return lambda features, labels: classification(labels, model.predict_proba(features))


def _labeller(features: Any, labels: np.ndarray, strength: float) -> Callable[[Any, np.ndarray], Scores]:
    """A label that is true of all rows or of none has no regression, and its share for an answer."""
    shares = labels.mean(0)
    models = {i: _logistic(features, labels[:, i], strength) for i in np.flatnonzero((shares > 0) & (shares < 1))}

    def judge(features: Any, labels: np.ndarray) -> Scores:
        chances = np.tile(shares, (features.shape[0], 1))
        for label, model in models.items():
            chances[:, label] = model.predict_proba(features)[:, 1]
        return multi_label(labels, chances)

    return judge


def _ridge(features: Any, values: np.ndarray, strength: float) -> Callable[[Any, np.ndarray], Scores]:
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=1 / strength).fit(features, values)
    return lambda features, values: regression(values, model.predict(features))


def _logistic(features: Any, labels: np.ndarray, strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=2000, tol=1e-3).fit(features, labels)


def _columns(rows: Rows, extract: Extract) -> Any:
    """Sparse features, made of some rows at a time: dense they can take more memory than the network that is judged."""
    from scipy.sparse import csr_matrix, vstack

    pieces = np.split(np.arange(rows.size), range(PIECE, rows.size, PIECE))
    parts = [csr_matrix(extract(rows["sequence"][some]), dtype=np.float64) for some in pieces]
    return vstack(parts, format="csr")
