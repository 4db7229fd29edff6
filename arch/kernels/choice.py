"""Which of two twins runs: the kernel of a backend, or its portable form in keras.ops."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras

# A plain module global and no context variable: tf.distribute runs each replica in a thread of its own.
_forced = False


@contextmanager
def portable() -> Iterator[None]:
    """Inside this block every kernel runs as its keras.ops twin; a function traced inside keeps the twin."""
    global _forced
    before, _forced = _forced, True
    try:
        yield
    finally:
        _forced = before


def fast(backend: str = "tensorflow") -> bool:
    """Whether a kernel of this backend may run: it computes, and nobody has forced the twins."""
    return not _forced and keras.backend.backend() == backend


def replicas() -> int:
    """How many replicas of tf.distribute take this step together; 1 without a strategy."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync
