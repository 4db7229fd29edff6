"""The engine beside a bare `keras.Model.fit` of the same model, rows, batch and optimizer.

Each of the two lives in a process of its own, so that neither has the other's settings; they train in turns, some
epochs at a time, and the seconds of each pair give one ratio. Compilation is over before the first pair. `cpu` is
process time of whole epochs, validation included; `train_cpu` leaves validation out, which is more in ours: seven
scores against two. `fit` is as it comes: one step a call, no determinism, shuffling on.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys

from peers import Peer, in_turns, ratio_row, table, waiting_callback

CASES = {
    "wide_deep": ("wide_deep", {}),
    "cnn": ("cnn", {}),
    "tiny": ("wide_deep", {"builder": "mlp", "options": {"widths": (16,)}, "label_smoothing": 0.0}),
}


def peer(way: str, case: str, epochs: int) -> None:
    """Fit one way, waiting at the end of each epoch."""
    from pipelines.quiet import start_tensorflow

    start_tensorflow()
    from pipelines.domain import domain
    from pipelines.run import Model

    recipe, changes = CASES[case]
    genomics = domain("genomics")
    run = genomics.recipe(recipe)
    model = Model(changes["builder"], changes["options"]) if changes else run.model
    smoothing = changes.get("label_smoothing", run.fit.label_smoothing)
    run = run.with_(
        model=model, fit=dataclasses.replace(run.fit, epochs=epochs, label_smoothing=smoothing, keep="last")
    )
    splits = genomics.load(run.data, 0)
    (ours if way == "ours" else bare)(run, genomics.task, splits)


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=0, help="in each measurement; 0: 3, and 20 of the tiny model")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        return peer(**json.loads(options.peer))
    rows = []
    for case in options.cases:
        epochs = options.epochs or (20 if case == "tiny" else 3)
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
