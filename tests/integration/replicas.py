"""Small fits on one and on two logical devices, in a process of its own that prints what came out as one JSON object.

A CPU can be split into logical devices only before TensorFlow has used it, so the tests that compare devices ask this
process, once for all of them.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = 193  # with batches of 32, the last one of an epoch is a single row
MLP = ("mlp", {"widths": (8,)})
CNN = ("cnn", {"widths": (8,), "norm": "batch"})
LSTM = ("recurrent", {"units": (4,)})
SGD = {"optimizer": "sgd", "learning_rate": 0.05}
EXACT = {
    "plain": (MLP, {}),
    "batch norm": (CNN, {}),
    "recurrent": (LSTM, {}),
    "clip": (MLP, {"clip_norm": 0.1}),
    "ema": (MLP, {"ema": 0.9}),
    "recalibrate": (CNN, {"ema": 0.9, "recalibrate": 2}),
    "accumulate": (MLP, {"accumulate": 3}),
    "accumulate and clip": (MLP, {"accumulate": 2, "clip_norm": 0.1, **SGD}),
    "label smoothing": (MLP, {"label_smoothing": 0.1, **SGD}),
    "weight decay": (MLP, {"weight_decay": 0.1}),
    "regulariser": (MLP, {"accumulate": 2, **SGD}),
    "xla": (MLP, {"jit": "on"}),
}
ROUNDED = {"float16": {"precision": "mixed_float16", **SGD}, "bfloat16": {"precision": "mixed_bfloat16", **SGD}}
RESUMED = {
    "mlp": (("mlp", {"widths": (8,), "dropout": 0.3}), {"ema": 0.9, "keep": "best", "patience": 2}),
    "cnn": (("cnn", {"widths": (8,), "dropout": 0.2}), {"clip_norm": 0.1, "keep": "best_in_both"}),
}
KILLS = (7, 10)  # steps: the last one of the first epoch, before it is judged, and one within the second

SLOWLY = """
import time
from pipelines import engine
from pipelines.cli import main
from pipelines.genomics import DOMAIN
validate = engine._Fitting._validate
def slowly(fitting):
    time.sleep(0.5)
    return validate(fitting)
engine._Fitting._validate = slowly
engine.EPOCH_SECONDS = 0.0
main(DOMAIN)
"""  # the real command, with epochs that last long enough for a signal to find the training under way


def epochs_told(runs):
    """Epochs in the records of all runs of a folder."""
    return sum(line.count('"event": "epoch"') for p in runs.glob("*/*/record.jsonl") for line in p.open())


def final_state(folder):
    """The arrays of the state at the end of a run."""
    import numpy as np

    (newest,) = Path(folder).glob("checkpoints/*-done")
    with np.load(newest / "state.npz") as arrays:
        return dict(arrays)


@cache
def results() -> dict:
    """What this file prints when it is run: once, whichever of the processes that test together asks first."""
    told = Path(tempfile.gettempdir()) / f"replicas-{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}.json"
    with told.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            command = [sys.executable, "-m", "tests.integration.replicas"]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr[-4000:]
            told.write_text(done.stdout)
    return json.loads(told.read_text())


class Killed(Exception):
    """Stands for a kill between two calls."""


class Laboratory:
    """Fits of one small set of rows, in this process."""

    def __init__(self) -> None:
        import numpy as np

        from data.folds import subset
        from pipelines.domain import domain

        genomics = domain("genomics")
        self.data, self.task = genomics.data(), genomics.task
        whole = genomics.load(self.data, 0)
        self.splits = replace(whole, train=subset(whole.train, np.arange(0, 2404, 12)[:ROWS]))

    def run(self, model, fit, seed=3):
        from pipelines.run import FineTuning, Model, Run

        fit = FineTuning(**{"epochs": 3, "batch_size": 32, "keep": "last", **fit})
        return Run("genomics", "small", self.data, Model(*model), fit, seed=seed)

    def train(self, model, fit, *, seed=3, task=None, splits=None, checkpoints=None, callbacks=(), step_calls=False):
        """The trained model, and the history without what the clock says."""
        from unittest import mock

        from pipelines import engine, loop

        run, task, splits = self.run(model, fit, seed), task or self.task, splits or self.splits
        prepared = engine.prepare(run, task, splits)
        with mock.patch.object(loop, "CALL_SECONDS", 0.0 if step_calls else 0.25):
            fitted = engine.fit(prepared, run, task, splits, list(callbacks), checkpoints)
        timed = ("seconds", "rows_per_second")
        return fitted.model, [{k: v for k, v in epoch.items() if k not in timed} for epoch in fitted.history]


def values_of(model):
    return [v.numpy() for v in (*model.variables, *model.optimizer.variables)]


def difference(one, other):
    """The largest difference of two models' weights."""
    pairs = list(zip(one.weights, other.weights, strict=True))
    return max(float(abs(a.numpy() - b.numpy()).max()) for a, b in pairs if a.dtype == "float32")


