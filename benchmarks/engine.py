"""The engine beside a bare `keras.Model.fit` of the same model, rows, batch and optimizer.

Each of the two lives in a process of its own, so that neither has the other's settings; they train in turns, some
epochs at a time, and the seconds of each pair give one ratio. Compilation is over before the first pair. `cpu` is
process time of whole epochs, validation included; `train_cpu` leaves validation out, which is more in ours: seven
scores against two. `fit` is as it comes: one step a call, no determinism, shuffling on.

Of genomics the rows are handed to `fit` as arrays. The default models of the other domains minimise what no argument
of `compile` says, so that by hand one overrides `train_step`; they get the batches that the engine's own loop gets.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys

from peers import Peer, in_turns, ratio_row, table, waiting_callback

CASES = {
    "wide_deep": ("genomics", "wide_deep", {}),
    "cnn": ("genomics", "cnn", {}),
    "tiny": ("genomics", "wide_deep", {"builder": "mlp", "options": {"widths": (16,)}, "label_smoothing": 0.0}),
    "citations": ("citations", "", {}),
    "economics": ("economics", "", {}),
    "images": ("images", "", {}),
}
EPOCHS = {"tiny": 20, "citations": 10}  # in each measurement; 3 of the others


def peer(way: str, case: str, epochs: int) -> None:
    """Fit one way, waiting at the end of each epoch."""
    from pipelines.quiet import start_tensorflow

    start_tensorflow()
    from pipelines.domain import domain
    from pipelines.run import Model

    name, recipe, changes = CASES[case]
    owner = domain(name)
    run = owner.recipe(recipe)
    model = Model(changes["builder"], changes["options"]) if changes else run.model
    smoothing = changes.get("label_smoothing", run.fit.label_smoothing)
    fit = dataclasses.replace(run.fit, epochs=epochs, label_smoothing=smoothing, keep="last", patience=0)
    run = run.with_(model=model, fit=fit, seeds=1, combine="best")
    splits = owner.load(run.data, 0)
    by_hand = bare if name == "genomics" else overridden
    (ours if way == "ours" else by_hand)(run, owner.task_for(run), splits)


def ours(run, task, splits) -> None:
    from pipelines import engine

    engine.fit(engine.prepare(run, task, splits), run, task, splits, [waiting_callback()])


def bare(run, task, splits) -> None:
    """What one would write by hand: the same model and optimizer, compiled and fitted."""
    import keras
    import numpy as np

    from pipelines.optimizers import make_optimizer
    from pipelines.task import build

    keras.utils.set_random_seed(run.seed)
    model, classes = build(task, run, splits.meta), len(splits.meta["classes"])
    columns = {
        name: ({"sequence": rows["sequence"][np.arange(rows.size)]}, rows["label"])
        for name, rows in (("train", splits.train), ("val", splits.val))
    }
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if run.fit.label_smoothing:
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=run.fit.label_smoothing)
        columns = {name: (x, keras.utils.to_categorical(y, classes)) for name, (x, y) in columns.items()}
    steps = -(-splits.train.size // run.fit.batch_size)
    model.compile(make_optimizer(run.fit, steps * run.fit.epochs), loss, metrics=["accuracy"])
    model.fit(
        *columns["train"],
        batch_size=run.fit.batch_size,
        epochs=run.fit.epochs,
        validation_data=columns["val"],
        callbacks=[waiting_callback()],
        verbose=0,
    )


def overridden(run, task, splits) -> None:
    """What one would write by hand where the loss is no argument of `compile`: another `train_step`."""
    import keras
    import tensorflow as tf

    from pipelines.batches import ordered_batches, training_batches
    from pipelines.optimizers import make_optimizer
    from pipelines.task import build

    keras.utils.set_random_seed(run.seed)
    network = build(task, run, splits.meta)
    task.start(network, run, splits.train)

    class ByHand(keras.Model):
        def __init__(self):
            super().__init__()
            self.network = network

        def train_step(self, data):
            batch, _ = data
            with tf.GradientTape() as tape:
                losses, measures = task.objective(network, batch, run, True)
                loss = tf.reduce_mean(losses)
            self.optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
            return {"loss": loss, **{name: tf.reduce_mean(value) for name, value in measures.items()}}

        def test_step(self, batch):
            losses, measures = task.objective(network, batch, run, False)
            return {"loss": tf.reduce_mean(losses), **{k: tf.reduce_mean(v) for k, v in measures.items()}}

    steps = splits.train.steps(run.fit.batch_size)
    model = ByHand()
    model.compile(make_optimizer(run.fit, steps * run.fit.epochs))
    model.optimizer.build(network.trainable_variables)
    val = ordered_batches(splits.val, 256)()
    val = tf.data.Dataset.from_tensors(val[0]) if isinstance(val, list) else val
    model.fit(
        training_batches(splits.train, run.fit.batch_size, run.seed),
        steps_per_epoch=steps,
        epochs=run.fit.epochs,
        validation_data=val,
        callbacks=[waiting_callback()],
        verbose=0,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=0, help="in each measurement; 0: as many as is usual")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        return peer(**json.loads(options.peer))
    rows = []
    for case in options.cases:
        epochs = options.epochs or EPOCHS.get(case, 3)
        whole = epochs * (options.pairs + 1)
        one, other = (Peer(__file__, {"way": way, "case": case, "epochs": whole}) for way in ("ours", "fit"))
        try:
            measured = in_turns(one, other, options.pairs, epochs, epochs)
        finally:
            one.close()
            other.close()
        rows += [ratio_row(case, measured, what) for what in ("cpu", "train_cpu", "wall", "train_wall")]
        print("\n".join(rows[-4:]), file=sys.stderr)
    print(table("ours", "fit", rows))
    return None


if __name__ == "__main__":
    main()
