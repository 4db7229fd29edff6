"""What domains share: objectives of classes, of labels and of values, probabilities of logits, and their scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from data.splits import Rows
from pipelines.measures import accuracy_and_nll, classification
from pipelines.run import Run
from pipelines.task import Batch, Meta, Objective, Scores


def cross_entropy(model: keras.Model, batch: Batch, run: Run, training: bool) -> Objective:
    """Cross-entropy of the integer `label` column against the model's logits, with label smoothing.

    Label smoothing on integer labels is the usual loss mixed with the mean over all classes (Szegedy et al. 2016,
    section 7), which Keras offers for one-hot labels only.
    """
    columns = {name: batch[name] for name in model.input}
    logits = model(columns, training=training)
    labels, smoothing = batch["label"], run.fit.label_smoothing
    losses = ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    if smoothing:
        losses = (1.0 - smoothing) * losses - smoothing * ops.mean(ops.log_softmax(logits), axis=-1)
    hits = ops.cast(ops.equal(ops.argmax(logits, axis=-1), ops.cast(labels, "int32")), "float32")
    return Objective(losses, {"accuracy": hits})


def binary_cross_entropy(model: keras.Model, batch: Batch, run: Run, training: bool) -> Objective:
    """Mean cross-entropy of the `label` column, (rows, labels) of 0 and 1, against one logit a label."""
    logits = model({name: batch[name] for name in model.input}, training=training)
    labels, smoothing = batch["label"], run.fit.label_smoothing
    softened = labels * (1.0 - smoothing) + 0.5 * smoothing
    losses = ops.mean(ops.softplus(logits) - softened * logits, axis=-1)
    right = ops.equal(labels > 0.5, logits > 0)
    return Objective(losses, {"accuracy": ops.mean(ops.cast(right, "float32"), axis=-1)})


def squared_error(model: keras.Model, batch: Batch, run: Run, training: bool) -> Objective:
    """Half the squared distance of the model's one value from the `label` column."""
    values = model({name: batch[name] for name in model.input}, training=training)[:, 0]
    return Objective(0.5 * ops.square(values - batch["label"]), {})


def evaluate(outputs: Mapping[str, np.ndarray], rows: Rows, meta: Meta) -> Scores:
    """All scores of a classifier."""
    return classification(rows["label"], outputs["probabilities"])


def validate(outputs: Mapping[str, np.ndarray], rows: Rows, meta: Meta) -> Scores:
    """Accuracy and likelihood alone, for epochs of milliseconds: all scores take many times as long."""
    return accuracy_and_nll(rows["label"], outputs["probabilities"])


def equal_weights(batch: Batch) -> Any:
    """One for every row."""
    labels = batch["label"]
    return ops.ones_like(labels if len(labels.shape) == 1 else labels[:, 0], dtype="float32")


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax in NumPy, (rows, classes), rows summing to one."""
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    return shifted / shifted.sum(1, keepdims=True)
