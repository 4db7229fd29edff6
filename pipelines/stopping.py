"""Stopping as graph networks are stopped: by what two scores of validation say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from pipelines.measures import MEASURES


class BestInBoth(keras.callbacks.Callback):
    """Keeps the last epoch that none before surpasses in either of two scores; stops when neither improves.

    A small validation part gives many epochs one accuracy, and its likelihood is best long before its accuracy is;
    either alone is a poor judge.

    Args:
        measures: validation scores that are in the logs as `val_NAME`.
        patience: epochs in which neither improves before training stops.

    Source: Velickovic et al. 2018, section 3.3: early stopping on both loss and accuracy of the validation nodes.
    """

    def __init__(self, measures: tuple[str, str], patience: int) -> None:
        super().__init__()
        self.measures, self.patience = measures, patience
        self.best = [-np.inf] * len(measures)
        self.best_weights: list[np.ndarray] | None = None
        self.waited = 0

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Keep the weights of an epoch that none before surpasses; stop after enough that improve nothing."""
        before = self.best
        if self.surpassed_by_none(logs or {}):
            self.best_weights = self.model.get_weights()
        self.waited = 0 if self.best != before else self.waited + 1
        if self.waited >= self.patience:
            self.model.stop_training = True

    def surpassed_by_none(self, logs: Mapping[str, Any]) -> bool:
        """Compare with all epochs before; a score that is not a number is worse than any."""
        now = [goodness(name, logs) for name in self.measures]
        self.best = [max(pair) for pair in zip(self.best, now, strict=True)]
        return now == self.best

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Put the kept weights back."""
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)


def goodness(measure: str, logs: Mapping[str, Any]) -> float:
    """The validation score of an epoch, negative where less is better; one that is not a number is worse than any."""
    value = logs.get(f"val_{measure}", np.nan)
    good = value if MEASURES[measure].more_is_better else -value
    return -np.inf if np.isnan(good) else float(good)


def kept_epoch(keep: str, history: Sequence[Mapping[str, Any]], measures: tuple[str, str]) -> int:
    """The epoch whose weights a fit ended with, counted from 1; 0 where no validation score is a number.

    Args:
        keep: as `Fit.keep`.
        history: the values of each epoch.
        measures: the score that decides, and the one that is shown first.
    """
    if keep == "last":
        return len(history)
    if keep == "best":
        scores = [goodness(measures[0], values) for values in history]
        return int(np.argmax(scores)) + 1 if max(scores) > -np.inf else 0
    judge = BestInBoth(measures, len(history))
    kept = [epoch for epoch, values in enumerate(history, start=1) if judge.surpassed_by_none(values)]
    return kept[-1] if max(judge.best) > -np.inf else 0
