"""Measures of classifiers, from probabilities. Fractions stay fractions; what is undefined is NaN."""

from __future__ import annotations

import numpy as np

BINS = 15
MEASURES = ("accuracy", "balanced_accuracy", "mcc", "auroc", "auprc", "nll", "ece")


def classification(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Scores of a classifier.

    Args:
        labels: (rows,) class indices.
        probabilities: (rows, classes), rows summing to one.

    Returns:
        accuracy, balanced_accuracy, mcc, auroc and auprc (macro, one against rest, over the classes present), nll in
        nats, ece (15 bins of equal mass). All are NaN where a probability is, as of a model that has diverged.
    """
    if np.isnan(probabilities).any():
        return dict.fromkeys(MEASURES, float("nan"))
    from sklearn import metrics

    guesses = probabilities.argmax(1)
    present = np.flatnonzero(np.bincount(labels, minlength=probabilities.shape[1]))
    ranked = present.tolist() if len(present) > 1 else []
    recalls = [np.mean(guesses[labels == c] == c) for c in present]
    return {
        "accuracy": float(np.mean(guesses == labels)),
        "balanced_accuracy": float(np.mean(recalls)),
        "mcc": float(metrics.matthews_corrcoef(labels, guesses)),
        "auroc": _macro(metrics.roc_auc_score, labels, probabilities, ranked),
        "auprc": _macro(metrics.average_precision_score, labels, probabilities, ranked),
        "nll": float(-np.mean(np.log(np.clip(probabilities[np.arange(len(labels)), labels], 1e-12, 1.0)))),
        "ece": expected_calibration_error(probabilities.max(1), guesses == labels),
    }


def expected_calibration_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    """Mean distance between confidence and accuracy over 15 bins of equal mass.

    Source: Naeini et al. 2015 with the adaptive bins of Nguyen and O'Connor 2015.
    """
    bins = np.array_split(np.argsort(confidence, kind="stable"), min(BINS, len(confidence)))
    gaps = [len(b) * abs(confidence[b].mean() - correct[b].mean()) for b in bins]
    return float(sum(gaps) / len(confidence))


def _macro(score: object, labels: np.ndarray, probabilities: np.ndarray, classes: list[int]) -> float:
    values = [score(labels == c, probabilities[:, c]) for c in classes]  # type: ignore[operator]
    return float(np.mean(values)) if values else float("nan")
