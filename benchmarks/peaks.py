"""Peaks of two transcription factors told apart, CTCF against PU.1: accuracy and AUROC on chromosomes 8 and 9.

    python benchmarks/peaks.py [--seeds 3] [--folder PEAKS] [--keep FOLDER]

Settings and the epoch were chosen on chromosome 7 alone. Both strands carry the label, so each network reads both. A
run is three networks from different seeds as one model; the last row is the ensemble of the runs, with a bootstrap
interval over the test rows.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from fits import spoken  # noqa: E402
from gue import interval, over  # noqa: E402

from data.genomics import GenomicsData, load  # noqa: E402
from pipelines.genomics import DOMAIN  # noqa: E402
from pipelines.genomics.baselines import of_classes  # noqa: E402
from pipelines.run import FineTuning, Model, Run  # noqa: E402

FOLDER = ROOT.parent / "shared" / "data" / "genomics" / "ctcf_pu1"
MODEL = Model(
    "regulatory_cnn",
    {"widths": (64, 64), "kernel_size": (15, 7), "pool_size": (4, 4), "dense": (64,), "dropout": 0.4},
)
FIT = FineTuning(epochs=6, batch_size=128, learning_rate=2e-3, weight_decay=0.01)


def run_of(folder: Path) -> Run:
    """The run, whose files are a FASTA for each factor."""
    data = GenomicsData(path=str(folder), strands="both", val_chromosomes=("chr7",), test_chromosomes=("chr8", "chr9"))
    return DOMAIN.recipe("cnn").with_(recipe="motifs", data=data, model=MODEL, fit=FIT, seeds=3, combine="mean")


def accuracy(labels: np.ndarray, chances: np.ndarray) -> float:
    """In percent."""
    return float(100 * np.mean(chances.argmax(1) == labels))


def auroc(labels: np.ndarray, chances: np.ndarray) -> float:
    """Times 100."""
    return float(100 * roc_auc_score(labels, chances[:, 1]))


def line(name: str, seconds: str, cells: list[str]) -> None:
    print("| " + " | ".join([name, *cells, seconds]) + " |", flush=True)


def told(splits: Any, members: list[dict[str, Any]]) -> None:
    labels = splits.test["label"]
    scores = [[score(labels, one["test"]) for one in members] for score in (accuracy, auroc)]
    seconds = [np.mean([one[what] for one in members]) for what in ("seconds", "cpu")]
    line(f"{int(members[0]['parameters']):,} parameters", "{:.0f}, {:.0f}".format(*seconds), list(map(spoken, scores)))
    mean = np.mean([one["test"] for one in members], axis=0)
    whole = [f"{score(labels, mean):.2f} ({interval(score, labels, mean)})" for score in (accuracy, auroc)]
    line(f"ensemble of {len(members)} runs", "", whole)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--keep", default="")
    flags = parser.parse_args()
    run = run_of(flags.folder)
    splits = load(run.data, run.seed)
    print(
        f"{splits.train.size:,} rows to learn from, {splits.val.size:,} to choose by, {splits.test.size:,} to judge on"
    )
    line("model", "seconds, CPU seconds a run", ["accuracy", "AUROC"])
    line("---", "--:", ["--:", "--:"])
    for name, parts in of_classes(splits, 0).items():
        line(name, "", [f"{100 * parts['test'][measure]:.2f}" for measure in ("accuracy", "auroc")])
    told(splits, over(run, splits, flags.seeds, flags.keep))


if __name__ == "__main__":
    main()
