"""Promoters, transcription factors and chromatin of the GUE benchmark: Matthews correlation on test over seeds.

    python benchmarks/gue.py [--tasks prom_core_tata tf_0] [--seeds 5] [--folder GUE] [--keep FOLDER]

Settings were chosen on dev alone. Rows of train that stand in dev or test are removed, as always; test is as it is. The
second score counts the test rows alone that share no 30-mer with training on either strand. The interval is of a
bootstrap over the test rows of the ensemble, which averages the probabilities of the seeds' networks.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn.metrics import matthews_corrcoef

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from fits import kept, spoken  # noqa: E402

from data.genomics import load  # noqa: E402
from data.kmers import shares_kmer  # noqa: E402
from pipelines import engine  # noqa: E402
from pipelines.genomics import DOMAIN  # noqa: E402
from pipelines.run import Other, Run  # noqa: E402

FOLDER = ROOT.parent / "shared" / "data" / "genomics" / "gue"
RESAMPLES = 2_000


@dataclass(frozen=True)
class Setting:
    """What a task changes of a recipe, and what it has to reach."""

    recipe: str
    goal: float
    published: str
    model: dict[str, Any] = field(default_factory=dict)
    fit: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)


PLACED: dict[str, Any] = {"dropout": 0.3}
SMALL: dict[str, Any] = {"widths": (24,), "units": 48, "dropout": 0.5, "kernel_size": 11}
MIXED = {"others": (Other("positional_cnn", PLACED),), "seeds": 2, "combine": "mean"}  # two of each architecture
FEW: dict[str, Any] = {"epochs": 20, "batch_size": 128}  # thousands of rows
MANY: dict[str, Any] = {"epochs": 10}  # tens of thousands
MADE = {"negatives": "0"}  # they are promoters with random pieces
OPEN = {"strands": "both"}
HALF: dict[str, Any] = {"epochs": 12, "weight_decay": 0.1}
GAPPED = Other("spectrum", {"span": 8}, "gapped_spectrum")
WORDS = {"others": (GAPPED, Other("kmer_deep")), "combine": "mean"}
SETTINGS = {
    "prom_core_tata": Setting("wide_deep", 82.4, "74.2, 78.5", SMALL, FEW, run=MIXED),
    "prom_300_tata": Setting("positional_cnn", 80.6, "71.6", PLACED, FEW),
    "prom_core_notata": Setting("positional_cnn", 72.5, "68.0, 70.6", {}, MANY, MADE),
    "prom_core_all": Setting("positional_cnn", 71.5, "69.4, 71.0", {}, MANY, MADE),
    "tf_0": Setting("spectrum", 72.0, "72.0", {"letters": 5, "span": 5, "units": 128}, HALF, OPEN, WORDS),
    "mouse_0": Setting("spectrum", 56.8, "56.8", {}, {}, OPEN, WORDS),
}


def run_of(task: str, folder: Path) -> Run:
    """The run of a task, with its settings."""
    chosen = SETTINGS[task]
    own = DOMAIN.recipe(chosen.recipe)
    files = {part: str(folder / task / f"{name}.csv.gz") for part, name in
             (("train", "train"), ("val", "dev"), ("test", "test"))}  # fmt: skip
    model = replace(own.model, options={**own.model.options, **chosen.model})
    data, fit = replace(own.data, **files, **chosen.data), replace(own.fit, **chosen.fit)
    return own.with_(data=data, model=model, fit=fit, **chosen.run)


def fitted(run: Run, splits: Any) -> dict[str, Any]:
    """Probabilities on dev and test of one run: the mean of its members, all their weights, seconds of all."""
    told = [_fitted(member, splits) for member in run.members()]
    means = {part: np.mean([one[part] for one in told], axis=0) for part in ("val", "test")}
    return means | {name: sum(one[name] for one in told) for name in ("parameters", "seconds", "cpu")}


def _fitted(run: Run, splits: Any) -> dict[str, Any]:
    keras.backend.clear_session()
    task, start, cpu = DOMAIN.task_for(run), time.perf_counter(), time.process_time()
    model = engine.fit(engine.prepare(run, task, splits), run, task, splits).model
    told = {part: task.named(engine.predict(model, rows), splits.meta)["probabilities"]
            for part, rows in splits.items() if part != "train"}  # fmt: skip
    told |= {"parameters": model.count_params(), "seconds": time.perf_counter() - start}
    return {**told, "cpu": time.process_time() - cpu}


def over(run: Run, splits: Any, seeds: int, keep: str) -> list[dict[str, Any]]:
    """Runs on one split, none of whose members share a seed."""
    runs = [run.with_(seed=seed * run.seeds) for seed in range(seeds)]
    return [kept(keep, one, partial(fitted, one, splits)) for one in runs]


def mcc(labels: np.ndarray, probabilities: np.ndarray, rows: Any = slice(None)) -> float:
    """Times 100."""
    return 100 * matthews_corrcoef(labels[rows], probabilities.argmax(1)[rows])


def interval(score: Callable[[np.ndarray, np.ndarray], float], labels: np.ndarray, probabilities: np.ndarray) -> str:
    """Of 95 %, by a bootstrap over the rows."""
    rng = np.random.default_rng(0)
    drawn = [rng.integers(len(labels), size=len(labels)) for _ in range(RESAMPLES)]
    low, high = np.percentile([score(labels[rows], probabilities[rows]) for rows in drawn], [2.5, 97.5])
    return f"{low:.1f} to {high:.1f}"


def row(task: str, run: Run, seeds: int, keep: str) -> str:
    splits = load(run.data, run.seed)
    dev, test = splits.val["label"], splits.test["label"]
    told = over(run, splits, seeds, keep)
    mean = np.mean([one["test"] for one in told], axis=0)
    new = np.flatnonzero(~shares_kmer(splits.test["sequence"], splits.train["sequence"], 30))
    chosen = SETTINGS[task]
    cells = [
        *(task, run.recipe, f"{int(told[0]['parameters']):,}", spoken([mcc(dev, one["val"]) for one in told])),
        spoken([mcc(test, one["test"]) for one in told]),
        *(f"{mcc(test, mean):.1f}", interval(mcc, test, mean), f"{mcc(test, mean, new):.1f} ({len(new):,})"),
        *(f"{chosen.goal}", chosen.published),
        f"{np.mean([one['seconds'] for one in told]):.0f}, {np.mean([one['cpu'] for one in told]):.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--keep", default="")
    flags = parser.parse_args()
    print(f"| task | recipe | parameters | dev | test, {flags.seeds} seeds | ensemble | 95 % | no shared 30-mer (rows) "
          "| goal | published | seconds, CPU seconds a seed |")  # fmt: skip
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|", flush=True)
    for task in flags.tasks:
        print(row(task, run_of(task, flags.folder), flags.seeds, flags.keep), flush=True)


if __name__ == "__main__":
    main()
