"""`train --profile`: a trace of one epoch, and a page that says where its time went."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

TOP = 12
TRANSFERS = ("MemcpyH2D", "MemcpyD2H", "_Send", "_Recv")


class Profile(keras.callbacks.Callback):
    """Traces the second epoch, which compiles nothing (the first, where there is no other).

    The trace opens in TensorBoard's profiler or any viewer of XPlane files; `profile.md` beside it is the page.

    Args:
        folder: where trace and page go.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self._start = 0.0

    @property
    def page(self) -> Path:
        """The page, once the epoch is over."""
        return self.folder / "profile.md"

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Begin to trace."""
        if epoch == min(1, self.params["epochs"] - 1):
            tf.profiler.experimental.start(str(self.folder))
            self._start = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Stop with the epoch's last step, before validation."""
        if self._start and batch + 1 == self.params["steps"]:
            seconds, self._start = time.perf_counter() - self._start, 0.0
            tf.profiler.experimental.stop()
            trace = max(self.folder.rglob("*.xplane.pb"), key=lambda path: path.stat().st_mtime)
            self.page.write_text(page(trace, seconds, self.params))


def page(trace: Path, seconds: float, about: Mapping[str, Any]) -> str:
    """The account of a traced epoch as Markdown.

    Args:
        trace: an XPlane file.
        seconds: of the traced steps, by the clock.
        about: `rows` and `steps` of the epoch.
    """
    spans = list(_spans(trace))
    inside = sum(s for _, name, s in spans if name.startswith("EagerLocalExecute: __inference__steps"))
    waits = sum(s for line, name, s in spans if name == "IteratorGetNextOp::DoCompute")
    transfers = sum(s for _, name, s in spans if name.startswith(TRANSFERS))
    work: dict[str, float] = defaultdict(float)
    for line, name, s in spans:
        if ("tf_Compute" in line or "Stream" in line) and ":" in name and "::" not in name:
            work[name.rsplit(":", 1)[1]] += s
    parts = {
        "compiled steps": inside,
        "of these, waiting for input": waits,
        "of these, moving data between devices": transfers,
        "Python between calls": max(0.0, seconds - inside),
    }
    lines = [f"# One epoch: {about['rows']:,} rows, {about['steps']:,} steps, {seconds:.3f} s", ""]
    lines += ["| part | seconds | share |", "|---|--:|--:|"]
    lines += [f"| {name} | {s:.3f} | {s / seconds:.1%} |" for name, s in parts.items()]
    total = sum(work.values()) or 1.0
    lines += ["", "| operation | seconds of all threads | share |", "|---|--:|--:|"]
    lines += [
        f"| {kind} | {s:.3f} | {s / total:.1%} |" for kind, s in sorted(work.items(), key=lambda item: -item[1])[:TOP]
    ]
    return "\n".join(lines) + "\n"


def _spans(trace: Path) -> Iterator[tuple[str, str, float]]:
    """(line, name, seconds) of every event of a trace."""
    # Where TensorFlow keeps the format of its own traces; no public name leads there.
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    space.ParseFromString(trace.read_bytes())
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                yield line.name, plane.event_metadata[event.metadata_id].name, event.duration_ps / 1e12
