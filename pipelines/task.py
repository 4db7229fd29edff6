"""Task: what a domain tells the engine, as a small object of functions. The engine knows nothing else of a domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple

import keras
import numpy as np

from data.errors import BadInput
from data.splits import Rows, Splits
from pipelines.run import Run

Meta = Mapping[str, Any]
Batch = Mapping[str, Any]
Scores = dict[str, float]


class Objective(NamedTuple):
    """What one batch is worth, row by row, so that uneven shares of several devices add up exactly.

    Attributes:
        losses: (rows,) float32; a step minimises sum(losses * weights) / sum(weights) over the global batch.
        measures: name -> (rows,) values shown while training, averaged with the same weights.
    """

    losses: Any
    measures: Mapping[str, Any]


class Serving(NamedTuple):
    """The served function: raw inputs to named outputs.

    Attributes:
        function: tensors by input name -> dict of tensors by output name; runs in a TensorFlow graph.
        inputs: name -> {"dtype", "shape", "doc"}; the row dimension is None.
        outputs: name -> {"dtype", "shape", "doc"}.
        by_rows: whether each input has one entry a row, so that many rows can be asked in several calls.
        others: further served functions by the names of their signatures.
        example: inputs by which the function is shown and warmed up; None takes the first row of what it was tried on.
    """

    function: Callable[..., Mapping[str, Any]]
    inputs: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, Mapping[str, Any]]
    by_rows: bool = True
    others: Mapping[str, Serving] = {}
    example: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Task:
    """A domain's functions.

    Attributes:
        inputs: run, meta -> (the model's inputs by name, the tensor a builder takes).
        trunk: run -> the builder with whatever the data's symmetry wraps around it.
        head: features, meta -> outputs.
        objective: model, batch, run, training -> Objective.
        named: outputs of the model, meta -> the served function's numeric outputs by name.
        evaluate: named outputs, rows, meta -> scores.
        baselines: splits, seed -> name -> split -> scores.
        plots: named outputs of the test rows, rows, meta, folder -> files written.
        serving: model, meta, test rows (whose graph a served function may hold) -> Serving.
        raw: rows -> the served function's inputs for these rows, as a user would send them.
        weights: batch -> (rows,) float32, how much each row counts; known before the model runs.
        measures: names of the objective's measures.
        measure: the score by which validation decides.
        headline: the scores shown first.
        validate: as `evaluate`, for the validation rows of every epoch: the cheap scores alone; None for all of them.
        outputs: what the model gives, for ensembles of it: "logits" of classes, or plain "values".
        answers: what the served function gave for `raw`, rows -> one entry a row, where it gives more, as of a graph.
        calibrate: trained model, run, splits -> nothing: sets weights that are not trained but found on validation.
        portraits: model, folder -> figures of the model itself, such as its first filters.
        start: model just built, run, training rows -> nothing: sets weights that come from the data or another run.
    """

    inputs: Callable[[Run, Meta], tuple[dict[str, keras.KerasTensor], keras.KerasTensor]]
    trunk: Callable[[Run], Callable[..., keras.KerasTensor]]
    head: Callable[[keras.KerasTensor, Meta], keras.KerasTensor]
    objective: Callable[[keras.Model, Batch, Run, bool], Objective]
    named: Callable[[np.ndarray, Meta], dict[str, np.ndarray]]
    evaluate: Callable[[Mapping[str, np.ndarray], Rows, Meta], Scores]
    baselines: Callable[[Splits, int], dict[str, dict[str, Scores]]]
    plots: Callable[..., list[Any]]
    serving: Callable[[keras.Model, Meta, Rows], Serving]
    raw: Callable[[Rows], dict[str, np.ndarray]]
    weights: Callable[[Batch], Any]
    measures: tuple[str, ...] = ()
    measure: str = "nll"
    headline: tuple[str, ...] = ("accuracy", "mcc", "auroc", "nll")
    validate: Callable[[Mapping[str, np.ndarray], Rows, Meta], Scores] | None = None
    outputs: Literal["logits", "values"] = "logits"
    answers: Callable[[dict[str, np.ndarray], Rows], dict[str, np.ndarray]] = lambda outputs, rows: outputs
    calibrate: Callable[[keras.Model, Run, Splits], None] = lambda model, run, splits: None
    portraits: Callable[[keras.Model, Path], list[Any]] = lambda model, folder: []
    start: Callable[[keras.Model, Run, Rows], None] = lambda model, run, rows: None


def build(task: Task, run: Run, meta: Meta, name: str = "") -> keras.Model:
    """The model of a run: the domain's inputs, the architecture, the domain's head; named after the recipe.

    Raises:
        BadInput: when the architecture refuses its options or the shape of the data.
    """
    inputs, x = task.inputs(run, meta)
    try:
        features = task.trunk(run)(x, **run.model.options)
    except ValueError as error:
        raise BadInput(f"the architecture refuses: {error}") from error
    name = name or run.recipe.replace("-", "_") or run.model.builder
    return keras.Model(inputs, task.head(features, meta), name=name)


def register_layers(task: Task, run: Run) -> None:
    """Import whatever a saved model of this run names: its layers, and an ensemble's compiled members' optimizers."""
    import_module("arch.ensemble")
    import_module("pipelines.optimizers")
    for member in run.members():
        task.trunk(member)
