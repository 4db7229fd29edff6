"""Every measure of the house, and those of classifiers. Fractions stay fractions; what is undefined is NaN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Measure:
    """How a measure is read.

    Attributes:
        about: what it is, in a few words.
        more_is_better: which way is better.
        scale: by what it is multiplied when it is told to people: 100 for a share that is told in percent.
        digits: behind the point, when it is told.
        aim: the value that is best, where it is neither the highest nor the lowest; None where none is.
    """

    about: str
    more_is_better: bool
    scale: float = 1.0
    digits: int = 3
    aim: str | None = ""

    @property
    def best(self) -> str:
        """In words, which values are better; empty where none are."""
        if self.aim is None:
            return ""
        return f"near {self.aim}" if self.aim else "higher" if self.more_is_better else "lower"


PERCENT: dict[str, Any] = {"more_is_better": True, "scale": 100, "digits": 1}
REST = "one class against the rest, the mean over classes"
MEASURES = {
    "accuracy": Measure("share of answers that are right", **PERCENT),
    "balanced_accuracy": Measure("share of a class' rows that are found, the mean over classes", **PERCENT),
    "mcc": Measure("Matthews' correlation of true and predicted classes; 0 for guessing", **PERCENT),
    "auroc": Measure(f"area under the ROC curve, {REST}; 0.5 for guessing", True),
    "auprc": Measure(f"area under the precision-recall curve, {REST}", True),
    "nll": Measure(
        "negative log likelihood of the truth in nats, the mean over rows, and over labels if several", False
    ),
    "ece": Measure("expected calibration error: how far confidence is from accuracy, the mean", False),
    "r2": Measure("share of the values' variance that is explained", True),
    "pearson": Measure("Pearson's correlation of true and predicted values", True),
    "spearman": Measure("Spearman's correlation, of ranks, of true and predicted values", True),
    "rmse": Measure("root of the mean squared error, in the unit of the values", False),
    "smape": Measure("symmetric absolute error in percent, the mean over all points", False, digits=2),
    "mape": Measure("absolute error in percent of what came, the mean over all points", False, digits=2),
    "mase": Measure("absolute error over that of the seasonal naive forecast of the history", False),
    "rmsse": Measure("as mase, of squared errors, and the root of it", False),
    "owa": Measure("mean of smape and mase, each over that of Naive2", False),
    "wql": Measure("weighted quantile loss: twice the quantile losses over the sum of what came", False, digits=4),
    "coverage_80": Measure("share of what came that lies in the interval of 80 %", **PERCENT, aim="80"),
    "coverage_95": Measure("share of what came that lies in the interval of 95 %", **PERCENT, aim="95"),
    "dm_p": Measure("p value of Diebold and Mariano's test of equal errors with the best baseline", False, aim=None),
    "seconds": Measure("seconds of training", False, digits=2),
}
CLASSIFICATION = ("accuracy", "balanced_accuracy", "mcc", "auroc", "auprc", "nll", "ece")
MULTI_LABEL = ("accuracy", "auroc", "auprc", "nll")
REGRESSION = ("r2", "pearson", "spearman", "rmse")
BINS = 15  # of the expected calibration error
Z = 1.96  # deviations of a normal distribution that hold 95 % of it


def better(measure: str, ours: float | None, theirs: float | None) -> bool:
    """Whether one value of a measure is better than another; null and NaN, of what diverged, always are worse."""
    one, other = (np.nan if value is None else value for value in (ours, theirs))
    if np.isnan(one) or np.isnan(other):
        return bool(np.isnan(other) and not np.isnan(one))
    return one > other if MEASURES[measure].more_is_better else one < other


def spoken(measure: str, value: float | None, spread: float | None = None) -> str:
    """A score as people write it, with its spread where there is one."""
    if value is None or value != value:
        return "-"
    told = MEASURES.get(measure, Measure("", True))
    text = f"{told.scale * value:.{told.digits}f}"
    return text if spread is None or spread != spread else f"{text} ± {told.scale * spread:.{told.digits}f}"


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
        return dict.fromkeys(CLASSIFICATION, float("nan"))
    from sklearn import metrics

    quick, guesses = accuracy_and_nll(labels, probabilities), probabilities.argmax(1)
    present = np.flatnonzero(np.bincount(labels, minlength=probabilities.shape[1]))
    ranked = present.tolist() if len(present) > 1 else []
    recalls = [np.mean(guesses[labels == c] == c) for c in present]
    return {
        "accuracy": quick["accuracy"],
        "balanced_accuracy": float(np.mean(recalls)),
        "mcc": float(metrics.matthews_corrcoef(labels, guesses)),
        "auroc": _macro(metrics.roc_auc_score, labels, probabilities, ranked),
        "auprc": _macro(metrics.average_precision_score, labels, probabilities, ranked),
        "nll": quick["nll"],
        "ece": expected_calibration_error(probabilities.max(1), guesses == labels),
    }


def accuracy_and_nll(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """The two scores that decide, for every epoch: all of `classification` take many times as long.

    Args:
        labels: (rows,) class indices.
        probabilities: (rows, classes), rows summing to one.
    """
    own = probabilities[np.arange(len(labels)), labels]
    return {
        "accuracy": float(np.mean(probabilities.argmax(1) == labels)),
        "nll": float(-np.mean(np.log(np.clip(own, 1e-12, 1.0)))),
    }


def multi_label(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Scores of labels that are true or false each by itself.

    Args:
        labels: (rows, labels) of 0 and 1.
        probabilities: (rows, labels).

    Returns:
        accuracy and nll (in nats) over all rows and labels; auroc and auprc, means over labels that are true of some
        rows and false of others. All are NaN where a probability is.
    """
    if np.isnan(probabilities).any():
        return dict.fromkeys(MULTI_LABEL, float("nan"))
    from sklearn import metrics

    truth = labels > 0.5
    mixed = [i for i in range(labels.shape[1]) if 0 < truth[:, i].sum() < len(truth)]
    right = np.where(truth, probabilities, 1 - probabilities)
    areas = {
        name: [score(truth[:, i], probabilities[:, i]) for i in mixed]
        for name, score in (("auroc", metrics.roc_auc_score), ("auprc", metrics.average_precision_score))
    }
    return {
        "accuracy": float(np.mean(truth == (probabilities > 0.5))),
        **{name: float(np.mean(values)) if values else float("nan") for name, values in areas.items()},
        "nll": float(-np.mean(np.log(np.clip(right, 1e-12, 1.0)))),
    }