def same_bits(one, other):
    pairs = zip(values_of(one), values_of(other), strict=True)
    return all(a.tobytes() == b.tobytes() for a, b in pairs)


def losses_apart(one, other):
    names = ("loss", "accuracy", "val_nll")  # the others count, and jump where two rows change places
    return max(abs(a[n] - b[n]) for a, b in zip(one, other, strict=True) for n in names)


def regularised(task):
    import keras

    def head(features, meta):
        return keras.layers.Dense(len(meta["classes"]), kernel_regularizer=keras.regularizers.L2(0.1))(features)

    return replace(task, head=head)


def exactness(lab):
    told = {}
    for name, (model, fit) in EXACT.items():
        task = regularised(lab.task) if name == "regulariser" else lab.task
        (one, history1), (two, history2) = (lab.train(model, {**fit, "devices": n}, task=task) for n in (1, 2))
        told[name] = {"weights": difference(one, two), "history": losses_apart(history1, history2)}
        if "accumulate" in fit:
            whole, _ = lab.train(model, {**fit, "accumulate": 1}, task=task)
            told[name]["pieces"] = difference(one, whole)
    return told


def rounding(lab):
    told = {}
    for name, fit in ROUNDED.items():
        (one, history1), (two, history2) = (lab.train(MLP, {**fit, "devices": n}) for n in (1, 2))
        told[name] = {"weights": difference(one, two), "history": losses_apart(history1, history2)}
    return told


def bits(lab):
    """Repeated fits, and fits of one step a call, beside those of several."""
    model = ("mlp", {"widths": (8,), "dropout": 0.5})
    told = {}
    for devices in (1, 2):
        first, history = lab.train(model, {"devices": devices})
        second, again = lab.train(model, {"devices": devices})
        single, stepwise = lab.train(model, {"devices": devices}, step_calls=True)
        told[str(devices)] = {
            "repeated": same_bits(first, second) and history == again,
            "one step a call": same_bits(first, single) and history == stepwise,
            "other seed": difference(first, lab.train(model, {"devices": devices}, seed=4)[0]),
        }
    return told


def masks(lab):
    """What a dropout layer lets through on one device and on each of two, inside the engine's own training step."""
    import keras
    import tensorflow as tf

    from pipelines import devices
    from pipelines.run import Fit
    from pipelines.tensorflow_backend import _seeds_of_replicas

    def drawn(count):
        keras.utils.set_random_seed(3)
        strategy = devices.strategy(Fit(devices=count))
        with strategy.scope():
            layer = keras.layers.Dropout(0.5)
            layer.build((1, 997))

        @tf.function
        def drop():
            return strategy.run(layer, args=(tf.ones((1, 997)),), kwargs={"training": True})

        with _seeds_of_replicas():
            kept = drop()
        return [value.numpy() > 0 for value in strategy.experimental_local_results(kept)]

    (alone,), (first, second) = drawn(1), drawn(2)
    return {"first is that of one device": bool((alone == first).all()), "agree": float((first == second).mean())}


