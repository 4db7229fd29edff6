"""Exports: a trained model with its preprocessing inside, as a SavedModel that TensorFlow alone can serve."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from data.errors import BadInput
from data.splits import Rows
from pipelines.engine import predict
from pipelines.runs import write_json
from pipelines.task import Meta, Serving, Task

SCHEMA = 1
PARITY_ROWS = 64
PARITY = 1e-4  # of a probability, or share of a larger value: the served graph may fuse operations in another order


def export(
    model: keras.Model, task: Task, meta: Meta, sample: Rows, folder: Path, name: str, facts: Mapping[str, Any]
) -> Path:
    """Write `folder/NAME/VERSION`, whole or not at all, after the served function was seen to equal the model.

    Args:
        model: the trained model.
        task: gives the served function.
        meta: of the data: classes, units, schema.
        sample: rows on which the SavedModel, loaded anew, must equal the model.
        folder: the exports folder.
        name: the model's name in URLs and in the registry.
        facts: what travels with it: the run, scores, versions.

    Returns:
        The version folder.

    Raises:
        RuntimeError: when the loaded SavedModel does not answer as the model does.
    """
    version = time.strftime("%Y%m%d%H%M%S")
    final, aside = folder / name / version, folder / name / f".{version}.{os.getpid()}"
    serving = task.serving(model, meta, sample)
    try:
        _save(model, serving, aside)
        sample = sample.take(np.arange(min(PARITY_ROWS, sample.size)))
        raw = task.raw(sample)
        answers = _serve(aside, raw)
        difference = _difference(task.answers(answers, sample), task.named(predict(model, sample), meta))
        metadata = {
            "schema": SCHEMA,
            "name": name,
            "version": version,
            "inputs": serving.inputs,
            "outputs": serving.outputs,
            "by_rows": serving.by_rows,
            "signatures": {
                n: {"inputs": s.inputs, "outputs": s.outputs, "by_rows": s.by_rows} for n, s in serving.others.items()
            },
            **{key: meta[key] for key in ("classes", "unit", "licence") if key in meta},
            "example": _example(aside, serving, raw, answers),
            "requirements": [f"tensorflow-cpu=={tf.__version__}", f"numpy=={np.__version__}"],
            "parity": {"rows": sample.size, "largest_difference": difference},
            **facts,
            "files": {str(p.relative_to(aside)): sha256(p) for p in sorted(aside.rglob("*")) if p.is_file()},
        }
        write_json(aside / "metadata.json", metadata)
        os.replace(aside, final)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return final


def copy(export_folder: Path, final: Path) -> Path:
    """Copy a version folder, whole or not at all.

    Raises:
        BadInput: when something is there already, or it cannot be written there.
    """
    if final.exists():
        raise BadInput("there already", wanted="a folder without this version", where=str(final))
    aside = final.with_name(f".{final.name}.{os.getpid()}")
    try:
        shutil.copytree(export_folder, aside)
        os.replace(aside, final)
    except OSError as error:  # copytree gathers what it could not copy and has no strerror then
        reason = error.strerror or str(error)[:200]
        raise BadInput("cannot write", wanted="a folder with space", got=reason, where=str(final)) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return final


def sha256(path: Path) -> str:
    """The file's digest."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _save(model: keras.Model, serving: Serving, folder: Path) -> None:
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, served in {"serving_default": serving, **serving.others}.items():
        archive.add_endpoint(name, served.function, [_spec(n, spec) for n, spec in served.inputs.items()])
    with contextlib.redirect_stdout(io.StringIO()):  # Keras prints a listing of endpoints
        archive.write_out(str(folder), verbose=False)
    model.save(folder / "model.keras")


def _spec(name: str, spec: Mapping[str, Any]) -> tf.TensorSpec:
    return tf.TensorSpec(spec["shape"], spec["dtype"], name=name)


def _serve(folder: Path, raw: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The answers of the export, loaded anew, to raw inputs."""
    served = tf.saved_model.load(str(folder)).signatures["serving_default"]
    return {name: value.numpy() for name, value in served(**{k: tf.constant(v) for k, v in raw.items()}).items()}


def _difference(answers: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> float:
    """The largest difference between the export on raw inputs and the model on the encoded rows.

    Of values above 1 it is the share that they differ by.

    Raises:
        RuntimeError: when it is more than rounding, or the model's outputs are no numbers.
    """
    if not all(np.isfinite(value).all() for value in expected.values()):
        raise RuntimeError("export: the model's outputs are no numbers: the training has diverged; try a lower rate")
    worst = max(
        float((np.abs(answers[name] - value) / np.maximum(np.abs(value), 1)).max()) for name, value in expected.items()
    )
    if not worst <= PARITY:
        raise RuntimeError(f"export: the SavedModel differs from the model by {worst:.2e}, more than {PARITY:.0e}")
    return worst


def _example(
    folder: Path, serving: Serving, raw: Mapping[str, Any], answers: Mapping[str, np.ndarray]
) -> dict[str, dict[str, Any]]:
    """Inputs that the export answers, and its answers, as JSON values."""
    if serving.example is not None:
        return {"inputs": _rows(serving.example), "outputs": _rows(_serve(folder, serving.example))}
    return {"inputs": _rows(raw, slice(1)), "outputs": _rows(answers, slice(1))}


def _rows(columns: Mapping[str, Any], rows: slice = slice(None)) -> dict[str, Any]:
    """Rows of each column, as JSON values."""
    return {n: [_plain(v, n.endswith("_bytes")) for v in values[rows]] for n, values in columns.items()}


def _plain(value: Any, as_base64: bool) -> Any:
    if isinstance(value, bytes) and as_base64:
        return {"b64": base64.b64encode(value).decode()}
    return value.decode() if isinstance(value, bytes) else getattr(value, "tolist", lambda: value)()
