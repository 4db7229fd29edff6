"""Batches: rows in an order that is a pure function of (seed, epoch), cut so that any device can start at any step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from data.splits import Rows


def epoch_order(size: int, seed: int, epoch: int) -> np.ndarray:
    """The order of the rows in one epoch: a permutation that depends on nothing but its arguments."""
    return np.random.default_rng([seed, epoch]).permutation(size)


def share(rows: Any, part: Any, parts: int) -> tuple[Any, Any, Any]:
    """Where one of several shares of a batch begins and ends, and how much its rows count.

    Shares differ by one row at most. Where there are fewer rows than shares, each share is the whole batch at its part
    of the weight: no share is ever empty, since TensorFlow's convolutions cannot take an empty one on CPUs, and
    statistics over all copies are those of the batch.

    Args:
        rows: of the batch, a scalar tensor.
        part: which share, a scalar tensor.
        parts: how many there are.
    """
    few = rows < parts
    start = tf.where(few, 0, rows * part // parts)
    end = tf.where(few, rows, rows * (part + 1) // parts)
    return start, end, tf.where(few, 1.0 / parts, 1.0)


def training_batches(
    rows: Rows, batch_size: int, seed: int, first_step: int = 0, parts: int = 1, mine: Sequence[int] = (0,)
) -> tf.data.Dataset:
    """The batches of all epochs from a step on, without end.

    Each global batch is cut into `parts` shares, one for each replica (or piece of an accumulated gradient); an
    element of the dataset is one share. Uneven shares are exact because the engine weighs rows.

    Args:
        rows: the training rows.
        batch_size: rows of a global batch; an epoch's last batch may be smaller.
        seed: of the order.
        first_step: step, counted over all epochs, that comes first.
        parts: shares of a global batch.
        mine: the shares that this process takes, in turn.

    Returns:
        A dataset of pairs: a dict of tensors, (share, ...) each, and the weight of its rows.
    """
    gather, steps = gatherer(rows, seed), rows.steps(batch_size)

    def epoch_batches(epoch: Any) -> tf.data.Dataset:
        order = tf.numpy_function(lambda e: epoch_order(rows.size, seed, int(e)), [epoch], tf.int64, stateful=False)
        order = tf.ensure_shape(order, [rows.size])
        first = tf.where(epoch == first_step // steps, tf.constant(first_step % steps, tf.int64), 0)

        def cut(number: Any) -> tuple[dict[str, Any], Any]:
            step, part = number // len(mine), tf.constant(list(mine), tf.int64)[number % len(mine)]
            batch = order[step * batch_size : (step + 1) * batch_size]
            start, end, weight = share(tf.size(batch), tf.cast(part, tf.int32), parts)
            return gather(batch[start:end], epoch), weight

        numbers = tf.data.Dataset.range(first * len(mine), steps * len(mine))
        # What Python makes around the rows is worth a thread; TensorFlow's own gathering is not.
        return numbers.map(cut, num_parallel_calls=tf.data.AUTOTUNE if rows.around else None)

    epochs = tf.data.Dataset.range(first_step // steps, np.iinfo(np.int64).max)
    # An endless dataset spares tf.distribute a check, and a collective, at every step.
    return epochs.flat_map(epoch_batches).repeat().prefetch(tf.data.AUTOTUNE)


def ordered_batches(rows: Rows, batch_size: int) -> Callable[[], Iterable[dict[str, Any]]]:
    """What gives the rows once, in order; rows that share a graph, or fit into one batch, come all at once."""
    gather = gatherer(rows)
    if rows.shared or rows.size <= batch_size:
        whole = gather(tf.range(rows.size))
        return lambda: [whole]
    starts = tf.data.Dataset.range(0, rows.size, batch_size)
    batches = starts.map(lambda s: gather(tf.range(s, tf.minimum(s + batch_size, rows.size)))).prefetch(2)
    return lambda: batches


def gatherer(rows: Rows, seed: int = 0) -> Callable[..., dict[str, Any]]:
    """A graph function: indices, epoch (-1 outside training) -> the batch of these rows, with what they share.

    Arrays are gathered in TensorFlow, the rest in Python.
    """
    dense = {name: getattr(column, "array", column) for name, column in rows.items()}
    arrays = {name: tf.constant(column) for name, column in dense.items() if isinstance(column, np.ndarray)}
    shared = {name: tf.constant(array) for name, array in rows.shared.items()}
    others = {name: column for name, column in rows.items() if name not in arrays}
    kinds = {name: np.asarray(column[np.zeros(1, np.int64)]) for name, column in others.items()}

    def gather(indices: Any, epoch: Any = -1) -> dict[str, Any]:
        batch = {name: tf.gather(array, indices) for name, array in arrays.items()}
        for name, column in others.items():
            value = tf.numpy_function(lambda i, c=column: np.asarray(c[i]), [indices], kinds[name].dtype)
            batch[name] = tf.ensure_shape(value, [None, *kinds[name].shape[1:]])
        return {**shared, **batch, **surround(batch, epoch)}

    surround = _surrounder(rows, seed) if rows.around else lambda batch, epoch: {}
    return gather


def _surrounder(rows: Rows, seed: int) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """The graph function that calls the rows' own `around`; its kinds are those of a batch of one row."""
    around = rows.around
    assert around is not None
    one = {name: np.asarray(column[np.zeros(1, np.int64)]) for name, column in rows.items()}
    kinds = {name: np.asarray(value) for name, value in around(one, seed, -1).items()}

    def make(epoch: Any, *columns: Any) -> list[np.ndarray]:
        made = around(dict(zip(one, columns, strict=True)), seed, int(epoch))
        return [np.asarray(made[name], kinds[name].dtype) for name in kinds]

    def surround(batch: dict[str, Any], epoch: Any) -> dict[str, Any]:
        kept = [k.dtype for k in kinds.values()]
        made = tf.numpy_function(make, [epoch, *(batch[name] for name in one)], kept, stateful=False)
        made = tf.nest.flatten(made)  # outside a graph one value comes by itself, not in a list
        return {
            name: tf.ensure_shape(value, [None, *kind.shape[1:]])
            for (name, kind), value in zip(kinds.items(), made, strict=True)
        }

    return surround
