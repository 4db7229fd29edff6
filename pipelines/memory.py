"""Whether a training step fits into the device's memory, told before the first step is taken."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import keras
import psutil

from arch.memory import Step, training_step
from arch.uses import uses
from data.errors import BadInput
from pipelines.run import Fit

_GROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class Room(NamedTuple):
    """Where the replicas of a model lie.

    Attributes:
        replicas: of the model, over all processes.
        here: of these, in this process.
        device_bytes: memory of each one's device; None where all share the machine's, as on CPUs.
    """

    replicas: int = 1
    here: int = 1
    device_bytes: int | None = None


def check_memory(model: keras.Model, fit: Fit, room: Room) -> None:
    """Refuse a batch that cannot fit.

    Args:
        model: built, with its optimizer, on its devices.
        fit: batch, precision, optimizer.
        room: where it lies.

    Raises:
        BadInput: naming the largest batch that fits, and parts into which this one would have to be cut.
    """
    step = training_step(
        uses(model),
        half=fit.precision != "float32",
        optimizer=fit.optimizer,
        ema=fit.ema > 0,
        accumulate=fit.accumulate,
    )
    shares = fit.accumulate * room.replicas
    needed, free = step.memory(-(-fit.batch_size // shares)).peak, _free(step, room)
    if needed <= free:
        return
    largest = step.largest_batch(free)
    what = f"fit.batch_size: a step needs {spoken(needed)} of memory, and {spoken(free)} are there for it"
    wanted = "a smaller model, since not one row fits"
    if largest:
        parts = -(-fit.batch_size // (largest * room.replicas))
        wanted = f"at most {largest * shares:,}, or --fit.accumulate {parts}"
    raise BadInput(what, wanted=wanted, got=f"{fit.batch_size:,}")


def _free(step: Step, room: Room) -> int:
    """Bytes that the step of one replica may take, its weights and its optimizer's state included."""
    if room.device_bytes is not None:
        return room.device_bytes
    held = int(psutil.Process().memory_info().rss)  # weights and optimizer's state of all replicas among it
    return (machine_bytes() - held) // room.here + step.weights + step.optimizer


def machine_bytes() -> int:
    """Memory that this process may use: the machine's, or its control group's where that is less."""
    limits = [psutil.virtual_memory().total]
    for path in map(Path, _GROUP_LIMITS):
        text = path.read_text().strip() if path.is_file() else ""
        limits += [int(text)] if text.isdecimal() else []
    return min(limits)


def spoken(size: float) -> str:
    """Bytes as people write them: `3.2 GiB`."""
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"
