"""JAX's half of the engine: the same steps under `keras.distribution`, one compiled step at a time.

A batch is sharded over the devices where they divide it and otherwise computed whole on each of them; the program is
written for the whole batch either way, so batch normalization, clipping and sums are global without further ado.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import jax
import keras
import numpy as np
from keras import ops

from data.errors import BadInput
from data.splits import Rows
from pipelines.batches import epoch_order
from pipelines.loop import Loop
from pipelines.memory import Room
from pipelines.run import Fit, Run
from pipelines.task import Batch, Task


class Placement:
    """The devices of a fit.

    Args:
        count: how many of them train.
    """

    def __init__(self, count: int) -> None:
        self.mesh = jax.sharding.Mesh(np.array(jax.devices()[:count]), ("batch",))
        self.count = count

    def scope(self) -> Any:
        """Keras places variables by the global distribution, so nothing is to be entered."""
        return nullcontext()

    def put(self, batch: Batch, split: bool) -> dict[str, Any]:
        """A batch on the devices, in shares or whole on each."""
        axes = ("batch",) if split else ()
        sharding = jax.sharding.NamedSharding(self.mesh, jax.sharding.PartitionSpec(*axes))
        return {name: jax.device_put(column, sharding) for name, column in batch.items()}


def check(fit: Fit) -> None:
    """Refuse what cannot be had, before anything is read.

    Raises:
        BadInput: more devices than there are, or what JAX cannot do.
    """
    if os.environ.get("TF_CONFIG"):
        raise BadInput("several workers and JAX", wanted="KERAS_BACKEND=tensorflow, or no TF_CONFIG", got="TF_CONFIG")
    if fit.jit == "off":
        raise BadInput("fit.jit off and JAX, which compiles everything", wanted="fit.jit auto or on", got="off")
    if fit.devices > (there := len(jax.devices())):
        raise BadInput("fit.devices: more devices than exist", wanted=f"at most {there}", got=fit.devices)


def place(fit: Fit) -> Placement:
    """The devices of a fit.

    Raises:
        BadInput: as `check`.
    """
    check(fit)
    count = fit.devices or len(jax.devices())
    mesh = keras.distribution.DeviceMesh((count,), ("batch",), keras.distribution.list_devices()[:count])
    keras.distribution.set_distribution(keras.distribution.DataParallel(device_mesh=mesh))
    return Placement(count)


def room(placement: Placement) -> Room:
    """Devices, and the memory that JAX gives itself on each, where it is not the machine's own."""
    limits = [(device.memory_stats() or {}).get("bytes_limit") for device in jax.devices() if device.platform != "cpu"]
    return Room(placement.count, placement.count, min(filter(None, limits), default=None))


def device_names() -> list[str]:
    """What JAX computes on here."""
    return [device.device_kind for device in jax.devices()]


def forward(model: keras.Model) -> Callable[[Rows, int], Callable[[], np.ndarray]]:
    """Compile the model; gives, for rows and how many to take at a time, what computes its outputs in their order."""

    @jax.jit
    def compiled(trained: Any, others: Any, batch: Batch) -> Any:
        return model.stateless_call(trained, others, batch, training=False)[0]

    def of(rows: Rows, size: int) -> Callable[[], np.ndarray]:
        shared = jax.device_put(rows.shared)
        size = rows.size if rows.shared else size

        def outputs() -> np.ndarray:
            weights = [[v.value for v in vs] for vs in (model.trainable_variables, model.non_trainable_variables)]
            cuts = (np.arange(s, min(s + size, rows.size)) for s in range(0, rows.size, size))
            batches = ({**shared, **rows.batch(cut)} for cut in cuts)
            inputs = ({name: batch[name] for name in model.input} for batch in batches)
            return np.concatenate([np.asarray(compiled(*weights, batch)) for batch in inputs])

        return outputs

    return of


