"""TensorFlow's half of the engine: several steps as one compiled call, exact over replicas and uneven batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.client import device_lib
from tensorflow.python.framework import ops

from data.splits import Rows
from pipelines import devices
from pipelines.batches import ordered_batches, training_batches
from pipelines.devices import check as check
from pipelines.loop import Loop
from pipelines.memory import Room
from pipelines.run import Fit, Run
from pipelines.task import Batch, Task

SEED_STRIDE = 0x61C88647  # 2**32 less its golden section: seeds of replicas far apart, and within 32 bits
WORKER_STEPS = 10  # steps a call over several workers, which must all return at the same step


class TrainLoop(Loop):
    """The compiled training step of a model, repeated.

    Each replica takes its share of the global batch. One collective sums the replicas' gradients of weighted losses
    together with their weights; divided by the sum of these it is the gradient on one device, whatever the shares.

    Args:
        run: gives the objective its options.
        task: gives the objective.
        model: compiled with its optimizer, inside the strategy's scope.
        strategy: over the replicas.
    """

    def __init__(self, run: Run, task: Task, model: keras.Model, strategy: tf.distribute.Strategy) -> None:
        super().__init__(run, task, model)
        self.strategy = strategy
        _sums_nothing(model.optimizer)
        self._compiled = _function(self._steps)
        self._gradients_of = _function(self._gradients, jit_compile=True) if uses_xla(run) else self._gradients
        with strategy.scope():
            self._sums = tf.Variable(  # float64, so that a sum put back in equal parts is the same sum
                tf.zeros(len(self.names), tf.float64),
                trainable=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.SUM,
            )

    def start(self, rows: Rows, first_step: int) -> None:
        """Take the batches from this step on, counted over all epochs."""
        fit, pieces, replicas = self.run.fit, self.run.fit.accumulate, self.strategy.num_replicas_in_sync
        index, workers = devices.worker() if replicas > 1 else (0, 1)
        local = replicas // workers
        # Each piece of an accumulated gradient is shared by all replicas; this process feeds its own of them in turn.
        mine = [piece * replicas + index * local + r for piece in range(pieces) for r in range(local)]

        def shares(context: Any = None) -> tf.data.Dataset:
            return training_batches(rows, fit.batch_size, self.run.seed, first_step, pieces * replicas, mine)

        spread = self.strategy.distribute_datasets_from_function
        self._batches = iter(spread(shares) if replicas > 1 else shares())

    def __call__(self, count: int, asked: bool = False) -> dict[str, float]:
        """Take `count` steps; returns the epoch's means so far.

        Args:
            count: steps to take.
            asked: whether this worker was asked to stop; `self.asked` then tells it to all of them.
        """
        with self.timed(count), _seeds_of_replicas(), _gradients_forgotten():
            self._compiled(self._batches, tf.constant(count), tf.constant(float(asked), tf.float64))
            self.totals = dict(zip(self.names, self._sums.numpy().tolist(), strict=True))
        return self.means()

    def put_back(self, totals: Mapping[str, float]) -> None:
        """Set the epoch's sums, here and on the devices."""
        super().put_back(totals)
        self._sums.assign(tf.constant([self.totals[n] for n in self.names], tf.float64))

    def call_steps(self) -> int:
        """Steps for the next call: as many on each of several workers, whose seconds differ."""
        if self._seconds_a_step and self.strategy.extended._in_multi_worker_mode():
            return WORKER_STEPS
        return super().call_steps()

    def _steps(self, batches: Any, count: Any, asked: Any) -> None:
        def one(step: Any) -> Any:
            shares = tuple([batches.get_next() for _ in range(self.run.fit.accumulate)])
            self.strategy.run(self._step, args=(shares, asked))
            return step + 1

        tf.while_loop(lambda step: step < count, one, [tf.constant(0)])

    def _step(self, shares: Sequence[tuple[Batch, Any]], asked: Any) -> None:
        """One optimizer step of one replica, on its share of the global batch, in one or several pieces."""
        weights = [self.task.weights(batch) * weight for batch, weight in shares]
        mine = tf.add_n([tf.reduce_sum(w) for w in weights])
        # Of several replicas the whole weight is not known yet; about so much keeps a scaled loss within float16.
        divisor = mine if self.strategy.num_replicas_in_sync == 1 else tf.constant(float(self.run.fit.batch_size))
        gradients, sums = self._in_turn([batch for batch, _ in shares], weights, divisor)
        whole = self._whole(gradients, mine / divisor)
        self.model.optimizer.apply(self._clipped(whole), self.model.trainable_variables)
        self._sums.assign_add(tf.concat([[asked], tf.cast(sums, tf.float64)], 0))

    def _in_turn(self, batches: Sequence[Batch], weights: Sequence[Any], divisor: Any) -> tuple[list[Any], Any]:
        """Gradients and sums of all pieces; a piece waits for the one before, whose activations are gone by then."""
        gradients, sums = self._gradients_of(batches[0], weights[0], divisor)
        for batch, weight in zip(batches[1:], weights[1:], strict=True):
            with tf.control_dependencies([g for g in gradients if g is not None]):
                more, part = self._gradients_of(batch, weight, divisor)
            gradients = [old if old is None else tf.add_n([old, new]) for old, new in zip(gradients, more, strict=True)]
            sums += part
        return gradients, sums

    def _gradients(self, batch: Batch, weights: Any, divisor: Any) -> tuple[list[Any], Any]:
        """One replica's part of the gradient of the global batch, and of the sums of weight, loss and measures.

        A regulariser stands in every row's loss, so that it comes out once whatever the shares and pieces.
        """
        model = self.model
        with tf.GradientTape() as tape:
            losses, measures = self.task.objective(model, batch, self.run, True)
            whole = losses + tf.add_n(model.losses) if model.losses else losses
            scaled = model.optimizer.scale_loss(tf.reduce_sum(whole * weights) / divisor)
        gradients = tape.gradient(scaled, model.trainable_variables)
        values = {"loss": losses, **measures}
        sums = [tf.reduce_sum(tf.cast(values[name], tf.float32) * weights) for name in self.names[2:]]
        return gradients, tf.stack([tf.reduce_sum(weights), *sums])

    def _whole(self, gradients: list[Any], weight: Any) -> list[Any]:
        """Gradients summed over the replicas and divided by the sum of their weights.

        All are packed into one collective: each has its price, however small it is.
        """
        if self.strategy.num_replicas_in_sync == 1:
            return gradients
        there = [tf.convert_to_tensor(g) for g in gradients if g is not None]
        packed = tf.concat([tf.reshape(g, [-1]) for g in there] + [tf.cast(weight, there[0].dtype)[None]], 0)
        packed = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, packed)
        parts = iter(tf.split(packed[:-1] / packed[-1], [tf.size(g) for g in there], num=len(there)))
        return [g if g is None else tf.reshape(next(parts), tf.shape(g)) for g in gradients]

    def _clipped(self, gradients: list[Any]) -> list[Any]:
        """Gradients whose global norm is at most `fit.clip_norm`."""
        if not self.run.fit.clip_norm:
            return gradients
        scale = self.model.optimizer.scale_loss(1.0)  # of a mixed float16 run
        return tf.clip_by_global_norm(gradients, self.run.fit.clip_norm * scale)[0]


