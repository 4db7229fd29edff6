"""The training loop: its order, its arithmetic beside a loop written by hand, and the callbacks that it drives."""

from dataclasses import replace
from itertools import chain

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from arch.recalibration import recalibrate
from data.splits import Rows
from pipelines import engine
from pipelines.batches import epoch_order, ordered_batches, share, training_batches
from pipelines.optimizers import make_optimizer
from pipelines.stopping import BestInBoth

from .replicas import CNN, Laboratory, losses_apart, same_bits

SMALL = ("mlp", {"widths": (8,)})


@pytest.fixture(scope="module")
def lab():
    return Laboratory()


class TestOrder:
    @given(size=st.integers(1, 300), seed=st.integers(0, 2**31), epoch=st.integers(0, 10_000))
    def test_it_is_a_permutation_that_depends_on_nothing_but_size_seed_and_epoch(self, size, seed, epoch):
        np.random.seed(0)
        once = epoch_order(size, seed, epoch)
        np.random.seed(1)
        assert sorted(once) == list(range(size))
        assert (once == epoch_order(size, seed, epoch)).all()

    def test_epochs_and_seeds_have_orders_of_their_own(self):
        orders = {tuple(epoch_order(31, seed, epoch)) for seed in range(5) for epoch in range(5)}
        assert len(orders) == 25

    @given(rows=st.integers(1, 40), parts=st.integers(1, 9))
    def test_shares_differ_by_a_row_at_most_and_make_up_the_batch(self, rows, parts):
        shares = [share(tf.constant(rows), tf.constant(part), parts) for part in range(parts)]
        taken = np.zeros(rows)
        for start, end, weight in shares:
            assert end > start  # TensorFlow's convolutions cannot take an empty share on CPUs
            taken[int(start) : int(end)] += float(weight)
        assert taken == pytest.approx(np.ones(rows))
        sizes = [int(end - start) for start, end, _ in shares]
        assert max(sizes) - min(sizes) <= 1

    def elements(self, count, *arguments, **options):
        rows = Rows({"number": np.arange(23)})
        batches = training_batches(rows, 5, 7, *arguments, **options).take(count)
        return [batch["number"].numpy().tolist() for batch, _ in batches]

    def test_an_epoch_holds_every_row_once_in_its_order(self):
        batches = self.elements(10)
        assert [len(b) for b in batches] == [5, 5, 5, 5, 3] * 2
        assert [*chain(*batches[:5])] == epoch_order(23, 7, 0).tolist()
        assert [*chain(*batches[5:])] == epoch_order(23, 7, 1).tolist()

    @settings(max_examples=15, deadline=None)
    @given(first=st.integers(0, 17))
    def test_started_at_any_step_the_batches_go_on_as_they_would_have(self, first):
        assert self.elements(6, first) == self.elements(first + 6)[first:]

    def test_the_shares_of_all_workers_make_up_each_batch(self):
        whole = self.elements(10)
        shares = [self.elements(20, 0, 4, mine) for mine in ((0, 1), (2, 3))]
        for step, batch in enumerate(whole):
            parts = [s[2 * step + i] for s in shares for i in (0, 1)]
            assert [*chain(*parts)] == (batch if len(batch) > 3 else batch * 4)  # too few rows: everyone takes them all

    def test_a_column_that_is_no_array_is_gathered_in_python(self):
        class Doubled:
            def __len__(self):
                return 11

            def __getitem__(self, indices):
                return 2 * np.asarray(indices)

        rows = Rows({"number": np.arange(11), "doubled": Doubled()})
        for batch, _ in training_batches(rows, 4, 0).take(3):
            assert (batch["doubled"].numpy() == 2 * batch["number"].numpy()).all()

    def around(self, columns, seed, epoch):
        """As many neighbours as a row's number, each of them told where and when it was made."""
        counts = columns["number"] % 3
        made = np.repeat(columns["number"] * 100 + epoch, counts)
        return {"neighbour": made.astype(np.int32), "number": columns["number"] + seed}

    def test_what_all_rows_share_is_in_every_batch_whole(self):
        shared = {"graph": np.arange(7)[:, None]}
        rows = Rows({"number": np.arange(11)}, shared).take(np.arange(1, 11))
        for batch, _ in training_batches(rows, 4, 0, parts=2, mine=(0, 1)).take(6):
            assert (batch["graph"].numpy() == shared["graph"]).all()

    def test_what_is_made_around_the_rows_depends_on_rows_seed_and_epoch_alone(self):
        rows = Rows({"number": np.arange(11)}, around=self.around)
        for step, (batch, _) in enumerate(training_batches(rows, 4, 7).take(9)):
            order = epoch_order(11, 7, step // 3)[step % 3 * 4 : step % 3 * 4 + 4]
            assert batch["number"].numpy().tolist() == (order + 7).tolist()
            assert batch["neighbour"].numpy().tolist() == [100 * n + step // 3 for n in order for _ in range(n % 3)]

    def test_rows_for_a_model_keep_what_it_needs_alone(self):
        rows = Rows({"number": np.arange(11), "label": np.arange(11)}, {"graph": np.arange(7), "unused": np.arange(3)})
        kept = rows.inputs(["number", "graph"])
        assert (list(kept), list(kept.shared), kept.size) == (["number"], ["graph"], 11)
        rows = Rows({"number": np.arange(11), "label": np.arange(11)}, around=self.around)
        assert list(rows.inputs(["number", "neighbour"])) == ["number", "label"]  # which the neighbourhood may need

    def test_rows_that_share_are_judged_in_one_batch_and_others_in_several(self):
        columns, shared = {"number": np.arange(11)}, {"graph": np.arange(7)}
        assert [len(b["number"]) for b in ordered_batches(Rows(columns, shared), 4)()] == [11]
        assert [len(b["number"]) for b in ordered_batches(Rows(columns), 4)()] == [4, 4, 3]


def by_hand(lab, model, fit):
    """The same training, written as a loop without any of the engine: eager, one tape, whole batches."""
    run, rows = lab.run(model, fit), lab.splits.train
    made = engine.prepare(run, lab.task, lab.splits).model
    optimizer = make_optimizer(run.fit, rows.steps(run.fit.batch_size) * run.fit.epochs)
    optimizer.build(made.trainable_variables)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    losses = []
    for epoch in range(run.fit.epochs):
        order, total = epoch_order(rows.size, run.seed, epoch), 0.0
        for start in range(0, rows.size, run.fit.batch_size):
            chosen = order[start : start + run.fit.batch_size]
            with tf.GradientTape() as tape:
                logits = made({"sequence": rows["sequence"][chosen]}, training=True)
                loss = loss_of(rows["label"][chosen], logits)
            optimizer.apply(tape.gradient(loss, made.trainable_variables), made.trainable_variables)
            total += float(loss) * len(chosen)
        losses.append(total / rows.size)
    return made, losses


@pytest.mark.parametrize(
    ("model", "fit"),
    [
        (SMALL, {}),
        (SMALL, {"optimizer": "sgd", "schedule": "constant", "weight_decay": 0.01}),
        (("cnn", {"widths": (8,), "norm": "batch"}), {"optimizer": "sgd"}),
    ],
    ids=["adamw", "sgd", "batch norm"],
)
def test_the_engine_equals_a_loop_written_by_hand(lab, model, fit):
    ours, history = lab.train(model, fit)
    theirs, losses = by_hand(lab, model, fit)
    for one, other in zip(ours.weights, theirs.weights, strict=True):
        if one.dtype == "float32":
            # 21 steps of rounding in another order of operations.
            np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-6, err_msg=one.path)
    np.testing.assert_allclose([epoch["loss"] for epoch in history], losses, atol=1e-6)


class Recorder(keras.callbacks.Callback):
    """Notes what it is told, in order."""

    def __init__(self):
        super().__init__()
        self.told, self.logs = [], {}


def _noting(name):
    def note(self, number=None, logs=None):
        given = number if isinstance(number, dict) else logs
        self.told.append((name,) if number is None or isinstance(number, dict) else (name, number))
        self.logs[name] = dict(given or {})

    return note


for _name in ("train", "test", "epoch", "train_batch"):
    for _moment in ("begin", "end"):
        setattr(Recorder, f"on_{_name}_{_moment}", _noting(f"{_name}_{_moment}"))


def test_callbacks_are_told_what_fit_would_tell_them_in_its_order(lab):
    recorder = Recorder()
    lab.train(SMALL, {"epochs": 2, "batch_size": 97}, callbacks=[recorder], step_calls=True)
    epoch = [("train_batch_begin", 0), ("train_batch_end", 0), ("train_batch_begin", 1), ("train_batch_end", 1)]
    judged = [("test_begin",), ("test_end",)]
    assert recorder.told == [
        ("train_begin",),
        *[step for e in (0, 1) for step in [("epoch_begin", e), *epoch, *judged, ("epoch_end", e)]],
        ("train_end",),
    ]
    assert {"loss", "accuracy", "val_nll", "learning_rate", "seconds"} <= set(recorder.logs["epoch_end"])
    assert recorder.logs["train_batch_end"].keys() == {"loss", "accuracy"}
    assert recorder.params["epochs"] == 2
    assert recorder.params["steps"] == 2


def test_early_stopping_ends_the_training_and_keeps_the_best_epoch(lab):
    fit = {"epochs": 30, "learning_rate": 0.3, "patience": 2, "keep": "best"}
    model, history = lab.train(SMALL, fit)
    values = [epoch["val_nll"] for epoch in history]
    assert len(history) == values.index(min(values)) + 3 < 30
    scores = engine.evaluate(model, lab.task, lab.splits.val, lab.splits.meta)
    assert scores["nll"] == pytest.approx(min(values), abs=1e-6)


def test_the_last_epoch_is_kept_where_the_run_says_so(lab):
    model, history = lab.train(SMALL, {"epochs": 8, "learning_rate": 0.3, "keep": "last"})
    values = [epoch["val_nll"] for epoch in history]
    assert values[-1] > min(values)
    scores = engine.evaluate(model, lab.task, lab.splits.val, lab.splits.meta)
    assert scores["nll"] == pytest.approx(values[-1], abs=1e-6)


def test_a_plateau_lowers_the_learning_rate(lab):
    plateau = keras.callbacks.ReduceLROnPlateau("val_nll", mode="min", factor=0.5, patience=1, min_delta=10.0)
    fit = {"schedule": "constant", "learning_rate": 0.01, "epochs": 4}
    _, history = lab.train(SMALL, fit, callbacks=[plateau])
    rates = [epoch["learning_rate"] for epoch in history]
    assert rates == pytest.approx([0.01, 0.01, 0.005, 0.0025])


def test_a_scheduler_of_keras_sets_the_learning_rate(lab):
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.01 / 2**epoch)
    fit = {"schedule": "constant", "learning_rate": 0.01}
    _, history = lab.train(SMALL, fit, callbacks=[scheduler])
    assert [epoch["learning_rate"] for epoch in history] == pytest.approx([0.01, 0.005, 0.0025])


