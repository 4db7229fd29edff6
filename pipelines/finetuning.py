"""Fine-tuning: weights of another run to start from, layers that stay as they are, slower rates for earlier layers."""

from __future__ import annotations

from typing import Any, cast

import keras

from data.errors import BadInput
from pipelines.domain import domain
from pipelines.run import FineTuning, Run
from pipelines.trained import open_trained


def take_up(model: keras.Model, run: Run) -> str:
    """What the run's fit says of the weights that a model starts from, and of the rates at which its layers learn.

    Returns:
        What is told of it: how many layers were taken over, or nothing.

    Raises:
        BadInput: no such model, or none of its layers fits.
    """
    fit = cast(FineTuning, run.fit)
    taken = start_from(model, fit.start, run.domain) if fit.start else 0
    if fit.layer_decay < 1:
        slow_down(model, fit.layer_decay)
    return f"{taken} of {len(_weighted(model))} layers from {fit.start}" if taken else ""


def freeze(inputs: keras.KerasTensor, features: keras.KerasTensor, share: float) -> None:
    """Keep the first of the layers with weights between two tensors, by their share, from being trained."""
    layers = _weighted(keras.Model(inputs, features)) if share else []
    for layer in layers[: round(share * len(layers))]:
        layer.trainable = False


def start_from(model: keras.Model, place: str, of: str) -> int:
    """Take over the weights of every layer that another run's model has under the same name and in the same shapes.

    Of an ensemble, whose members have the same names, the first one's are taken.

    Args:
        model: just built.
        place: run folder, export folder or URI of the registry.
        of: domain of both.

    Returns:
        How many layers were taken over.

    Raises:
        BadInput: no such model, or none of its layers fits.
    """
    try:
        theirs = {layer.name: layer for layer in reversed(_weighted(open_trained(domain(of), place).model))}
    except BadInput as error:
        raise BadInput(f"fit.start: {error.what}", wanted=error.wanted, got=error.got, where=error.where) from None
    fitting = [layer for layer in _weighted(model) if layer.name in theirs and _alike(layer, theirs[layer.name])]
    if not fitting:
        wanted = "a run of the same architecture"
        raise BadInput("fit.start: no layer of that model fits", wanted=wanted, got=", ".join(theirs), where=place)
    for layer in fitting:
        layer.set_weights(theirs[layer.name].get_weights())
    return len(fitting)


def slow_down(model: keras.Model, decay: float) -> None:
    """Have the optimizer multiply the rate of each layer by `decay` once more for each layer above it.

    Source: Howard and Ruder 2018, "Universal language model fine-tuning", section 3.2.
    """
    layers = _weighted(model)
    above = {v.path: len(layers) - 1 - i for i, layer in enumerate(layers) for v in layer.trainable_variables}
    factors = [decay ** above[v.path] for v in model.trainable_variables]
    optimizer = model.optimizer
    while (inner := getattr(optimizer, "inner_optimizer", None)) is not None:  # of one that scales the loss
        optimizer = inner
    update = optimizer.update_step

    def slower(gradient: Any, variable: Any, learning_rate: Any) -> None:
        update(gradient, variable, learning_rate * factors[optimizer._get_variable_index(variable)])

    optimizer.update_step = slower


def _weighted(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers with weights, those of a model inside it among them."""
    within = [_weighted(layer) if isinstance(layer, keras.Model) else [layer] for layer in model.layers]
    return [layer for layers in within for layer in layers if layer.weights]


def _alike(ours: keras.layers.Layer, theirs: keras.layers.Layer) -> bool:
    return [tuple(w.shape) for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
