"""Fits in processes of their own that wait at the end of each epoch, so that two of them can be timed in turns."""

from __future__ import annotations

import json
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))


class Peer:
    """One way to fit, as one process or as several that work together.

    Args:
        script: file that runs `waiting_fit` when it is started with `--peer` and a JSON object.
        options: that object.
        environments: settings of each process.
        python: the interpreter, where it is not this one.
    """

    def __init__(
        self,
        script: str,
        options: Mapping[str, Any],
        environments: Sequence[Mapping[str, str]] = ({},),
        python: str = sys.executable,
    ) -> None:
        command = [python, script, "--peer", json.dumps(options)]
        pipe = subprocess.PIPE
        self.processes = [
            subprocess.Popen(command, env={**os.environ, **e}, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)
            for e in environments
        ]

    def epochs(self, count: int) -> dict[str, float]:
        """Seconds of so many epochs: of the processors together, and of the slowest process by the clock."""
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(f"{count}\n")
            process.stdin.flush()
        answers = [self._answer(process) for process in self.processes]
        largest = {name: max(a[name] for a in answers) for name in answers[0]}
        return largest | {name: sum(a[name] for a in answers) for name in ("cpu", "train_cpu") if name in largest}

    def close(self) -> None:
        """End the processes."""
        for process in self.processes:
            process.kill()
            process.wait()

    def _answer(self, process: subprocess.Popen[str]) -> dict[str, float]:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("measured "):
                return json.loads(line.removeprefix("measured "))
        raise RuntimeError(f"a fit has ended with {process.wait()}: {process.args!r}")


def waiting_callback() -> Any:
    """A Keras callback that does as many epochs as it reads from standard input, tells their seconds, and waits."""
    import keras

    class Waiting(keras.callbacks.Callback):
        left = 0

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if not self.left:
                line = sys.stdin.readline()
                if not line:
                    os._exit(0)
                self.left = int(line)
                self.started = _clock()
                self.sums = dict.fromkeys(("train_cpu", "train_wall"), 0.0)
            self.epoch_started = _clock()

        def on_test_begin(self, logs: Any = None) -> None:
            spent = _since(self.epoch_started)
            self.sums = {name: value + spent[name.removeprefix("train_")] for name, value in self.sums.items()}

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.left -= 1
            if not self.left:
                told = {**_since(self.started), **self.sums, "rss": _rss()}
                print("measured " + json.dumps(told), flush=True)

    return Waiting()


def serve(step: Callable[[], Any], facts: Mapping[str, Any]) -> None:
    """Do as many steps as each line of standard input says, and tell their seconds with these facts."""
    for line in sys.stdin:
        started = _clock()
        for _ in range(int(line)):
            step()
        print("measured " + json.dumps({**_since(started), **facts, "rss": _rss()}), flush=True)


def in_turns(one: Peer, other: Peer, pairs: int, epochs: int, warm: int) -> list[tuple[dict, dict]]:
    """Measurements of two peers, one after the other, who begins changing from pair to pair."""
    for peer in (one, other):
        peer.epochs(warm)
    measured = []
    for number in range(pairs):
        first, second = (one, other) if number % 2 == 0 else (other, one)
        results = {first: first.epochs(epochs)}
        results[second] = second.epochs(epochs)
        measured.append((results[one], results[other]))
    return measured


def median_bounds(values: Sequence[float], draws: int = 10_000) -> tuple[float, float, float]:
    """The median and the 95 % interval of its bootstrap."""
    chance = random.Random(0)
    medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(draws))
    return statistics.median(values), medians[int(0.025 * draws)], medians[int(0.975 * draws)]


def ratio_row(name: str, measured: Sequence[tuple[dict, dict]], what: str) -> str:
    """One row of a table: seconds of both, and their ratio, pair by pair."""
    ours, theirs = ([pair[i][what] for pair in measured] for i in (0, 1))
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    median, low, high = median_bounds(ratios)
    quartiles = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else [median] * 3
    return (
        f"| {name} | {what.replace('_', ' ')} | {len(ratios)} | {statistics.median(ours):.3f} "
        f"| {statistics.median(theirs):.3f} | {median:.3f} | {low:.3f} to {high:.3f} "
        f"| {quartiles[0]:.3f} to {quartiles[2]:.3f} |"
    )


def table(first: str, second: str, rows: Sequence[str]) -> str:
    """Rows of `ratio_row` below their head, with the command that made them."""
    head = f"| case | seconds of | n | {first} | {second} | ratio, median | its 95 % bootstrap | quartiles of ratios |"
    return "\n".join([head, "|---" * 8 + "|", *rows, "", f"`python {' '.join(sys.argv)}`"])


def _clock() -> dict[str, float]:
    return {"cpu": time.process_time(), "wall": time.perf_counter()}


def _since(start: Mapping[str, float]) -> dict[str, float]:
    return {name: value - start[name] for name, value in _clock().items()}


def _rss() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
