"""What citations tell the engine: a graph and some of its papers in, classes out, texts and edges at the served end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

import arch
from arch.graph import Graph, graph_inputs
from data.splits import Rows
from pipelines.citations.baselines import baselines
from pipelines.citations.figures import figures
from pipelines.citations.fit import fit_of
from pipelines.citations.objective import objective
from pipelines.citations.serving import answers, raw, serving
from pipelines.classify import equal_weights, probabilities
from pipelines.measures import classification
from pipelines.run import Run
from pipelines.task import Meta, Scores, Task


class Asked(NamedTuple):
    """A graph and the papers of it that are to be judged.

    Attributes:
        graph: what a builder takes.
        inputs: the model's inputs that make it.
        node: (papers,) int32 index of each paper that is asked for.
        classes: number of classes.
        again: makes another graph with inputs of its own.
    """

    graph: Graph
    inputs: dict[str, keras.KerasTensor]
    node: keras.KerasTensor
    classes: int
    again: Callable[[], tuple[dict[str, keras.KerasTensor], Graph]]


def inputs(run: Run, meta: Meta) -> tuple[dict[str, keras.KerasTensor], Asked]:
    """The graph's arrays, the papers that are asked for, and what a builder makes of them."""

    def again() -> tuple[dict[str, keras.KerasTensor], Graph]:
        return graph_inputs(meta["words"], words=meta["form"] == "words", positions=meta["positions"])

    made, graph = again()
    node = keras.Input((), dtype="int32", name="node")
    return {**made, "node": node}, Asked(graph, made, node, len(meta["classes"]), again)


def trunk(run: Run) -> Callable[..., keras.KerasTensor]:
    """The builder with an output a class, or several of it side by side; then the papers that are asked for."""
    build, count = arch.builder(run.model.builder), fit_of(run).members

    def member(asked: Asked, number: int, options: Mapping[str, Any]) -> keras.KerasTensor:
        made, graph = asked.again()
        return keras.Model(made, build(graph, **options), name=f"member{number}")(asked.inputs)

    def logits(asked: Asked, **options: Any) -> keras.KerasTensor:
        options = options | {"outputs": asked.classes}
        if count == 1:
            return ops.take(build(asked.graph, **options), asked.node, axis=0)
        members = [member(asked, number, options) for number in range(count)]
        return ops.take(ops.stack(members, axis=1), asked.node, axis=0)

    return logits


def named(outputs: np.ndarray, meta: Meta) -> dict[str, np.ndarray]:
    """Probabilities, the mean of the members' where there are several."""
    members = outputs if outputs.ndim == 3 else outputs[:, None]
    parts = [probabilities(members[:, number]) for number in range(members.shape[1])]
    return {"probabilities": np.mean(parts, axis=0)}


def evaluate(outputs: Mapping[str, np.ndarray], rows: Rows, meta: Meta) -> Scores:
    """Scores of a classifier."""
    return classification(rows["label"], outputs["probabilities"])


def validate(outputs: Mapping[str, np.ndarray], rows: Rows, meta: Meta) -> Scores:
    """Likelihood and accuracy alone: an epoch takes milliseconds, all scores many times as long."""
    labels, chances = rows["label"], outputs["probabilities"]
    own = chances[np.arange(len(labels)), labels]
    return {
        "accuracy": float(np.mean(chances.argmax(1) == labels)),
        "nll": float(-np.mean(np.log(np.clip(own, 1e-12, 1.0)))),
    }


TASK = Task(
    inputs=inputs,
    trunk=trunk,
    head=lambda features, meta: features,
    objective=objective,
    named=named,
    evaluate=evaluate,
    baselines=baselines,
    plots=figures,
    serving=serving,
    raw=raw,
    weights=equal_weights,
    measures=("accuracy",),
    validate=validate,
    answers=answers,
)