def test_with_a_running_average_the_averaged_weights_are_judged_and_kept(lab):
    model, history = lab.train(SMALL, {"ema": 0.9, "learning_rate": 0.1, "epochs": 2})
    plain, other = lab.train(SMALL, {"learning_rate": 0.1, "epochs": 2})
    assert losses_apart([history[0] | {"val_nll": 0.0}], [other[0] | {"val_nll": 0.0}]) < 1e-6  # one and the same path
    assert abs(history[0]["val_nll"] - other[0]["val_nll"]) > 1e-3
    scores = engine.evaluate(model, lab.task, lab.splits.val, lab.splits.meta)
    assert scores["nll"] == pytest.approx(history[-1]["val_nll"], abs=1e-6)
    averages = model.optimizer._model_variables_moving_average
    assert not all(np.allclose(a, b) for a, b in zip(model.get_weights(), plain.get_weights(), strict=True))
    assert len(averages) == len(model.trainable_variables)


def test_averaged_weights_are_judged_with_batch_normalization_averaged_anew(lab):
    fit = {"ema": 0.9, "learning_rate": 0.1, "keep": "last"}
    model, history = lab.train(CNN, fit | {"recalibrate": 3, "batch_size": 64})
    _, other = lab.train(CNN, fit | {"batch_size": 64})
    assert losses_apart([history[0] | {"val_nll": 0.0}], [other[0] | {"val_nll": 0.0}]) < 1e-6  # until the first ends
    assert abs(history[0]["val_nll"] - other[0]["val_nll"]) > 1e-3
    scores = engine.evaluate(model, lab.task, lab.splits.val, lab.splits.meta)
    assert scores["nll"] == pytest.approx(history[-1]["val_nll"], abs=1e-6)
    kept = [weight.numpy() for weight in model.non_trainable_variables]
    rows = lab.splits.train.inputs(model.input)
    order = epoch_order(rows.size, 3, 0)
    batches = [{name: rows.batch(order[at : at + 64])[name] for name in model.input} for at in (0, 64, 128)]
    recalibrate(model, batches)
    for one, two in zip(kept, model.non_trainable_variables, strict=True):
        np.testing.assert_allclose(one, two.numpy(), atol=1e-6)


