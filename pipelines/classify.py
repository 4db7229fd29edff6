"""What classifiers of every domain share: the objective and the way from logits to probabilities."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from pipelines.run import Run
from pipelines.task import Batch, Objective


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


def equal_weights(batch: Batch) -> Any:
    """One for every row."""
    return ops.ones_like(batch["label"], dtype="float32")


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax in NumPy, (rows, classes), rows summing to one."""
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    return shifted / shifted.sum(1, keepdims=True)
