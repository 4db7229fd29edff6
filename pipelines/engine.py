"""The only training loop: exact over devices and batches, equal to the bit from run to run, and resumable anywhere.

`keras.Model.fit` is not used: it is inexact under `tf.distribute` (uneven batches, clipping, dropout masks), cannot
resume within an epoch, and pays Python for every step. Keras callbacks are driven as `fit` would drive them, a call of
several steps being one batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import keras
import numpy as np

from data.errors import BadInput
from data.splits import Rows, Splits
from pipelines.checkpoint import Checkpoints, Position
from pipelines.measures import MEASURES
from pipelines.memory import check_memory
from pipelines.optimizers import make_optimizer
from pipelines.recalibration import Recalibrate
from pipelines.run import Run
from pipelines.signals import Signals
from pipelines.stopping import BestInBoth
from pipelines.task import Meta, Scores, Task, build

PREDICT_ROWS = 256
EPOCH_SECONDS = 1.0  # shorter epochs share a checkpoint: writing each safely would take longer than they do


@dataclass(frozen=True)
class Prepared:
    """A model with its optimizer, not trained yet, the devices that it lies on, and what is told of its start."""

    model: keras.Model
    placement: Any
    start: str = ""


@dataclass(frozen=True)
class Fitted:
    """A trained model and how it came about.

    Attributes:
        model: with the weights that are kept.
        history: one dict of values an epoch.
        seconds: of the fit in this process, compilation included.
        compile_seconds: of these, until the first step was done.
    """

    model: keras.Model
    history: list[dict[str, float]]
    seconds: float
    compile_seconds: float


def prepare(run: Run, task: Task, splits: Splits) -> Prepared:
    """Build the run's model in a process set up for it: determinism, number format, every random state.

    Raises:
        BadInput: when devices, architecture, options and data do not fit each other, or a step the memory.
    """
    keras.config.set_dtype_policy(run.fit.precision)
    keras.utils.set_random_seed(run.seed)
    placement = backend().place(run.fit)
    with placement.scope():
        model = _compiled(run, task, splits)
        start = task.start(model, run, splits.train)
    if set(model.input) <= set(splits.train):  # what a graph takes does not grow with the rows
        check_memory(model, run.fit, backend().room(placement))
    return Prepared(model, placement, start)


def restored(run: Run, task: Task, splits: Splits, checkpoints: Checkpoints, name: str = "") -> Fitted:
    """The model of a fit that has ended, from its last state, built in this process alone whatever trained it.

    Args:
        run: what was trained.
        task: the domain's functions.
        splits: its rows.
        checkpoints: where its states are.
        name: of the model; empty for the recipe's.

    Raises:
        BadInput: when that state is torn or gone.
    """
    keras.config.set_dtype_policy(run.fit.precision)
    model = _compiled(run, task, splits, name)
    at = checkpoints.restore(model, [])
    if at is None or not at.done:
        got = "torn or gone" if at is None else f"one of epoch {at.epoch}"
        raise BadInput("the fit's last state is not there", wanted="it whole", got=got, where=str(checkpoints.folder))
    return Fitted(model, at.history, 0.0, 0.0)


def _compiled(run: Run, task: Task, splits: Splits, name: str = "") -> keras.Model:
    model = build(task, run, splits.meta, name)
    steps = splits.train.steps(run.fit.batch_size)
    model.compile(optimizer=make_optimizer(run.fit, steps * run.fit.epochs))
    model.optimizer.build(model.trainable_variables)
    return model


def fit(
    prepared: Prepared,
    run: Run,
    task: Task,
    splits: Splits,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    checkpoints: Checkpoints | None = None,
    on_history: Callable[[list[dict[str, float]]], None] = lambda history: None,
) -> Fitted:
    """Train a prepared model, from its newest checkpoint where there is one.

    Args:
        prepared: from `prepare`.
        run: how to train it.
        task: the domain's functions.
        splits: rows to learn from and to choose by.
        callbacks: Keras callbacks; `on_train_batch_end` is called once a compiled call.
        checkpoints: where states are kept; None keeps none.
        on_history: told the values of all epochs so far, each time after they are safe in a checkpoint.

    Returns:
        The model with the best epoch's weights (or the last's, as `run.fit.keep` says) and its history.

    Raises:
        Stopped: when a signal asked for it; the state is saved.
    """
    fitting = _Fitting(prepared, run, task, splits, callbacks, checkpoints or Checkpoints(None))
    return fitting.carry_out(on_history)


class _Fitting:
    """One fit: the loop, the callbacks, and where training stands."""

    def __init__(
        self,
        prepared: Prepared,
        run: Run,
        task: Task,
        splits: Splits,
        callbacks: Sequence[keras.callbacks.Callback],
        checkpoints: Checkpoints,
    ) -> None:
        self.run, self.task, self.splits, self.checkpoints = run, task, splits, checkpoints
        self.model = prepared.model
        self.steps = splits.train.steps(run.fit.batch_size)
        self.callbacks = [*_keepers(run, task, splits.train), *callbacks]
        self.listeners = keras.callbacks.CallbackList(
            self.callbacks, model=self.model, epochs=run.fit.epochs, steps=self.steps, rows=splits.train.size
        )
        self.loop = backend().TrainLoop(run, task, self.model, prepared.placement)
        self.val_outputs = _outputs_of(self.model, splits.val)
        self.at = Position()

    def carry_out(self, on_history: Callable[[list[dict[str, float]]], None]) -> Fitted:
        start = time.perf_counter()
        self.model.stop_training = False
        self.listeners.on_train_begin()
        self._restore()
        on_history(self.at.history)
        if not self.at.done:
            with Signals() as signals:
                for history in self._epochs(signals):
                    on_history(history)
                self.listeners.on_train_end(self.at.history[-1])
                self.at.done = True
                self._save()
                signals.raise_if(signals.asked)
        seconds = time.perf_counter() - start
        return Fitted(self.model, self.at.history, seconds, self.loop.compile_seconds)

    def _epochs(self, signals: Signals) -> Iterator[list[dict[str, float]]]:
        """Train and validate epoch by epoch, until the last or until a callback stops the training."""
        self.loop.start(self.splits.train, self.at.epoch * self.steps + self.at.step)
        while not self._ends():
            if not self.at.step:
                self.listeners.on_epoch_begin(self.at.epoch)
            logs = self._train_epoch(signals)
            logs |= self._validate()
            self.listeners.on_epoch_end(self.at.epoch, logs)
            self.at = Position(self.at.epoch + 1, history=[*self.at.history, logs])
            asked = self.loop.asked
            self.loop.put_back({})
            if asked or self._ends() or self.checkpoints.age() >= EPOCH_SECONDS:
                self._save()
                yield self.at.history
                signals.raise_if(asked)

    def _ends(self) -> bool:
        return self.at.epoch == self.run.fit.epochs or self.model.stop_training

    def _train_epoch(self, signals: Signals) -> dict[str, float]:
        start = time.perf_counter()
        logs: dict[str, float] = {}
        while self.at.step < self.steps:
            count = min(self.loop.call_steps(), self.steps - self.at.step)
            self.listeners.on_train_batch_begin(self.at.step)
            logs = self.loop(count, signals.asked)
            self.at.step += count
            self.listeners.on_train_batch_end(self.at.step - 1, logs)
            if self.at.step < self.steps and (self.loop.asked or self.checkpoints.due()):
                now = time.perf_counter()
                self.at.seconds, start = self.at.seconds + now - start, now
                self._save()
                signals.raise_if(self.loop.asked)
        seconds = self.at.seconds + time.perf_counter() - start
        rate = {"seconds": seconds, "rows_per_second": self.splits.train.size / seconds}
        return logs | rate | {"learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))}

    def _validate(self) -> dict[str, float]:
        task, val, meta = self.task, self.splits.val, self.splits.meta
        self.listeners.on_test_begin()
        scores = (task.validate or task.evaluate)(task.named(self.val_outputs(), meta), val, meta)
        self.listeners.on_test_end(scores)
        return {f"val_{name}": value for name, value in scores.items()}

    def _save(self) -> None:
        self.at.totals = self.loop.totals
        self.checkpoints.save(self.model, self.callbacks, self.at)

    def _restore(self) -> None:
        if (found := self.checkpoints.restore(self.model, self.callbacks)) is not None:
            self.at = found
            self.loop.put_back(found.totals)


def _keepers(run: Run, task: Task, rows: Rows) -> list[keras.callbacks.Callback]:
    """Callbacks that decide which weights are judged and kept."""
    fit, keepers = run.fit, list[keras.callbacks.Callback]()
    if fit.ema:
        keepers.append(keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    if fit.ema and fit.recalibrate:
        keepers.append(Recalibrate(rows, fit.recalibrate, fit.batch_size, run.seed))
    if fit.keep == "best_in_both":
        keepers.append(BestInBoth((task.measure, task.headline[0]), fit.patience or fit.epochs))
    elif fit.keep == "best" or fit.patience:
        keepers.append(
            keras.callbacks.EarlyStopping(
                monitor=f"val_{task.measure}",
                mode="max" if MEASURES[task.measure].more_is_better else "min",
                patience=fit.patience or fit.epochs,
                restore_best_weights=fit.keep == "best",
            )
        )
    return keepers


def evaluate(model: keras.Model, task: Task, rows: Rows, meta: Meta) -> Scores:
    """The domain's scores of the model on these rows."""
    return task.evaluate(task.named(predict(model, rows), meta), rows, meta)


def predict(model: keras.Model, rows: Rows) -> np.ndarray:
    """The model's outputs for all rows, in order.

    Returns:
        (rows, ...) float array.
    """
    return _outputs_of(model, rows)()


def _outputs_of(model: keras.Model, rows: Rows) -> Callable[[], np.ndarray]:
    """What computes the model's outputs for these rows, which are put in place once."""
    if not hasattr(model, "_inductive_forward"):
        model._inductive_forward = backend().forward(model)  # compiled once a model
    return model._inductive_forward(rows.inputs(model.input), PREDICT_ROWS)


def backend() -> ModuleType:
    """The module that computes: `tensorflow_backend`, or `jax_backend` where `KERAS_BACKEND=jax`.

    Raises:
        BadInput: with another backend.
    """
    name = keras.backend.backend()
    if name not in ("tensorflow", "jax"):
        raise BadInput("no training loop for this Keras backend", wanted="tensorflow or jax", got=name)
    return import_module(f"pipelines.{name}_backend")
