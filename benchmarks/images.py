"""Test accuracy of the image recipes over seeds, within their budgets of parameters and CPU-minutes.

    python benchmarks/images.py digits [--seeds 5]
    python benchmarks/images.py mnist fashion cifar [--seeds 3] [--epochs N] [--shared FOLDER] [--fashion FOLDER]
    python benchmarks/images.py pairs [--minutes 5]      # at equal minutes on the lossy CIFAR-10, with intervals
    python benchmarks/images.py pipeline                 # pictures a second of the input alone, and of training

Every choice was made on validation pictures carved out of training; test is judged once a seed, with all views.
Seconds are CPU seconds of the fit over all cores, or seconds of the whole process where that is said.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from fits import kept, spoken
from scipy import stats

from data.images import DEBIAN, ImagesData, load
from data.splits import Splits
from pipelines import engine
from pipelines.batches import training_batches
from pipelines.images import DOMAIN
from pipelines.images.recipes import RECIPES
from pipelines.run import Run

SHARED = Path(__file__).parents[2] / "shared" / "data" / "images"
LOSSY = "CIFAR-10, lossy (JPEG of quality 75)"

# Set -> title, recipe, what differs from it in the fit.
SETS: dict[str, tuple[str, str, dict]] = {
    "mnist": ("MNIST", "fast_grey", {"epochs": 30, "turn": 10.0, "zoom": 0.1, "hole": 0.0}),
    "fashion": ("Fashion-MNIST", "fast_grey", {}),
    "cifar": (LOSSY, "fast_colour", {}),
}
PAIRS = (("resnet18", "plain18"), ("se_resnet18", "resnet18"), ("fast_colour", "resnet20"))
NARROW = 16  # filters of ResNet-18's first stage, for 64: a core would take an hour for one epoch of the whole network


def run_of(name: str, flags: argparse.Namespace) -> Run:
    """The run of a set."""
    _, recipe, changes = SETS[name]
    places = {"mnist": f"{flags.shared}/mnist.npz", "cifar": f"{flags.shared}/cifar10_q75_jpeg.npz"}
    data = ImagesData(path=places.get(name, flags.fashion))
    own = RECIPES[recipe]
    changes = changes | ({"epochs": flags.epochs} if flags.epochs else {})
    return own.with_(data=data, fit=replace(own.fit, **changes))


def over(run: Run, flags: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Fits from seeds 0, 1, ..., whose splits into train and validation differ too."""
    for seed in range(flags.seeds):
        one = run.with_(seed=seed)
        found = kept(flags.keep, one, lambda one=one: fitted(one, load(one.data, one.seed)))
        told = {name: round(float(value), 2) for name, value in found.items()}
        print(f"  {run.recipe}, seed {seed}, {run.fit.epochs} epochs: {json.dumps(told)}", file=sys.stderr, flush=True)
        yield found


def fitted(run: Run, splits: Splits) -> dict[str, float]:
    """One fit: accuracies in percent, parameters, and seconds of CPU and of the clock."""
    keras.backend.clear_session()
    cpu, clock = time.process_time(), time.perf_counter()
    prepared = engine.prepare(run, DOMAIN.task, splits)
    model = engine.fit(prepared, run, DOMAIN.task, splits).model
    seconds = {"cpu": time.process_time() - cpu, "clock": time.perf_counter() - clock}
    scores = {part: 100 * _accuracy(model, rows) for part, rows in splits.items() if part != "train"}
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    return {**scores, **seconds, "parameters": trainable}


def _accuracy(model: keras.Model, rows) -> float:
    return float(np.mean(engine.predict(model, rows).argmax(1) == rows["label"]))


def seeds_of(name: str, flags: argparse.Namespace) -> None:
    """A row of a set."""
    run = run_of(name, flags)
    found = list(over(run, flags))
    cells = [SETS[name][0], run.recipe, f"{int(found[0]['parameters']):,}", str(run.fit.epochs), str(len(found))]
    cells += [spoken([one[key] for one in found], 2) for key in ("val", "test")]
    cells += [f"{np.mean([one[key] for one in found]):.0f}" for key in ("cpu", "clock")]
    print("| " + " | ".join(cells) + " |", flush=True)


def digits(flags: argparse.Namespace) -> None:
    """The default command as a newcomer types it: whole processes."""
    found = []
    for seed in range(flags.seeds):
        command = [sys.executable, "-m", "pipelines.images", "train", "--seed", str(seed), "--json"]
        start = time.perf_counter()
        told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        machine = told["baselines"]["pixel_svm"]["test"]["accuracy"]
        scores = {part: 100 * told["scores"][part]["accuracy"] for part in ("val", "test")}
        found.append({**scores, "svm": 100 * machine, "clock": time.perf_counter() - start})
        print(f"  seed {seed}: {json.dumps(found[-1])}", file=sys.stderr, flush=True)
    cells = [f"digits | fast | {told['parameters']:,} | {told['epochs']} | {len(found)}"]
    cells += [spoken([one[key] for one in found], 2) for key in ("val", "test", "svm", "clock")]
    print("| set | recipe | parameters | epochs | seeds | val, % | test, % | SVM, % | whole process, s |")
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|")
    print("| " + " | ".join(cells) + " |", flush=True)


