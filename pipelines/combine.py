"""One model out of several that were trained on the same rows."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from arch.ensemble import Mixture, ensemble
from data.splits import Splits
from pipelines import engine
from pipelines.measures import better
from pipelines.run import Run
from pipelines.task import Task

ROUNDS = 50  # of the greedy choice: shares are multiples of 1 / ROUNDS


def combined(run: Run, task: Task, members: Sequence[keras.Model], splits: Splits) -> tuple[keras.Model, list[float]]:
    """The ensemble of these members as the run asks for it, and the share of each."""
    shares = np.full(len(members), 1 / len(members))
    if run.combine == "stacking":
        shares = stacked(task, [engine.predict(member, splits.val) for member in members], splits)
    return ensemble(members, shares.tolist(), task.outputs), shares.tolist()


def stacked(task: Task, outputs: Sequence[np.ndarray], splits: Splits) -> np.ndarray:
    """Shares that are good on validation: members are added one by one, each time the one that helps most.

    Members may be added again and again, and ties go to the first. Greedy addition of few, coarse shares overfits the
    validation rows less than a free fit of them does.

    Args:
        task: scores the outputs.
        outputs: of each member for the validation rows.
        splits: the rows.

    Returns:
        (members,) shares that sum to 1.

    Source: Caruana et al. 2004, section 2.3 (selection with replacement), without their bagging.
    """
    counts = np.zeros(len(outputs))
    for _ in range(ROUNDS):
        trials = [counts + one for one in np.eye(len(outputs))]
        scores = [_score(task, outputs, trial / trial.sum(), splits) for trial in trials]
        best = 0
        for i, score in enumerate(scores):
            best = i if better(task.measure, score, scores[best]) else best
        counts = trials[best]
    return counts / ROUNDS


def _score(task: Task, outputs: Sequence[np.ndarray], shares: np.ndarray, splits: Splits) -> float:
    mixed = keras.ops.convert_to_numpy(Mixture(shares.tolist(), task.outputs)(list(outputs)))
    scores = (task.validate or task.evaluate)(task.named(mixed, splits.meta), splits.val, splits.meta)
    return scores[task.measure]
