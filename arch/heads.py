"""The last layer: features to logits or values, in float32 whatever the precision of the features.

Heads give logits, not probabilities, because losses are exact on logits. What a served model answers is
`PROBABILITIES[head](logits)`: one column per class (or label), each row computed in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from arch.blocks import require


def binary(features: keras.KerasTensor, outputs: int = 1) -> keras.KerasTensor:
    """One logit: that of the second of two classes.

    Args:
        features: (batch, features).
        outputs: 1.

    Returns:
        logits (batch, 1), float32.

    Raises:
        ValueError: when outputs is not 1, or features is not a vector.
    """
    require(outputs == 1, "binary", "outputs must be 1", outputs)
    return _linear("binary", features, 1, "logits")


def multi_class(features: keras.KerasTensor, outputs: int) -> keras.KerasTensor:
    """One logit per class, of which exactly one is right.

    Args:
        features: (batch, features).
        outputs: classes, at least 2.

    Returns:
        logits (batch, classes), float32.

    Raises:
        ValueError: when there are fewer than two classes, or features is not a vector.
    """
    require(outputs >= 2, "multi_class", "outputs must be at least 2", outputs)
    return _linear("multi_class", features, outputs, "logits")


def multi_label(features: keras.KerasTensor, outputs: int) -> keras.KerasTensor:
    """One logit per label, each of which is true or false by itself.

    Args:
        features: (batch, features).
        outputs: labels, at least 1.

    Returns:
        logits (batch, labels), float32.

    Raises:
        ValueError: when there is no label, or features is not a vector.
    """
    require(outputs >= 1, "multi_label", "outputs must be at least 1", outputs)
    return _linear("multi_label", features, outputs, "logits")


def regression(features: keras.KerasTensor, outputs: int = 1) -> keras.KerasTensor:
    """Real values.

    Args:
        features: (batch, features).
        outputs: values, at least 1.

    Returns:
        values (batch, outputs), float32.

    Raises:
        ValueError: when no value is asked for, or features is not a vector.
    """
    require(outputs >= 1, "regression", "outputs must be at least 1", outputs)
    return _linear("regression", features, outputs, "values")


def _linear(who: str, features: keras.KerasTensor, units: int, name: str) -> keras.KerasTensor:
    shape = features.shape
    require(len(shape) == 2 and shape[-1] is not None, who, "features must be (batch, features)", shape)
    return keras.layers.Dense(units, dtype="float32", name=name)(features)


def binary_probabilities(logits: Any) -> Any:
    """(batch, 1) to (batch, 2): the first class, sigmoid(-logit), and the second, sigmoid(logit)."""
    return ops.sigmoid(ops.concatenate([-logits, logits], axis=-1))


def multi_class_probabilities(logits: Any) -> Any:
    """(batch, classes) to the same shape: softmax, each row summing to 1."""
    return ops.softmax(logits, axis=-1)


def multi_label_probabilities(logits: Any) -> Any:
    """(batch, labels) to the same shape: sigmoid, each label by itself."""
    return ops.sigmoid(logits)


HEADS: dict[str, Callable[..., keras.KerasTensor]] = {
    "binary": binary,
    "multi_class": multi_class,
    "multi_label": multi_label,
    "regression": regression,
}
PROBABILITIES: dict[str, Callable[[Any], Any]] = {
    "binary": binary_probabilities,
    "multi_class": multi_class_probabilities,
    "multi_label": multi_label_probabilities,
}
