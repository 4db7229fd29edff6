"""What citations tell the engine: a graph and some of its papers in, classes out, texts and edges at the served end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops

import arch
from arch.graph import Graph, graph_inputs
from pipelines.citations import cut_among_devices
from pipelines.citations.baselines import baselines
from pipelines.citations.figures import figures
from pipelines.citations.objective import objective
from pipelines.citations.serving import answers, raw, serving
from pipelines.classify import equal_weights, evaluate, probabilities, validate
from pipelines.run import Run
from pipelines.task import Meta, Task


class Asked(NamedTuple):
    """A graph and the papers of it that are to be judged.

    Attributes:
        graph: what a builder takes.
        node: (papers,) int32 index of each paper that is asked for.
        classes: number of classes.
    """

    graph: Graph
    node: keras.KerasTensor
    classes: int


def inputs(run: Run, meta: Meta) -> tuple[dict[str, keras.KerasTensor], Asked]:
    """The graph's arrays, the papers that are asked for, and what a builder makes of them.

    Raises:
        BadInput: a whole graph on several devices.
    """
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if replicas > 1 and not run.data.fan_outs:  # every GPU there is: not known any earlier
        raise cut_among_devices(replicas)
    made, graph = graph_inputs(meta["words"], words=meta["form"] == "words", positions=meta["positions"])
    node = keras.Input((), dtype="int32", name="node")
    return {**made, "node": node}, Asked(graph, node, len(meta["classes"]))


def trunk(run: Run) -> Callable[..., keras.KerasTensor]:
    """The builder with an output a class, and of its answers those for the papers that are asked for."""
    build = arch.builder(run.model.builder)

    def logits(asked: Asked, **options: Any) -> keras.KerasTensor:
        return ops.take(build(asked.graph, **(options | {"outputs": asked.classes})), asked.node, axis=0)

    return logits


TASK = Task(
    inputs=inputs,
    trunk=trunk,
    head=lambda features, meta: features,
    objective=objective,
    named=lambda outputs, meta: {"probabilities": probabilities(outputs)},
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
