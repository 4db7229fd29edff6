"""Checkpoints: the whole state of a fit, written aside, checksummed and renamed, so that what is there is whole.

Keras' `BackupAndRestore` is not used: it loses the random states, the data's position and the callbacks' state, and a
kill while it writes can make its file unreadable.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import keras
import numpy as np

from data.errors import BadInput

SCHEMA = 1
KEPT = 2  # the newest two, so that a torn one costs little
DERIVED = ("min_delta",)  # Keras' monitoring callbacks turn its sign when they are first asked, in each process anew


@dataclass
class Position:
    """Where a fit stands.

    Attributes:
        epoch: the one under way, counted from 0.
        step: steps done in it.
        seconds: spent in it so far.
        totals: sums of its weight, loss and measures so far.
        done: whether the fit has ended and its kept weights are in the model.
        history: values of the epochs done.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    totals: dict[str, float] = field(default_factory=dict)
    done: bool = False
    history: list[dict[str, float]] = field(default_factory=list)


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: `checkpoints/` of the run; None keeps no state.
        minutes: time between two states within an epoch; each epoch's end has one in any case.
        writes: whether this process is the one that writes.
    """

    def __init__(self, folder: Path | None, minutes: float = 5.0, writes: bool = True) -> None:
        self.folder, self.seconds, self.writes = folder, 60 * minutes, writes
        self._last = time.monotonic()

    def age(self) -> float:
        """Seconds since the last state was written, or since the start."""
        return time.monotonic() - self._last

    def due(self) -> bool:
        """Whether it is time for a state within the epoch."""
        return self.folder is not None and self.writes and self.age() >= self.seconds

    def save(self, model: keras.Model, callbacks: Sequence[Any], at: Position) -> None:
        """Write the state whole or not at all, and forget all but the newest few."""
        if self.folder is None or not self.writes:
            return
        self._last = time.monotonic()
        arrays = {f"variable{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(_variables(model))}
        states, extra = _callback_states(callbacks)
        told = {
            "schema": SCHEMA,
            "backend": keras.backend.backend(),
            "position": asdict(at),
            "stop": model.stop_training,
            "callbacks": states,
        }
        step = int(keras.ops.convert_to_numpy(model.optimizer.iterations))
        name = f"{step:09d}{'-done' if at.done else ''}"
        _write(self.folder / name, told, arrays | extra)
        for old in (*_newest_first(self.folder)[KEPT:], *self.folder.glob(".*")):  # of a writer that was killed
            shutil.rmtree(old, ignore_errors=True)

    def restore(self, model: keras.Model, callbacks: Sequence[Any]) -> Position | None:
        """Put the newest whole state back; None where there is none.

        Raises:
            BadInput: when the newest state does not fit the model.
        """
        for folder in _newest_first(self.folder) if self.folder else ():
            if (found := _read(folder)) is None:
                continue  # torn: the one before it is whole
            told, arrays = found
            variables = _variables(model)
            _check_fit(folder, variables, told, arrays)
            for i, variable in enumerate(variables):
                variable.assign(arrays[f"variable{i}"])
            _restore_callbacks(callbacks, told["callbacks"], arrays)
            model.stop_training = told["stop"]
            return Position(**told["position"])
        return None


def _variables(model: keras.Model) -> list[Any]:
    """Every variable that training changes: weights, statistics, random states, the optimizer's."""
    return [*model.variables, *model.optimizer.variables]


def _named(callbacks: Sequence[Any]) -> dict[str, Any]:
    """Callbacks by their class and how many of it came before: `EarlyStopping0`."""
    seen: Counter[str] = Counter()
    named = {}
    for callback in callbacks:
        kind = type(callback).__name__
        named[f"{kind}{seen[kind]}"] = callback
        seen[kind] += 1
    return named


def _callback_states(callbacks: Sequence[Any]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What callbacks remember: plain values as JSON, arrays and lists of arrays under keys of their own."""
    states: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    for name, callback in _named(callbacks).items():
        remembered = vars(callback)
        states[name] = {k: value for k, value in remembered.items() if _is_plain(value) and k not in DERIVED}
        for key in (k for k, value in remembered.items() if _is_arrays(value)):
            states[name][key] = {"arrays": len(remembered[key])}
            arrays |= {f"{name}.{key}.{i}": array for i, array in enumerate(remembered[key])}
    return states, arrays


def _restore_callbacks(
    callbacks: Sequence[Any], states: Mapping[str, Mapping[str, Any]], arrays: Mapping[str, np.ndarray]
) -> None:
    for name, callback in _named(callbacks).items():
        for key, value in states.get(name, {}).items():
            if isinstance(value, dict):
                value = [arrays[f"{name}.{key}.{i}"] for i in range(value["arrays"])]
            setattr(callback, key, value)


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(v, str | int | float | bool | None) for v in value)
    return isinstance(value, str | int | float | bool | None) and not isinstance(value, os.PathLike)


def _is_arrays(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, np.ndarray) for v in value)


def _write(folder: Path, told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write `state.npz` and `state.json` with its digest to a folder that appears whole."""
    packed = io.BytesIO()
    np.savez(packed, **arrays)  # type: ignore[arg-type]
    data = packed.getvalue()
    aside = folder.with_name(f".{folder.name}.{os.getpid()}")
    aside.mkdir(parents=True, exist_ok=True)
    try:
        _write_file(aside / "state.npz", data)
        _write_file(aside / "state.json", json.dumps({**told, "sha256": sha256(data).hexdigest()}).encode())
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write_file(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _newest_first(folder: Path) -> list[Path]:
    """Whole checkpoint folders; a name that starts with a dot was cut short."""
    return sorted((p for p in folder.glob("[0-9]*") if p.is_dir()), key=lambda p: p.name, reverse=True)


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """The state in a folder, or None where its files are not the ones that were written."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        told = json.loads((folder / "state.json").read_text())
        data = (folder / "state.npz").read_bytes()
        if told["schema"] == SCHEMA and sha256(data).hexdigest() == told["sha256"]:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                return told, dict(arrays)
    return None


def _check_fit(
    folder: Path, variables: Sequence[Any], told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> None:
    if told.get("backend") != keras.backend.backend():
        raise BadInput(
            "the checkpoint was written on another Keras backend",
            wanted=f"KERAS_BACKEND={told.get('backend')}",
            got=keras.backend.backend(),
            where=str(folder),
        )
    shapes = [tuple(v.shape) for v in variables]
    stored = [arrays[f"variable{i}"].shape for i in range(sum(k.startswith("variable") for k in arrays))]
    if shapes != stored:
        wrong = next((i for i, (a, b) in enumerate(zip(shapes, stored, strict=False)) if a != b), "number of variables")
        got = f"{len(stored)}, first difference: {wrong}"
        wanted = f"{len(shapes)} variables of the model's shapes"
        raise BadInput("the checkpoint is of another model", wanted=wanted, got=got, where=str(folder))