def test_the_last_epoch_is_kept_that_none_before_surpasses_in_either_score():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.stop_training = False
    keeper = BestInBoth(("nll", "accuracy"), patience=3)
    keeper.set_model(model)
    told = [(9, 1), (8, 3), (7, 2), (7, 3), (6, 2), (6, 3), (7, 3), (6, 2), (float("nan"), 3), (8, 1)]
    for epoch, (nll, accuracy) in enumerate(told):
        assert not model.stop_training, epoch
        model.set_weights([np.full((1, 1), float(epoch))])
        keeper.on_epoch_end(epoch, {"val_nll": nll, "val_accuracy": accuracy})
        if model.stop_training:
            break
    assert epoch == 7  # the likelihood is best at the fifth for the first time, and three epochs bring nothing
    keeper.on_train_end()
    assert model.get_weights()[0] == 5.0


def test_an_epoch_best_in_both_is_kept_by_the_engine(lab):
    model, history = lab.train(SMALL, {"keep": "best_in_both", "learning_rate": 0.1, "epochs": 6})
    kept = engine.evaluate(model, lab.task, lab.splits.val, lab.splits.meta)
    ends = [h for i, h in enumerate(history) if _best_so_far(history[: i + 1])]
    assert kept["nll"] == pytest.approx(ends[-1]["val_nll"], abs=1e-6)


