"""Every recipe trains a step and exports; what is to learn from data can at least learn some by heart."""

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from arch.account import account
from data.genomics import GenomicsData, load
from pipelines import engine
from pipelines.checkpoint import Checkpoints
from pipelines.domain import domain
from pipelines.export import export
from pipelines.genomics.recipes import RECIPES
from pipelines.run import FineTuning
from pipelines.trained import open_trained

from .conftest import small_run, train_in_process, write_rows

ALONE = [name for name, run in RECIPES.items() if not run.several]


def a_little(recipe, few):
    """The recipe's run for two or three steps."""
    return RECIPES[recipe].with_(
        data=GenomicsData(path=str(few)), fit=dataclasses.replace(RECIPES[recipe].fit, epochs=1, batch_size=64)
    )


@pytest.mark.parametrize("recipe", ALONE)
def test_every_recipe_trains_is_saved_and_exports(recipe, few, tmp_path):
    """What differs between recipes is the network: it is trained, kept and served. Of the rest one run is enough."""
    run, task, states = a_little(recipe, few), domain("genomics").task, Checkpoints(tmp_path / "checkpoints")
    splits = load(run.data, run.seed)
    model = engine.fit(engine.prepare(run, task, splits), run, task, splits, checkpoints=states).model
    folder = export(model, task, splits.meta, splits.test, tmp_path, recipe, {"run": run.as_json()})
    metadata = json.loads((folder / "metadata.json").read_text())
    assert metadata["run"]["model"]["builder"] == RECIPES[recipe].model.builder
    assert metadata["parity"]["rows"] > 0
    assert np.isfinite(engine.evaluate(model, task, splits.test, splits.meta)["nll"])
    assert account(model).parameters == sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    again = engine.restored(run, task, splits, states).model
    np.testing.assert_array_equal(engine.predict(again, splits.test), engine.predict(model, splits.test))


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name not in ALONE])
def test_a_recipe_of_several_runs_trains_them_and_exports_one_model(recipe, few):
    result = train_in_process(a_little(recipe, few), seeds=2, name=f"recipe-{recipe}")
    metadata = json.loads((Path(result["export"]) / "metadata.json").read_text())
    assert metadata["run"]["combine"] == RECIPES[recipe].combine
    assert metadata["parity"]["rows"] > 0
    assert np.isfinite(result["scores"]["test"]["nll"])


class EnoughLearnt(keras.callbacks.Callback):
    """Ends a fit that told 63 of 64 rows right on the way, with dropout and all."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = logs["accuracy"] > 0.98


@pytest.mark.parametrize("recipe", ["wide_deep", "cnn", "lstm", "transformer"])
def test_64_examples_can_be_learnt_by_heart(recipe, splice, tmp_path):
    file = write_rows(tmp_path / "rows.csv", splice[7 : 7 + 40 * 80 : 40][:80])
    fit = FineTuning(epochs=60, batch_size=16, learning_rate=3e-3, warmup=0.1, keep="last", clip_norm=1.0)
    run = RECIPES[recipe].with_(data=GenomicsData(path=str(file)), fit=fit)
    splits = load(run.data, run.seed)
    assert splits.train.size == 64
    task = domain("genomics").task
    fitted = engine.fit(engine.prepare(run, task, splits), run, task, splits, [EnoughLearnt()])
    scores = engine.evaluate(fitted.model, task, splits.train, splits.meta)
    assert scores["accuracy"] >= 0.95


@pytest.mark.parametrize("strands", ["given", "both"])
def test_a_network_of_one_task_starts_from_that_of_another_and_keeps_what_is_frozen(trained, few, strands):
    run = small_run(path=str(few), strands=strands)  # of two strands the network lies inside another one
    run = run.with_(fit=dataclasses.replace(run.fit, start=str(trained.export), frozen=0.5, epochs=1))
    genomics = domain("genomics")
    task, splits = genomics.task_for(run), load(run.data, run.seed)
    theirs = {v.path: np.array(v) for v in open_trained(genomics, str(trained.export)).model.variables}
    prepared = engine.prepare(run, task, splits)
    ours = prepared.model.get_layer("strand_trunk") if strands == "both" else prepared.model

    def moved():
        return {v.path for v in ours.variables if v.path in theirs and np.any(np.array(v) != theirs[v.path])}

    assert not moved()
    engine.fit(prepared, run, task, splits)
    assert "block0_conv1/kernel" not in moved()
    assert {"block0_norm1/gamma", "block0_norm1/beta"} <= moved()
