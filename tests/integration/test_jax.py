"""The same Run on JAX: exact over devices, exported through TensorFlow. Skipped where JAX is not installed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("jax", reason="JAX is an extra: pip install -e '.[jax]'")

ROOT = Path(__file__).parents[2]
CODE = """
import dataclasses, json, sys
import numpy as np
from data.folds import subset
from pipelines import engine
from pipelines.genomics import DOMAIN
from pipelines.run import FineTuning, Model, Run

splits = DOMAIN.load(DOMAIN.data(), 0)
splits = dataclasses.replace(splits, train=subset(splits.train, np.arange(193)))

def losses(devices, options, **fit):
    run = Run("genomics", "x", DOMAIN.data(), Model("cnn", {"widths": (8,), **options}),
              FineTuning(epochs=3, batch_size=32, devices=devices, keep="last", **fit), seed=3)
    prepared = engine.prepare(run, DOMAIN.task, splits)
    history = engine.fit(prepared, run, DOMAIN.task, splits).history
    return [h["loss"] for h in history], [np.asarray(w).tolist() for w in prepared.model.get_weights()]

print(json.dumps([losses(d, o, **f) for o, f in
    (({}, {}), ({"dropout": 0.3}, {"clip_norm": 0.1, "accumulate": 3})) for d in (1, 2)]))
"""


def run(*arguments, **environment):
    settings = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=2", **environment}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_two_jax_devices_follow_one():
    plain_one, plain_two, hard_one, hard_two = run("-c", CODE)
    for one, two in ((plain_one, plain_two), (hard_one, hard_two)):
        assert one[0] == pytest.approx(two[0], abs=1e-6)


def test_a_run_on_jax_ends_as_the_same_kind_of_export(tmp_path):
    arguments = ["-m", "pipelines.genomics", "train", "wide_deep", "--fit.epochs", "2", "--json"]
    result = run(*arguments, INDUCTIVE_RUNS=str(tmp_path))
    metadata = json.loads((Path(result["export"]) / "metadata.json").read_text())
    assert metadata["parity"]["largest_difference"] < 1e-4
    assert (Path(result["export"]) / "saved_model.pb").exists()