def predictions(lab):
    """Scores and outputs of a model that lies on two devices, beside NumPy's."""
    import numpy as np

    from data.splits import Rows
    from pipelines import engine

    model, _ = lab.train(CNN, {"devices": 2, "epochs": 1})
    rows = Rows({name: lab.splits.val[name][np.arange(lab.splits.val.size)] for name in lab.splits.val})
    outputs = engine.predict(model, rows)
    one_by_one = np.concatenate([model({"sequence": rows["sequence"][i : i + 1]}).numpy() for i in range(rows.size)])
    scores = engine.evaluate(model, lab.task, rows, lab.splits.meta)
    exact = float((one_by_one.argmax(1) == rows["label"]).mean())
    return {
        "rows": rows.size,
        "apart": float(abs(outputs - one_by_one).max()),
        "accuracy": [scores["accuracy"], exact],
    }


def means(lab):
    """The loss and accuracy of an epoch that changes nothing, beside those of all rows at once."""
    import numpy as np

    told = {}
    for devices in (1, 2):
        model, history = lab.train(MLP, {"devices": devices, "epochs": 1, "optimizer": "sgd", "learning_rate": 1e-30})
        rows = lab.splits.train
        logits = model({"sequence": rows["sequence"][np.arange(rows.size)]}).numpy().astype("float64")
        logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        loss = -logs[np.arange(rows.size), rows["label"]].mean()
        accuracy = (logits.argmax(1) == rows["label"]).mean()
        told[str(devices)] = [float(history[0]["loss"] - loss), float(history[0]["accuracy"] - accuracy)]
    return told


def resumed(lab):
    """Fits that are killed at a call and taken up, beside the same without a kill: equal to the bit or not."""
    import keras

    from pipelines.checkpoint import Checkpoints

    class Kill(keras.callbacks.Callback):
        def __init__(self, call):
            super().__init__()
            self.calls_left = call

        def on_train_batch_end(self, batch, logs=None):
            self.calls_left -= 1
            if not self.calls_left:
                raise Killed

    def plateau():
        return keras.callbacks.ReduceLROnPlateau(monitor="val_nll", mode="min", factor=0.5, patience=1, min_delta=0.05)

    told = {}
    for name, (model, fit) in RESUMED.items():
        for devices in (1, 2):
            fit = {**fit, "devices": devices, "epochs": 4, "schedule": "constant", "learning_rate": 0.02}
            whole, history = lab.train(model, fit, callbacks=[plateau()])
            for call in KILLS:
                kept = Checkpoints(Path(tempfile.mkdtemp()), minutes=0.0)
                try:
                    lab.train(model, fit, checkpoints=kept, callbacks=[plateau(), Kill(call)], step_calls=True)
                    told[f"{name}, {devices}, {call}"] = "was not killed"
                except Killed:
                    again, resumed_history = lab.train(model, fit, checkpoints=kept, callbacks=[plateau()])
                    told[f"{name}, {devices}, {call}"] = {
                        "weights": same_bits(whole, again),
                        "history": history == resumed_history,
                        "rates": sorted({epoch["learning_rate"] for epoch in history}),
                    }
    return told


def main() -> None:
    from pipelines.quiet import start_tensorflow

    start_tensorflow()
    import time

    from pipelines.devices import _logical_cpus

    _logical_cpus(2)
    lab, told = Laboratory(), {}
    for part in (exactness, rounding, bits, masks, predictions, means, resumed):
        start = time.perf_counter()
        told[part.__name__] = part(lab)
        print(
            f"{part.__name__}: {time.perf_counter() - start:.1f} s {told[part.__name__]}", file=sys.stderr, flush=True
        )
    print(json.dumps(told))


if __name__ == "__main__":
    main()
