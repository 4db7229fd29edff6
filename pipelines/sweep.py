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
from subprocess import PIPE
from typing import Any

from data.errors import BadInput
from pipelines.measures import MEASURES


@dataclass(frozen=True)
class SweepFlags:
    """Flags of `sweep`; the command of every trial follows behind `--`, with lists such as `--fit.epochs 10,20`.

    Attributes:
        processes: trials at a time; 0 for one a GPU, or one in all where there is none.
        measure: validation score to rank by.
        json: print one JSON object on stdout, everything else on stderr.
    """

    processes: int = 0
    measure: str = "nll"
    json: bool = False


def sweep(flags: SweepFlags, command: Sequence[str]) -> dict[str, Any]:
    """Run all combinations; returns the trials, best first.

    Args:
        flags: how many at a time, and what decides.
        command: `python -m pipelines.DOMAIN train ...` with at least one list of values.

    Raises:
        BadInput: when there is no list to go through, or nothing is known of the measure.
    """
    trials = combinations(command)
    if len(trials) < 2:
        raise BadInput("sweep: nothing to go through", wanted="a flag with several values: --fit.epochs 10,20")
    if flags.measure not in MEASURES:
        raise BadInput("sweep: unknown measure", wanted=f"one of {', '.join(MEASURES)}", got=flags.measure)
    devices = visible_gpus()
    slots: Queue[str] = Queue()
    for slot in range(flags.processes or max(1, len(devices))):
        slots.put(devices[slot % len(devices)] if devices else "")
    running: set[subprocess.Popen[str]] = set()
    with ThreadPoolExecutor(slots.qsize()) as pool:
        waiting = [pool.submit(_trial, trial, slots, running) for trial in trials]
        try:
            told = [trial.result() for trial in waiting]
        except BaseException:  # a signal: what has not begun does not begin, and what runs saves its state
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                process.terminate()
            raise
    told.sort(key=lambda trial: _rank(trial, flags.measure))
    return {"schema": 1, "measure": flags.measure, "trials": told}


def _rank(trial: Mapping[str, Any], measure: str) -> tuple[int, float]:
    """Best first; behind them trials without this score, as one that has diverged, and last those that failed."""
    if "scores" not in trial:
        return 2, 0.0
    score = trial["scores"]["val"].get(measure)
    return (1, 0.0) if score is None else (0, -score if MEASURES[measure].more_is_better else score)


def combinations(command: Sequence[str]) -> list[tuple[dict[str, str], list[str]]]:
    """Every (values that vary, command) of a command in which some flags have several values, separated by commas."""
    words = [part for word in command for part in _flag_and_value(word)]
    flags = [before for before, _ in itertools.pairwise(["", *words])]
    choices = [
        word.split(",") if flag.startswith("--") and "," in word and not word.startswith("-") else [word]
        for flag, word in zip(flags, words, strict=True)
    ]
    trials = []
    for chosen in itertools.product(*choices):
        varied = {f: w for f, w, c in zip(flags, chosen, choices, strict=True) if len(c) > 1}
        trials.append((varied, list(chosen)))
    return trials


def _flag_and_value(word: str) -> list[str]:
    """`--fit.epochs=10,20` as the two words that it stands for."""
    flag, equals, value = word.partition("=")
    return [flag, value] if word.startswith("--") and equals and "," in value else [word]


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


def _trial(
    trial: tuple[dict[str, str], list[str]], slots: Queue[str], running: set[subprocess.Popen[str]]
) -> dict[str, Any]:
    """Run one trial on the next GPU that is free; it stands among the running ones meanwhile."""
    varied, command = trial
    device = slots.get()
    try:
        environment = {**os.environ, **({"CUDA_VISIBLE_DEVICES": device} if device else {})}
        words = [sys.executable if command[0] in ("python", "python3") else command[0], *command[1:], "--json"]
        # A Ctrl-C at the terminal reaches it through us, once: the second one would interrupt it before it has saved.
        process = subprocess.Popen(words, env=environment, stdout=PIPE, stderr=PIPE, text=True, start_new_session=True)
        running.add(process)
        out, err = process.communicate()
        running.remove(process)
    finally:
        slots.put(device)
    name = " ".join(f"{flag} {value}" for flag, value in varied.items())
    try:
        answer = json.loads(out)
    except ValueError:
        answer = {"error": {"what": (err.strip().splitlines() or ["no output"])[-1]}}
    if "error" in answer:
        print(f"sweep: {name}: {answer['error']['what']}", file=sys.stderr)
        return {"varied": varied, "error": answer["error"]["what"], "exit_code": process.returncode}
    print(f"sweep: {name}: done in {answer['seconds']:.0f} s", file=sys.stderr)
    return {"varied": varied, **{key: answer[key] for key in ("scores", "run_id", "run_dir", "seconds")}}
