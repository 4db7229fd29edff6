"""What a graph model has to beat: the most frequent class, words without citations, citations without words."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array, diags_array

from data.features import rows_of
from data.graph_inputs import graph_beside
from data.splits import Splits
from pipelines.measures import classification
from pipelines.task import Scores

STRENGTHS = (1.0, 10.0, 100.0, 1000.0)  # inverse regularisation of the regression, chosen on validation
SHARES = (0.5, 0.8, 0.9, 0.99)  # of a paper's neighbours in what it believes, chosen on validation
STEPS = 50  # of label propagation; what is left then is below a hundredth for all but the last share


def baselines(splits: Splits, seed: int) -> dict[str, dict[str, Scores]]:
    """Majority, logistic regression on words, and label propagation, from the training papers' labels alone.

    Args:
        splits: the rows of the run.
        seed: unused: all have one solution.

    Returns:
        name -> split -> scores.
    """
    return {
        "label_propagation": label_propagation(splits),
        "word_regression": word_regression(splits),
        "majority": majority(splits),
    }


def majority(splits: Splits) -> dict[str, Scores]:
    """The classes' shares in training for every paper."""
    counts = np.bincount(splits.train["label"], minlength=len(splits.meta["classes"]))
    shares = counts / counts.sum()
    return _scores(splits, {name: np.tile(shares, (rows.size, 1)) for name, rows in splits.items()})


def word_regression(splits: Splits) -> dict[str, Scores]:
    """Logistic regression on the papers' own features, the strength chosen on validation."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    columns = {
        name: rows_of(graph_beside(rows, splits.meta["words"])[0], rows["node"]) for name, rows in splits.items()
    }

    def fitted(strength: float) -> dict[str, Scores]:
        # Shares of words are small numbers, and so are gradients: a usual tolerance would stop at once.
        model = LogisticRegression(C=strength, max_iter=1000, tol=1e-6).fit(columns["train"], splits.train["label"])
        return _scores(splits, {name: model.predict_proba(column) for name, column in columns.items()})

    with threadpool_limits(1):  # beside TensorFlow's threads, those of the linear algebra only wait for each other
        return _best(fitted(strength) for strength in STRENGTHS)


def label_propagation(splits: Splits) -> dict[str, Scores]:
    """Labels that flow along the edges from the training papers, the share of the neighbours chosen on validation.

    Source: Zhou et al. 2004, Learning with local and global consistency, equation 3. A paper that no label reaches has
        the classes' shares in training.
    """
    features, edges = graph_beside(splits.test, splits.meta["words"])
    step = _normalized(edges, features.shape[0])
    classes = len(splits.meta["classes"])
    given = np.zeros((features.shape[0], classes), np.float32)
    given[splits.train["node"], splits.train["label"]] = 1
    prior = given.sum(0) / given.sum()

    def spread(share: float) -> dict[str, Scores]:
        beliefs = given
        for _ in range(STEPS):
            beliefs = share * (step @ beliefs) + (1 - share) * given
        beliefs = beliefs + 1e-9 * prior.astype(np.float32)
        beliefs = beliefs / beliefs.sum(1, keepdims=True)
        return _scores(splits, {name: beliefs[rows["node"]] for name, rows in splits.items()})

    return _best(spread(share) for share in SHARES)


def _normalized(edges: np.ndarray, nodes: int) -> csr_array:
    """D^-1/2 A D^-1/2, rows being targets."""
    adjacency = csr_array((np.ones(len(edges), np.float32), (edges[:, 1], edges[:, 0])), shape=(nodes, nodes))
    into, out = (1 / np.sqrt(np.maximum(adjacency.sum(axis=axis), 1)) for axis in (1, 0))
    return csr_array(diags_array(into) @ adjacency @ diags_array(out), dtype=np.float32)


def _scores(splits: Splits, probabilities: dict[str, np.ndarray]) -> dict[str, Scores]:
    return {name: classification(rows["label"], probabilities[name]) for name, rows in splits.items()}


def _best(found: object) -> dict[str, Scores]:
    """The scores with the best likelihood on validation."""
    return min(found, key=lambda scores: scores["val"]["nll"])  # type: ignore[call-overload]
