"""What a step on a graph minimises: cross-entropy of labelled papers, and agreement of the passes on all of them."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from pipelines.citations.fit import fit_of
from pipelines.run import Run
from pipelines.task import Batch, Objective


def objective(model: keras.Model, batch: Batch, run: Run, training: bool) -> Objective:
    """The mean cross-entropy of the passes; with `fit.consistency`, GRAND's regularisation; with `fit.l2`, L2.

    Source: Feng et al. 2020, Graph Random Neural Networks, section 3.2: the loss of algorithm 2.
    """
    fit = fit_of(run)
    columns = {name: batch[name] for name in model.input}
    everyone = columns | {"node": all_papers(batch)} if fit.consistency else columns
    logits = ops.stack([model(everyone, training=training) for _ in range(fit.passes)])
    asked = ops.take(logits, batch["node"], axis=1) if fit.consistency else logits
    losses = cross_entropies(asked, batch["label"], fit.label_smoothing)
    if fit.consistency:
        losses += fit.consistency * disagreement(ops.softmax(logits), fit.temperature)
    if fit.l2:
        losses += fit.l2 * half_squares(model)
    guesses = ops.argmax(ops.mean(ops.softmax(asked), axis=0), axis=-1)
    hits = ops.cast(ops.equal(guesses, ops.cast(batch["label"], guesses.dtype)), "float32")
    return Objective(losses, {"accuracy": hits})


def all_papers(batch: Batch) -> Any:
    """The index of every paper of the batch's graph."""
    return batch["nodes"] if "nodes" in batch else ops.arange(ops.shape(batch["features"])[0], dtype="int32")


def cross_entropies(logits: Any, labels: Any, smoothing: float) -> Any:
    """Of each paper, the mean over passes.

    Args:
        logits: (passes, papers, classes).
        labels: (papers,).
        smoothing: share of a label's mass spread evenly over all classes.
    """
    logs = ops.log_softmax(logits, axis=-1)
    wanted = ops.one_hot(labels, logits.shape[-1], dtype=logs.dtype)
    wanted = wanted * (1.0 - smoothing) + smoothing / logits.shape[-1]
    return -ops.mean(ops.sum(logs * wanted, axis=-1), axis=0)


def disagreement(probabilities: Any, temperature: float) -> Any:
    """Mean squared distance of each pass to the sharpened mean of all, which no gradient flows into.

    Args:
        probabilities: (passes, papers, classes).
        temperature: power of which the mean is sharpened: 1 / temperature.
    """
    mean = ops.mean(probabilities, axis=0, keepdims=True)
    sharp = ops.power(ops.maximum(mean, 1e-12), 1.0 / temperature)
    target = ops.stop_gradient(sharp / ops.sum(sharp, axis=-1, keepdims=True))
    return ops.mean(ops.sum(ops.square(probabilities - target), axis=-1))


def half_squares(model: keras.Model) -> Any:
    """Half the sum of all squared weights but biases and normalization scales, as PyTorch's weight decay has it."""
    kernels = [v for v in model.trainable_variables if v.name not in ("bias", "gamma", "beta")]
    return 0.5 * sum(ops.sum(ops.square(ops.convert_to_tensor(kernel))) for kernel in kernels)
