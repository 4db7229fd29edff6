"""`python -m pipelines sweep`: every combination of some flags' values, each trial a process with a GPU of its own.

A process a trial gives each its memory back whole and keeps a crash to itself. Nothing of TensorFlow is imported here.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Queue
from typing import Any

from data.errors import BadInput


@dataclass(frozen=True)
class SweepFlags:
    """Flags of `sweep`; the command of every trial follows behind `--`, with lists such as `--fit.epochs 10,20`.

    Attributes:
        processes: trials at a time; 0 for one a GPU, or one in all where there is none.
        measure: validation score to rank by.
        more_is_better: whether more of it is better.
        json: print one JSON object on stdout, everything else on stderr.
    """

    processes: int = 0
    measure: str = "nll"
    more_is_better: bool = False
    json: bool = False


def sweep(flags: SweepFlags, command: Sequence[str]) -> dict[str, Any]:
    """Run all combinations; returns the trials, best first.

    Args:
        flags: how many at a time, and what decides.
        command: `python -m pipelines.DOMAIN train ...` with at least one list of values.

    Raises:
        BadInput: when there is no list to go through.
    """
    trials = combinations(command)
    if len(trials) < 2:
        raise BadInput("sweep: nothing to go through", wanted="a flag with several values: --fit.epochs 10,20")
    devices = visible_gpus()
    slots: Queue[str] = Queue()
    for slot in range(flags.processes or max(1, len(devices))):
        slots.put(devices[slot % len(devices)] if devices else "")
    with ThreadPoolExecutor(slots.qsize()) as pool:
        told = list(pool.map(lambda trial: _trial(trial, slots), trials))
    told.sort(key=lambda trial: _rank(trial, flags))
    return {"schema": 1, "measure": flags.measure, "trials": told}


def _rank(trial: Mapping[str, Any], flags: SweepFlags) -> tuple[int, float]:
    """Best first; behind them trials without this score, as one that has diverged, and last those that failed."""
    if "scores" not in trial:
        return 2, 0.0
    score = trial["scores"]["val"].get(flags.measure)
    return (1, 0.0) if score is None else (0, -score if flags.more_is_better else score)


def combinations(command: Sequence[str]) -> list[tuple[dict[str, str], list[str]]]:
    """Every (values that vary, command) of a command in which some flags have several values, separated by commas."""
    choices = [
        word.split(",") if before.startswith("--") and "," in word and not word.startswith("-") else [word]
        for before, word in itertools.pairwise(["", *command])
    ]
    flags = [before for before, _ in itertools.pairwise(["", *command])]
    trials = []
    for words in itertools.product(*choices):
        varied = {f: w for f, w, c in zip(flags, words, choices, strict=True) if len(c) > 1}
        trials.append((varied, list(words)))
    return trials


def visible_gpus() -> list[str]:
    """Names of the GPUs for `CUDA_VISIBLE_DEVICES`, as the driver's tool lists them; none where it is not there."""
    if (chosen := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [name for name in chosen.split(",") if name and name != "-1"]
    try:
        query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
        listed = subprocess.run(query, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return listed.stdout.split()


def table(result: Mapping[str, Any]) -> str:
    """The trials as lines, best first."""
    lines = []
    for trial in result["trials"]:
        values = " ".join(f"{flag} {value}" for flag, value in trial["varied"].items())
        if "scores" in trial:
            score = trial["scores"]["val"].get(result["measure"])
            lines.append(f"{'-' if score is None else format(score, '.4f'):>10}  {values}  {trial['run_dir']}")
        else:
            lines.append(f"{'failed':>10}  {values}  {trial['error']}")
    return "\n".join([f"{'val ' + result['measure']:>10}", *lines])


def _trial(trial: tuple[dict[str, str], list[str]], slots: Queue[str]) -> dict[str, Any]:
    """Run one trial on the next GPU that is free."""
    varied, command = trial
    device = slots.get()
    try:
        environment = {**os.environ, **({"CUDA_VISIBLE_DEVICES": device} if device else {})}
        words = [sys.executable if command[0] in ("python", "python3") else command[0], *command[1:], "--json"]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    finally:
        slots.put(device)
    name = " ".join(f"{flag} {value}" for flag, value in varied.items())
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = {"error": {"what": (done.stderr.strip().splitlines() or ["no output"])[-1]}}
    if "error" in answer:
        print(f"sweep: {name}: {answer['error']['what']}", file=sys.stderr)
        return {"varied": varied, "error": answer["error"]["what"], "exit_code": done.returncode}
    print(f"sweep: {name}: done in {answer['seconds']:.0f} s", file=sys.stderr)
    return {"varied": varied, **{key: answer[key] for key in ("scores", "run_id", "run_dir", "seconds")}}
