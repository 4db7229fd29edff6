"""What genomics tells the engine: codes in; classes, labels or a value out; strings of bases at the served end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf

import arch
from arch import heads
from arch.dna import OneHotBases, strand_invariant
from data.sequences import CODES
from data.splits import Rows
from data.targets import SEPARATOR
from pipelines import plots
from pipelines.classify import (
    binary_cross_entropy,
    cross_entropy,
    equal_weights,
    evaluate,
    probabilities,
    squared_error,
)
from pipelines.finetuning import freeze, take_up
from pipelines.genomics import baselines
from pipelines.genomics.strata import accuracy_by_content, error_by_content
from pipelines.measures import multi_label, regression
from pipelines.run import FineTuning, Run
from pipelines.served_graph import most_likely, numbered, refuse
from pipelines.task import Meta, Serving, Task


def inputs(run: Run, meta: Meta) -> tuple[dict[str, keras.KerasTensor], keras.KerasTensor]:
    """uint8 codes, (batch, length), and their one-hot form, (batch, length, 4)."""
    codes = keras.Input((meta["length"],), dtype="uint8", name="sequence")
    return {"sequence": codes}, OneHotBases(masked=not meta["fixed_length"], name="bases")(codes)


def trunk(run: Run) -> Callable[..., keras.KerasTensor]:
    """The builder, made blind to the strand where the data says that both strands carry the label."""
    build = arch.builder(run.model.builder)
    if run.data.strands == "both":
        build = strand_invariant(build)

    def features(bases: keras.KerasTensor, **options: Any) -> keras.KerasTensor:
        found = build(bases, **options)
        freeze(bases, found, cast(FineTuning, run.fit).frozen)
        return found

    return features


def head(features: keras.KerasTensor, meta: Meta) -> keras.KerasTensor:
    """One logit a class."""
    return heads.multi_class(features, len(meta["classes"]))


def value_head(features: keras.KerasTensor, meta: Meta) -> keras.KerasTensor:
    """One value, of the mean and the deviation of those that are learnt from before anything is learnt."""
    known = meta["class_counts"]["train"]
    value = heads.regression(features)
    scale = keras.layers.Rescaling(known["deviation"] or 1.0, known["mean"], dtype="float32", name="unit")
    return scale(value)


def figures(outputs: Mapping[str, np.ndarray], rows: Rows, meta: Meta, folder: Path) -> list[Path]:
    """Figures of the test rows."""
    drawn = plots.classifier(rows["label"], outputs["probabilities"], meta["classes"], folder)
    correct = outputs["probabilities"].argmax(1) == rows["label"]
    return [*drawn, accuracy_by_content(correct, rows["sequence"], folder / "accuracy_by_content.png")]


def figures_of_labels(outputs: Mapping[str, np.ndarray], rows: Rows, meta: Meta, folder: Path) -> list[Path]:
    """Figures of the test rows, whose labels are each a question by itself: is it there."""
    chances, truth = outputs["probabilities"], rows["label"] > 0
    if not np.isfinite(chances).all():
        return []
    both = np.stack([1 - chances, chances], axis=-1).reshape(-1, 2)
    return [
        plots.roc_and_pr(truth, chances, meta["classes"], folder / "roc_and_pr.png"),
        plots.reliability(truth.reshape(-1).astype(np.int32), both, folder / "reliability.png"),
        accuracy_by_content((chances > 0.5) == truth, rows["sequence"], folder / "accuracy_by_content.png"),
    ]


def figures_of_values(outputs: Mapping[str, np.ndarray], rows: Rows, meta: Meta, folder: Path) -> list[Path]:
    """Figures of the test rows."""
    truth, value = rows["label"], outputs["value"]
    drawn = plots.predicted_values(truth, value, folder / "values.png")
    return [drawn, error_by_content(value - truth, rows["sequence"], folder / "error_by_content.png")]


Answer = Callable[[Any, Meta], dict[str, Any]]


def serving(model: keras.Model, meta: Meta, rows: Rows, answer: Answer, outputs: Mapping[str, str]) -> Serving:
    """Strings of bases to answers.

    Args:
        model: codes to outputs.
        meta: of the data.
        rows: unused.
        answer: outputs of the model, meta -> what is served, by name.
        outputs: name -> what it is.
    """
    longest, shortest = meta["length"], meta["shortest"]

    def function(sequence: Any) -> dict[str, Any]:
        return answer(model({"sequence": encode_strings(sequence, shortest, longest)}, training=False), meta)

    bases = f"{longest} bases" if shortest == longest else f"{shortest} to {longest} bases"
    shapes = {"probabilities": [None, len(meta["classes"])]}
    return Serving(
        function,
        {"sequence": {"dtype": "string", "shape": [None], "doc": f"{bases}: A C G T U or IUPAC codes, either case"}},
        {
            name: {"dtype": "string" if name == "label" else "float32", "shape": shapes.get(name, [None]), "doc": doc}
            for name, doc in outputs.items()
        },
    )


def encode_strings(sequence: Any, shortest: int, longest: int) -> Any:
    """In the graph what `data.sequences.encode` does outside it: (rows,) strings to (rows, longest) codes.

    Raises:
        tf.errors.InvalidArgumentError: naming row and position, both counted from 1, when run.
    """
    lengths = tf.strings.length(sequence)
    fits = (lengths >= shortest) & (lengths <= longest)
    wanted = f"{longest}" if shortest == longest else f"{shortest} to {longest}"
    codes = tf.gather(
        tf.constant(np.frombuffer(CODES, np.uint8)),
        tf.cast(tf.io.decode_raw(sequence, tf.uint8, fixed_length=longest), tf.int32),
    )
    padding = tf.range(longest) >= lengths[:, None]
    known = (codes != 0) | padding
    right_length = refuse(
        fits,
        lambda at: [
            numbered("row", at[0]),
            f": sequence length must be {wanted} bases",
            tf.strings.format(", got {}", lengths[at[0]]),
        ],
    )
    unknown = ": unknown letter; wanted A C G T U or an IUPAC code"
    right_letters = refuse(known, lambda at: [numbered("row", at[0]), numbered(", position", at[1]), unknown])
    with tf.control_dependencies([right_length, right_letters]):
        return tf.where(padding, tf.zeros_like(codes), codes)


def raw(rows: Rows) -> dict[str, np.ndarray]:
    """The rows as a client sends them."""
    from data.sequences import decode

    return {"sequence": np.array(decode(rows["sequence"][np.arange(rows.size)]))}


def likely_labels(logits: Any, meta: Meta) -> dict[str, Any]:
    """The labels that are likelier there than not, written as they are in files, and the probability of each."""
    names = tf.where(logits > 0, tf.constant(meta["classes"]) + SEPARATOR, "")
    joined = tf.strings.regex_replace(tf.strings.reduce_join(names, axis=1), f"{SEPARATOR}$", "")
    return {"label": joined, "probabilities": tf.sigmoid(logits)}


EACH = "in the order of `classes`"
TASK = Task(
    inputs=inputs,
    trunk=trunk,
    head=head,
    objective=cross_entropy,
    named=lambda outputs, meta: {"probabilities": probabilities(outputs)},
    evaluate=evaluate,
    baselines=baselines.of_classes,
    plots=figures,
    serving=partial(
        serving,
        answer=most_likely,
        outputs={"label": "the most likely class", "probabilities": f"of each class, {EACH}"},
    ),
    raw=raw,
    start=lambda model, run, rows: take_up(model, run),
    weights=equal_weights,
    measures=("accuracy",),
)
LABELS = replace(
    TASK,
    head=lambda features, meta: heads.multi_label(features, len(meta["classes"])),
    objective=binary_cross_entropy,
    named=lambda outputs, meta: {"probabilities": 1 / (1 + np.exp(-outputs))},
    evaluate=lambda outputs, rows, meta: multi_label(rows["label"], outputs["probabilities"]),
    baselines=baselines.of_labels,
    plots=figures_of_labels,
    serving=partial(
        serving,
        answer=likely_labels,
        outputs={
            "label": f"the labels above a half, split by {SEPARATOR}",
            "probabilities": f"of each label by itself, {EACH}",
        },
    ),
    headline=("auroc", "auprc", "accuracy", "nll"),
    outputs="values",
)
VALUE = replace(
    TASK,
    head=value_head,
    objective=squared_error,
    named=lambda outputs, meta: {"value": outputs[:, 0]},
    evaluate=lambda outputs, rows, meta: regression(rows["label"], outputs["value"]),
    baselines=baselines.of_values,
    plots=figures_of_values,
    serving=partial(
        serving,
        answer=lambda values, meta: {"value": values[:, 0]},
        outputs={"value": "in the unit of the labels"},
    ),
    measures=(),
    measure="rmse",
    headline=("r2", "pearson", "spearman", "rmse"),
    outputs="values",
)
