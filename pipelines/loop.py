"""What the training loops of all backends share: the epoch's sums, their means, and how many steps a call takes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import keras
import numpy as np

from pipelines.run import Run
from pipelines.task import Task

CALL_SECONDS = 0.25  # how long one call should take: short enough for a progress bar and for signals


class Loop:
    """The compiled training step of a model, repeated; a backend's `TrainLoop` does the steps.

    Args:
        run: gives the objective its options.
        task: gives the objective.
        model: compiled with its optimizer.

    Attributes:
        totals: the epoch's sums so far of `asked`, `weight`, `loss` and the task's measures.
        compile_seconds: of the first call.
    """

    def __init__(self, run: Run, task: Task, model: keras.Model) -> None:
        self.run, self.task, self.model = run, task, model
        self.names = ("asked", "weight", "loss", *task.measures)
        self.totals = dict.fromkeys(self.names, 0.0)
        self.compile_seconds = 0.0
        self._seconds_a_step = 0.0

    @property
    def asked(self) -> bool:
        """Whether any worker was asked to stop."""
        return self.totals["asked"] > 0

    def put_back(self, totals: Mapping[str, float]) -> None:
        """Set the epoch's sums, as after a resume; all zero at the start of an epoch."""
        self.totals = {**dict.fromkeys(self.names, 0.0), **totals, "asked": 0.0}

    def call_steps(self) -> int:
        """Steps for the next call, so that it takes about `CALL_SECONDS`; one at first, which compiles."""
        return max(1, int(CALL_SECONDS / self._seconds_a_step)) if self._seconds_a_step else 1

    def means(self) -> dict[str, float]:
        """The epoch's means so far.

        Rounded to float32, the sums of an interrupted epoch give the same means as those of a whole one.
        """
        return {n: float(np.float32(self.totals[n] / self.totals["weight"])) for n in self.names[2:]}

    @contextmanager
    def timed(self, count: int) -> Iterator[None]:
        """Time a call of so many steps; the first one is compilation."""
        start = time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        if not self.compile_seconds:
            self.compile_seconds = seconds
        else:
            self._seconds_a_step = seconds / count
