"""What a network has to beat: a logistic regression and a support-vector machine on pixels."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from data.splits import Rows, Splits
from pipelines.classify import probabilities as softmax
from pipelines.measures import classification
from pipelines.task import Scores

LEARNT = 4_000  # training pictures that a baseline takes at most; the same number of them tell its training score
SIDE = 32  # larger pictures are averaged down to it
STRENGTHS = (0.001, 0.01, 0.1)  # inverse regularisation of the regression, chosen on validation
PENALTIES = (1.0, 10.0)  # of the machine
SHARPNESS = (0.5, 1.0, 2.0, 4.0, 8.0)  # of the machine's margins as logits


def baselines(splits: Splits, seed: int) -> dict[str, dict[str, Scores]]:
    """Regression and machine on at most `LEARNT` training pictures, strengths chosen on validation.

    Args:
        splits: the rows of the run.
        seed: which pictures, where there are more.

    Returns:
        name -> split -> scores.
    """
    from threadpoolctl import threadpool_limits

    some = np.sort(np.random.default_rng(seed).permutation(splits.train.size)[:LEARNT])
    parts = {"train": splits.train.take(some), "val": splits.val, "test": splits.test}
    pixels = {name: _features(rows, splits) for name, rows in parts.items()}
    labels = {name: rows["label"] for name, rows in parts.items()}
    with threadpool_limits(1):  # beside TensorFlow's threads, those of the linear algebra only wait for each other
        return {"pixel_svm": _machine(pixels, labels), "pixel_regression": _regression(pixels, labels)}


def _features(rows: Rows, splits: Splits) -> np.ndarray:
    """(rows, pixels) float32 of mean 0 and variance 1 over all training pictures; large pictures are averaged down."""
    images, meta = rows["image"], splits.meta
    step = -(-max(images.shape[1:3]) // SIDE)
    height, width = (size // step * step for size in images.shape[1:3])
    cut = images[:, :height, :width].reshape(len(images), height // step, step, width // step, step, -1)
    means = cut.mean((2, 4), dtype=np.float32)
    return ((means - np.float32(meta["mean"])) / np.float32(meta["deviation"])).reshape(len(images), -1)


def _regression(pixels: dict[str, np.ndarray], labels: dict[str, np.ndarray]) -> dict[str, Scores]:
    """Multinomial logistic regression."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    def fitted(strength: float) -> dict[str, Scores]:
        with warnings.catch_warnings():  # stopped early, a baseline is one all the same
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = LogisticRegression(C=strength, max_iter=200, tol=1e-3).fit(pixels["train"], labels["train"])
        return _scores(labels, {name: model.predict_proba(own) for name, own in pixels.items()})

    return _best([fitted(strength) for strength in STRENGTHS])


def _machine(pixels: dict[str, np.ndarray], labels: dict[str, np.ndarray]) -> dict[str, Scores]:
    """Support-vector machine with a Gaussian kernel of scikit-learn's own width; its margins are taken for logits."""
    from sklearn.metrics.pairwise import rbf_kernel
    from sklearn.svm import SVC

    width = 1.0 / (pixels["train"].shape[1] * pixels["train"].var())
    kernels = {name: rbf_kernel(own, pixels["train"], width) for name, own in pixels.items()}

    def fitted(penalty: float) -> list[dict[str, Scores]]:
        model = SVC(C=penalty, kernel="precomputed").fit(kernels["train"], labels["train"])
        margins = {name: _margins(model, kernel) for name, kernel in kernels.items()}
        return [_scores(labels, {name: softmax(by * own) for name, own in margins.items()}) for by in SHARPNESS]

    return _best([scores for penalty in PENALTIES for scores in fitted(penalty)])


def _margins(model: Any, kernel: np.ndarray) -> np.ndarray:
    """(rows, classes); of two classes scikit-learn gives the second's alone."""
    margins = model.decision_function(kernel)
    return margins if margins.ndim == 2 else np.stack([-margins, margins], axis=1)


def _scores(labels: dict[str, np.ndarray], probabilities: dict[str, np.ndarray]) -> dict[str, Scores]:
    return {name: classification(own, probabilities[name]) for name, own in labels.items()}


def _best(found: list[dict[str, Scores]]) -> dict[str, Scores]:
    """The scores with the best likelihood on validation."""
    return min(found, key=lambda scores: scores["val"]["nll"])
