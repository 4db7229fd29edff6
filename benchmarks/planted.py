"""Variants that break a planted motif against those beside it: `python benchmarks/planted.py [--seeds 3]`.

A convnet learns which intervals of a made-up genome hold a motif. Told is the share of the changes that break one whose
effect exceeds 99 % of the effects of changes elsewhere in bound intervals, and the mean rank (AUROC) of the former.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).parent.parent))

from data.genomics import GenomicsData
from data.planted import Planted, plant
from pipelines.genomics import DOMAIN, variants
from pipelines.outcome import Session
from pipelines.report import Report
from pipelines.run import FineTuning, Model, Run
from pipelines.train import train

MODEL = Model("cnn", {"widths": (32,), "kernel_size": (15,), "pool": "max", "pool_size": 1})
FIT = FineTuning(epochs=20, batch_size=64, learning_rate=5e-3, weight_decay=1e-2)


def trained(made: Planted, seed: int) -> dict[str, Any]:
    data = GenomicsData(path=str(made.intervals), genome=str(made.genome), strands="both")
    run = Run("genomics", "planted", data, MODEL, FIT, seed=seed)
    return train(Session(DOMAIN, Report(json=True), "planted"), run)


def effects(run: str, made: Planted, out: Path) -> tuple[np.ndarray, np.ndarray]:
    """Of the changes that break a motif, and of the others."""
    variants.main(DOMAIN, [run, str(made.changes), "--genome", str(made.genome), "--out", str(out)], "variants")
    with out.open() as file:
        rows = list(csv.DictReader(file))
    strongest = np.array([float(row["strongest"]) for row in rows])
    breaks = np.array([row["id"].startswith("breaks") for row in rows])
    return strongest[breaks], strongest[~breaks]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.environ["INDUCTIVE_RUNS"] = f"{name}/runs"
        made = plant(Path(name))
        for seed in range(flags.seeds):
            told = trained(made, seed)
            broken, others = effects(told["run_dir"], made, Path(name) / "effects.csv")
            share = np.mean(broken > np.quantile(others, 0.99))
            rank = roc_auc_score(np.repeat([1, 0], [len(broken), len(others)]), np.concatenate([broken, others]))
            accuracy = told["scores"]["test"]["accuracy"]
            print(f"seed {seed}: {100 * share:.2f} % of {len(broken):,} rank above 99 % of {len(others):,} elsewhere; "
                  f"AUROC {rank:.4f}; test accuracy {100 * accuracy:.1f} %", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