class TrainLoop(Loop):
    """The compiled training step of a model, repeated.

    Args:
        run: gives the objective its options.
        task: gives the objective.
        model: compiled with its optimizer.
        placement: the devices.
    """

    def __init__(self, run: Run, task: Task, model: keras.Model, placement: Placement) -> None:
        super().__init__(run, task, model)
        self.placement = placement
        self._trained = model.trainable_variables
        self._others = model.non_trainable_variables
        self._optimizers = model.optimizer.variables
        self._compiled = jax.jit(self._step, donate_argnums=(0, 1, 2))

    def start(self, rows: Rows, first_step: int) -> None:
        """Take the batches from this step on, counted over all epochs."""
        self._rows, self._next = rows, first_step
        self._shared = self.placement.put(rows.shared, split=False)

    def __call__(self, count: int, asked: bool = False) -> dict[str, float]:
        """Take `count` steps; returns the epoch's means so far."""
        with self.timed(count):
            self._take(count, asked)
        return self.means()

    def _take(self, count: int, asked: bool) -> None:
        state = [[v.value for v in vs] for vs in (self._trained, self._others, self._optimizers)]
        sums = np.zeros(len(self.names) - 1)
        for _ in range(count):
            *state, values = self._compiled(*state, self._pieces())
            sums = sums + values
        for variables, values in zip((self._trained, self._others, self._optimizers), state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        self._add(np.asarray(sums), asked)

    def _add(self, sums: np.ndarray, asked: bool) -> None:
        added = dict(zip(self.names, [float(asked), *sums.tolist()], strict=True))
        self.totals = {name: self.totals[name] + added[name] for name in self.names}

    def _pieces(self) -> list[dict[str, Any]]:
        """The next batch on the devices, cut into the pieces whose gradients are added."""
        size, pieces = self.run.fit.batch_size, self.run.fit.accumulate
        epoch, step = divmod(self._next, self._rows.steps(size))
        if step == 0 or not hasattr(self, "_order"):
            self._order = epoch_order(self._rows.size, self.run.seed, epoch)
        self._next += 1
        parts = np.array_split(self._order[step * size : (step + 1) * size], pieces)
        batches = [self._rows.batch(part, self.run.seed, epoch) for part in parts if len(part)]
        split = not self._rows.around and all(len(part) % self.placement.count == 0 for part in parts)
        return [{**self._shared, **self.placement.put(batch, split)} for batch in batches]

    def _step(self, trained: Any, others: Any, optimizer: Any, pieces: list[Batch]) -> tuple[Any, Any, Any, Any]:
        """One optimizer step, as a pure function of the state and the batch."""
        total = sum(ops.sum(self.task.weights(batch)) for batch in pieces)
        gradients: list[Any] = []
        sums = 0.0
        for batch in pieces:
            (_, (others, part)), new = jax.value_and_grad(self._loss, has_aux=True)(
                trained, others, optimizer, batch, total, len(pieces)
            )
            gradients = [a + b for a, b in zip(gradients, new, strict=True)] if gradients else new
            sums = sums + part
        trained, optimizer = self.model.optimizer.stateless_apply(
            optimizer, self._clipped(gradients, optimizer), trained
        )
        return trained, others, optimizer, sums

    def _loss(
        self, trained: Any, others: Any, optimizer: Any, batch: Batch, total: Any, pieces: int
    ) -> tuple[Any, tuple[Any, Any]]:
        model, variables = self.model, (*self._trained, *self._others, *self._optimizers)
        state = zip(variables, (*trained, *others, *optimizer), strict=True)
        with keras.StatelessScope(state_mapping=list(state)) as scope:
            losses, measures = self.task.objective(model, batch, self.run, True)
            weights = self.task.weights(batch)
            loss = ops.sum(losses * weights) / total
            if model.losses:
                loss += sum(model.losses) / pieces
            scaled = model.optimizer.scale_loss(loss)
        others = [_or(scope.get_current_value(v), value) for v, value in zip(self._others, others, strict=True)]
        values = {"loss": losses, **measures}
        sums = [ops.sum(ops.cast(values[n], "float32") * weights) for n in self.names[2:]]
        return scaled, (others, ops.stack([ops.sum(weights), *sums]))

    def _clipped(self, gradients: list[Any], optimizer: Any) -> list[Any]:
        """Gradients whose global norm is at most `fit.clip_norm`."""
        limit = self.run.fit.clip_norm
        if not limit:
            return gradients
        with keras.StatelessScope(state_mapping=list(zip(self._optimizers, optimizer, strict=True))):
            limit = self.model.optimizer.scale_loss(limit)  # as the gradients of a mixed float16 run are
        norm = ops.sqrt(sum(ops.sum(ops.square(g)) for g in gradients))
        return [g * limit / ops.maximum(norm, limit) for g in gradients]


def _or(value: Any, other: Any) -> Any:
    return other if value is None else value
