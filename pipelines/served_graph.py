"""What served graphs share: refusals that name the place, and the answer of a classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from pipelines.task import Meta


def refuse(right: Any, told: Callable[[Any], Sequence[Any]]) -> Any:
    """What fails, when run, unless all is right.

    Args:
        right: bool, of any rank.
        told: place of the first wrong entry, an index for each axis of `right` -> the message in pieces, strings.

    Returns:
        A scalar bool to depend on, by `tf.control_dependencies`.

    Raises:
        tf.errors.InvalidArgumentError: when run, with the message.
    """

    def fail() -> Any:
        check = tf.debugging.Assert(False, [tf.strings.join(told(tf.where(~right)[0]))])
        with tf.control_dependencies([check]):
            return tf.constant(False)

    return tf.cond(tf.reduce_all(right), lambda: tf.constant(True), fail)


def numbered(kind: str, place: Any) -> Any:
    """A name with a number counted from 1, such as `row 3`."""
    return tf.strings.format(kind + " {}", place + 1)


def most_likely(logits: Any, meta: Meta) -> dict[str, Any]:
    """The class of the largest logit, and all probabilities."""
    label = tf.gather(tf.constant(meta["classes"]), tf.argmax(logits, 1))
    return {"label": label, "probabilities": tf.nn.softmax(logits)}


def class_outputs(meta: Meta) -> dict[str, dict[str, Any]]:
    """What is said of the outputs of `most_likely`."""
    doc = "of each class, in the order of `classes`"
    return {
        "label": {"dtype": "string", "shape": [None], "doc": "the most likely class"},
        "probabilities": {"dtype": "float32", "shape": [None, len(meta["classes"])], "doc": doc},
    }
