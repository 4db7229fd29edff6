"""Every recipe trains a step and exports; what is to learn from data can at least learn some by heart."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from data.genomics import GenomicsData, load
from pipelines import engine
from pipelines.domain import domain
from pipelines.genomics.recipes import RECIPES
from pipelines.run import Fit

from .conftest import train_in_process, write_rows


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_trains_and_exports(recipe, few):
    run = RECIPES[recipe].with_(
        data=GenomicsData(path=str(few)), fit=dataclasses.replace(RECIPES[recipe].fit, epochs=1, batch_size=64)
    )
    result = train_in_process(run, seeds=1 if run.combine == "best" else 2, name=f"recipe-{recipe}")
    metadata = json.loads((Path(result["export"]) / "metadata.json").read_text())
    assert metadata["run"]["model"]["builder"] == RECIPES[recipe].model.builder
    assert metadata["parity"]["rows"] > 0
    assert np.isfinite(result["scores"]["test"]["nll"])


@pytest.mark.parametrize("recipe", ["wide_deep", "cnn", "lstm", "transformer"])
def test_64_examples_can_be_learnt_by_heart(recipe, splice, tmp_path):
    file = write_rows(tmp_path / "rows.csv", splice[7 : 7 + 40 * 80 : 40][:80])
    fit = Fit(epochs=60, batch_size=16, learning_rate=3e-3, warmup=0.1, keep="last", clip_norm=1.0)
    run = RECIPES[recipe].with_(data=GenomicsData(path=str(file)), fit=fit)
    splits = load(run.data, run.seed)
    assert splits.train.size == 64
    task = domain("genomics").task
    fitted = engine.fit(engine.prepare(run, task, splits), run, task, splits)
    scores = engine.evaluate(fitted.model, task, splits.train, splits.meta)
    assert scores["accuracy"] >= 0.95