def regression(values: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """Scores of predicted values.

    Args:
        values: (rows,).
        predictions: (rows,).

    Returns:
        r2 (share of the variance explained), pearson and spearman correlation, rmse in the values' unit; NaN where not
        defined, as of rows that are all alike.
    """
    from scipy import stats

    errors = np.asarray(predictions, np.float64) - values
    spread, vary = float(np.var(values)), len(values) > 1 and np.ptp(values) > 0 and np.ptp(predictions) > 0
    return {
        "r2": 1 - float(np.mean(errors**2)) / spread if spread else float("nan"),
        "pearson": float(stats.pearsonr(values, predictions).statistic) if vary else float("nan"),
        "spearman": float(stats.spearmanr(values, predictions).statistic) if vary else float("nan"),
        "rmse": float(np.sqrt(np.mean(errors**2))),
    }


def differ_by_chance(one: float | None, other: float | None, rows: int) -> bool:
    """Whether two accuracies on so many rows differ by no more than those of equally good models do, 95 % of the time.

    The test of two proportions, on their pooled share. Models that err on the same rows differ by less than it allows,
    so that it rather misses a difference than tells one that is none; McNemar's test, which sees the pairs, needs the
    answers of baselines row by row, of which their scores alone are kept.
    """
    if one is None or other is None:
        return False
    pooled = (one + other) / 2
    return abs(one - other) <= Z * float(np.sqrt(2 * pooled * (1 - pooled) / rows))


def share_interval(hits: float, count: int) -> tuple[float, float]:
    """Wilson's interval of a share, 95 % (Wilson 1927)."""
    share, spread = hits / count, Z * np.sqrt(hits * (count - hits) / count**3 + (Z / (2 * count)) ** 2)
    middle, scale = share + Z**2 / (2 * count), 1 + Z**2 / count
    return float((middle - spread) / scale), float((middle + spread) / scale)


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
