"""What genomics tells the engine: codes in, classes out, strings of bases at the served end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import arch
from arch import heads
from arch.dna import OneHotBases, strand_invariant
from data.sequences import CODES
from data.splits import Rows
from pipelines import plots
from pipelines.classify import cross_entropy, equal_weights, probabilities
from pipelines.genomics.baselines import baselines
from pipelines.measures import classification
from pipelines.run import Run
from pipelines.task import Meta, Scores, Serving, Task


def inputs(run: Run, meta: Meta) -> tuple[dict[str, keras.KerasTensor], keras.KerasTensor]:
    """uint8 codes, (batch, length), and their one-hot form, (batch, length, 4)."""
    codes = keras.Input((meta["length"],), dtype="uint8", name="sequence")
    return {"sequence": codes}, OneHotBases(masked=not meta["fixed_length"], name="bases")(codes)


def trunk(run: Run) -> Callable[..., keras.KerasTensor]:
    """The builder, made blind to the strand where the data says that both strands carry the label."""
    build = arch.builder(run.model.builder)
    return strand_invariant(build) if run.data.strands == "both" else build


def head(features: keras.KerasTensor, meta: Meta) -> keras.KerasTensor:
    """One logit a class."""
    return heads.multi_class(features, len(meta["classes"]))


def evaluate(outputs: Mapping[str, np.ndarray], rows: Rows, meta: Meta) -> Scores:
    """Scores of a classifier."""
    return classification(rows["label"], outputs["probabilities"])


def figures(outputs: Mapping[str, np.ndarray], rows: Rows, meta: Meta, folder: Path) -> list[Path]:
    """Figures of the test rows."""
    return plots.classifier(rows["label"], outputs["probabilities"], meta["classes"], folder)


def serving(model: keras.Model, meta: Meta, rows: Rows) -> Serving:
    """Strings of bases to the most likely class and the probabilities of all."""
    classes = tf.constant(meta["classes"])
    longest, shortest = meta["length"], meta["shortest"]

    def function(sequence: Any) -> dict[str, Any]:
        logits = model({"sequence": encode_strings(sequence, shortest, longest)}, training=False)
        return {"label": tf.gather(classes, tf.argmax(logits, 1)), "probabilities": tf.nn.softmax(logits)}

    bases = f"{longest} bases" if shortest == longest else f"{shortest} to {longest} bases"
    return Serving(
        function,
        {"sequence": {"dtype": "string", "shape": [None], "doc": f"{bases}: A C G T U or IUPAC codes, either case"}},
        {
            "label": {"dtype": "string", "shape": [None], "doc": "the most likely class"},
            "probabilities": {
                "dtype": "float32",
                "shape": [None, len(meta["classes"])],
                "doc": "of each class, in the order of `classes`",
            },
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
    with tf.control_dependencies(
        [
            _refuse(fits[:, None], "sequence length must be " + wanted + " bases", lengths[:, None]),
            _refuse(known, "unknown letter; wanted A C G T U or an IUPAC code"),
        ]
    ):
        return tf.where(padding, tf.zeros_like(codes), codes)


def _refuse(right: Any, what: str, got: Any = None) -> Any:
    """Fail, naming the first wrong (row, position), unless all is right; builds the message only then."""

    def fail() -> Any:
        place = tf.where(~right)[0]
        where = tf.strings.format("row {}", place[0] + 1)
        if got is None:
            where = tf.strings.join([where, tf.strings.format(", position {}", place[1] + 1)])
            message = tf.strings.join([where, ": ", what])
        else:
            message = tf.strings.join([where, ": ", what, tf.strings.format(", got {}", got[place[0], 0])])
        check = tf.debugging.Assert(False, [message])
        return tf.constant(False) if check is None else _after(check)

    return tf.cond(tf.reduce_all(right), lambda: tf.constant(True), fail)


def _after(operation: Any) -> Any:
    with tf.control_dependencies([operation]):
        return tf.constant(False)


def raw(rows: Rows) -> dict[str, np.ndarray]:
    """The rows as a client sends them."""
    from data.sequences import decode

    return {"sequence": np.array(decode(rows["sequence"][np.arange(rows.size)]))}


TASK = Task(
    inputs=inputs,
    trunk=trunk,
    head=head,
    objective=cross_entropy,
    named=lambda outputs, meta: {"probabilities": probabilities(outputs)},
    evaluate=evaluate,
    baselines=baselines,
    plots=figures,
    serving=serving,
    raw=raw,
    weights=equal_weights,
    measures=("accuracy",),
)