def place(fit: Fit) -> tf.distribute.Strategy:
    """The devices of a fit, in a process set up for it.

    Raises:
        BadInput: more devices than there are, or a cluster that cannot be read.
    """
    if fit.deterministic:
        tf.config.experimental.enable_op_determinism()
    return devices.strategy(fit)


def room(strategy: tf.distribute.Strategy) -> Room:
    """Replicas, and the memory that TensorFlow gives itself on each GPU."""
    replicas, gpus = strategy.num_replicas_in_sync, []
    if tf.config.list_physical_devices("GPU"):
        gpus = [d.memory_limit for d in device_lib.list_local_devices() if d.device_type == "GPU"]
    return Room(replicas, replicas // devices.worker()[1], min(gpus) if gpus else None)


def device_names() -> list[str]:
    """What TensorFlow computes on here."""
    gpus = tf.config.list_physical_devices("GPU")
    return [tf.config.experimental.get_device_details(g).get("device_name", g.name) for g in gpus] or ["CPU"]


def forward(model: keras.Model) -> Callable[[Rows, int], Callable[[], np.ndarray]]:
    """Compile the model; gives, for rows and how many to take at a time, what computes its outputs in their order."""
    specs = {name: tf.TensorSpec(x.shape, x.dtype) for name, x in model.input.items()}
    compiled = _function(lambda batch: model(batch, training=False), input_signature=[specs])

    def of(rows: Rows, size: int) -> Callable[[], np.ndarray]:
        batches = ordered_batches(rows, size)
        return lambda: np.concatenate([compiled({n: b[n] for n in specs}).numpy() for b in batches()])

    return of


def _sums_nothing(optimizer: Any) -> None:
    """Have the optimizer take gradients as they come: the loop has summed them over the replicas, and clipped them."""
    while optimizer is not None:
        optimizer._all_reduce_sum_gradients = list
        optimizer = getattr(optimizer, "inner_optimizer", None)  # of one that scales the loss


def _function(function: Callable[..., Any], **options: Any) -> Any:
    """A compiled function. Keras' layers are graph code as they are: AutoGraph would read them for seconds, in vain."""
    return tf.function(function, autograph=False, **options)


def uses_xla(run: Run) -> bool:
    """Whether gradients are compiled by XLA: on GPUs; on CPUs it makes convnets 2 to 12 times slower."""
    return run.fit.jit == "on" or (run.fit.jit == "auto" and bool(tf.config.list_physical_devices("GPU")))


@contextmanager
def _gradients_forgotten() -> Iterator[None]:
    """While steps are traced, TensorFlow keeps no way to differentiate them.

    Each reduction over replicas, which Keras' optimizers do on one device too, registers a gradient of its own, for
    ever, and with it the whole graph: every fit would leave some 9 MiB behind.
    """
    registered = ops.gradient_registry._registry
    before = set(registered)
    try:
        yield
    finally:
        for name in set(registered) - before:
            del registered[name]


@contextmanager
def _seeds_of_replicas() -> Iterator[None]:
    """While steps are traced, random layers draw other numbers on each replica.

    A `SeedGenerator`'s state is mirrored, so that without this all replicas would drop the same units. The offset is
    zero on the first replica: one device draws as it always does.
    """
    generator, original = keras.random.SeedGenerator, keras.random.SeedGenerator.next

    def next_of_replica(self: Any, ordered: bool = True) -> Any:
        seed, context = original(self, ordered), tf.distribute.get_replica_context()
        if context is None or context.num_replicas_in_sync == 1:
            return seed
        offset = tf.cast(context.replica_id_in_sync_group, seed.dtype) * SEED_STRIDE
        return seed + tf.stack([offset, tf.zeros([], seed.dtype)])

    generator.next = next_of_replica
    try:
        yield
    finally:
        generator.next = original
