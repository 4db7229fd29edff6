"""Stopping as graph networks are stopped: by what two scores of validation say together."""

from __future__ import annotations

from collections.abc import Mapping
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
        self.best: list[float] = []
        self.best_weights: list[np.ndarray] | None = None
        self.waited = 0

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Compare with all epochs before; a score that is not a number is worse than any."""
        now = [self._goodness(name, logs or {}) for name in self.measures]
        best = self.best or [-np.inf] * len(now)
        self.best = [max(pair) for pair in zip(best, now, strict=True)]
        if now == self.best:
            self.best_weights = self.model.get_weights()
        self.waited = 0 if self.best != best else self.waited + 1
        if self.waited >= self.patience:
            self.model.stop_training = True

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Put the kept weights back."""
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)

    @staticmethod
    def _goodness(name: str, logs: Mapping[str, Any]) -> float:
        value = logs.get(f"val_{name}", np.nan)
        good = value if MEASURES[name].more_is_better else -value
        return -np.inf if np.isnan(good) else float(good)
