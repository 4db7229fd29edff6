"""Exporting a model that another backend trained: a process of its own loads its `.keras` file with TensorFlow.

`python -m pipelines.reexport REQUEST` is what that process runs; it prints the version folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from pipelines.run import Run
from pipelines.stored_run import read_run


def through_tensorflow(model: keras.Model, run: Run, folder: Path, name: str, told: Mapping[str, Any]) -> Path:
    """Export a model of any backend to `folder/NAME/VERSION`.

    Args:
        model: the trained model.
        run: whose data gives schema and sample.
        folder: the exports folder.
        name: the model's name.
        told: facts that travel with it.

    Raises:
        RuntimeError: when the other process fails, with what it said.
    """
    with tempfile.TemporaryDirectory() as aside:
        place = Path(aside)
        model.save(place / "model.keras")
        (place / "run.json").write_text(json.dumps(run.as_json()))
        (place / "told.json").write_text(json.dumps({"folder": str(folder), "name": name, "told": told}))
        environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
        command = [sys.executable, "-m", "pipelines.reexport", aside]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"export through TensorFlow failed: {done.stderr.strip()[-2000:]}")
        return Path(done.stdout.strip().splitlines()[-1])


def main(place: Path) -> None:
    """Carry out the request in a folder."""
    from pipelines.quiet import start_tensorflow

    start_tensorflow()
    from pipelines.domain import domain
    from pipelines.export import export
    from pipelines.task import register_layers

    request = json.loads((place / "told.json").read_text())
    owner = domain(json.loads((place / "run.json").read_text())["domain"])
    run = read_run(place / "run.json", owner)
    task = owner.task_for(run)
    register_layers(task, run)
    splits = owner.splits(run)
    model = keras.saving.load_model(place / "model.keras", compile=False)
    folder = Path(request["folder"])
    print(export(model, task, splits.meta, splits.test, folder, request["name"], request["told"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