def _best_so_far(history):
    last = history[-1]
    nll, accuracy = min(h["val_nll"] for h in history), max(h["val_accuracy"] for h in history)
    return (last["val_nll"], last["val_accuracy"]) == (nll, accuracy)


def test_one_seed_is_one_model_and_another_seed_is_another(lab):
    dropped = ("mlp", {"widths": (8,), "dropout": 0.5})
    first, second = (lab.train(dropped, {"epochs": 1})[0] for _ in range(2))
    other = lab.train(dropped, {"epochs": 1}, seed=4)[0]
    assert same_bits(first, second)
    assert not same_bits(first, other)


def test_rows_of_weight_zero_teach_nothing(lab):
    rows = lab.splits.train
    heavy = replace(lab.task, weights=lambda batch: tf.cast(batch["label"] != 2, tf.float32))
    few = rows.take(np.flatnonzero(rows["label"] != 2))
    fit = {"batch_size": 1000, "optimizer": "sgd", "epochs": 2}
    weighted, history = lab.train(SMALL, fit, task=heavy)
    without, other = lab.train(SMALL, fit, splits=replace(lab.splits, train=few))
    assert losses_apart(history, other) < 1e-6
    for one, two in zip(weighted.get_weights(), without.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_a_fit_that_is_over_leaves_no_graph_of_its_steps_behind(lab):
    import gc

    def graphs():
        gc.collect()
        return sum(isinstance(thing, tf.Graph) for thing in gc.get_objects())

    lab.train(SMALL, {"epochs": 1})
    before = graphs()
    for _ in range(3):
        lab.train(SMALL, {"epochs": 1})
    assert graphs() == before