def epochs_within(run: Run, splits: Splits, minutes: float) -> int:
    """As many as the CPU takes so many minutes for, by what steps take."""
    return max(1, round(60 * minutes * rate(run, splits) / splits.train.size))


def rate(run: Run, splits: Splits, steps: int = 40, clock: str = "cpu") -> float:
    """Pictures a second that training takes: of two more epochs over a few, so that compiling is not counted."""
    rows = steps * run.fit.batch_size
    few = replace(splits, train=splits.train.take(np.arange(rows)), val=splits.val.take(np.arange(10)))
    one, three = (fitted(run.with_(fit=replace(run.fit, epochs=epochs)), few)[clock] for epochs in (1, 3))
    return 2 * rows / (three - one)


def pairs(flags: argparse.Namespace) -> None:
    """Two networks on the same rows for the same CPU-minutes; the difference with an interval over seeds."""
    data = ImagesData(path=f"{flags.shared}/cifar10_q75_jpeg.npz")
    print(f"{LOSSY}; {flags.minutes:g} CPU-minutes a fit; ResNet-18 with {NARROW} filters at first in place of 64")
    print("| network | against | seeds | test, % | test, % | difference, 95 % |\n|---|---|--:|--:|--:|--:|", flush=True)
    found: dict[str, list[float]] = {}
    for pair in PAIRS:
        for name in pair:
            if name not in found:
                found[name] = _in_minutes(name, data, flags)
        gaps = np.subtract(*(found[name] for name in pair))
        half = stats.t.ppf(0.975, len(gaps) - 1) * stats.sem(gaps) if len(gaps) > 1 else float("nan")
        told = f"{gaps.mean():+.2f} ({gaps.mean() - half:+.2f} to {gaps.mean() + half:+.2f})"
        cells = [*pair, str(len(gaps)), *(spoken(found[name], 2) for name in pair), told]
        print("| " + " | ".join(cells) + " |", flush=True)


def _in_minutes(name: str, data: ImagesData, flags: argparse.Namespace) -> list[float]:
    own = RECIPES[name]
    model = replace(own.model, options={**own.model.options, "width": NARROW}) if "18" in name else own.model
    run = own.with_(data=data, model=model, fit=replace(own.fit, batch_size=128))
    budget = run.with_(recipe=f"{name}-{flags.minutes:g}-minutes")
    known = kept(flags.keep, budget, lambda: {"epochs": epochs_within(run, load(data, 0), flags.minutes)})
    run = run.with_(fit=replace(run.fit, epochs=int(known["epochs"])))
    return [one["test"] for one in over(run, flags)]


def pipeline(flags: argparse.Namespace) -> None:
    """Pictures a second of CPU that the input gives alone, and that training takes."""
    print("| set | input alone, pictures/CPU s | training, pictures/CPU s | ratio |\n|---|--:|--:|--:|")
    for name, (title, _, _) in SETS.items():
        run = run_of(name, flags)
        splits = load(run.data, 0)
        batches = iter(training_batches(splits.train, run.fit.batch_size, 0))
        next(batches)
        start = time.process_time()
        for _ in range(200):
            next(batches)
        alone = 200 * run.fit.batch_size / (time.process_time() - start)
        trained = rate(run, splits)
        print(f"| {title} | {alone:,.0f} | {trained:,.0f} | {alone / trained:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="+", choices=["digits", *SETS, "pairs", "pipeline"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=0, help="instead of the recipe's")
    parser.add_argument("--minutes", type=float, default=5.0, help="of CPU time for each fit of a pair")
    parser.add_argument("--shared", default=str(SHARED))
    parser.add_argument("--fashion", default=DEBIAN)
    parser.add_argument("--keep", default="", help="folder for the fits, so that what was cut short goes on")
    flags = parser.parse_args()
    for what in flags.what:
        if what in SETS:
            print("| set | recipe | parameters | epochs | seeds | val, % | test, % | CPU s a fit | s a fit |")
            print("|---|---|--:|--:|--:|--:|--:|--:|--:|", flush=True)
            seeds_of(what, flags)
        else:
            {"digits": digits, "pairs": pairs, "pipeline": pipeline}[what](flags)


if __name__ == "__main__":
    main()
