"""Test accuracy on Cora, Citeseer and PubMed: the public split over seeds, random splits apart, and an ensemble.

    python benchmarks/citations.py [--recipes gcn gat grand] [--graphs cora citeseer] [--seeds 10] [--splits 10]
                                   [--planetoid FOLDER] [--keep FOLDER]

Hyper-parameters are those of the recipes and of SETTINGS, chosen on validation papers of the public split alone; each
fit stops on them too. The ensemble averages the probabilities of the seeds' models, and so is one number. With `--keep`
each fit is kept as it ends, and a benchmark that was cut short goes on behind the last one.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from data.citations import load
from pipelines import engine
from pipelines.citations import DOMAIN
from pipelines.citations.recipes import RECIPES
from pipelines.run import Run

PLANETOID = Path(__file__).parents[2] / "shared" / "data" / "citations" / "planetoid"

# What differs from the recipe, which is Cora's: (options of the model, of the fit).
SETTINGS: dict[tuple[str, str], tuple[dict, dict]] = {
    ("gat", "citeseer"): ({}, {"l2": 2e-3}),
    ("gat", "pubmed"): ({"output_heads": 8}, {"learning_rate": 0.01, "l2": 1e-3}),
    ("grand", "citeseer"): (
        {"order": 2, "input_dropout": 0.0, "dropout": 0.2},
        {"passes": 2, "consistency": 0.7, "temperature": 0.3},
    ),
    ("grand", "pubmed"): (
        {"order": 5, "input_dropout": 0.6, "dropout": 0.8, "batch_norm": True},
        # Sharpened so much, answers are ever surer and the likelihood is best long before the accuracy is.
        {"temperature": 0.2, "learning_rate": 0.2, "schedule": "cosine", "epochs": 150, "patience": 0, "keep": "last"},
    ),
}


class Fitted(NamedTuple):
    """What is kept of a fit: accuracies, seconds of CPU time, and probabilities and labels of the test papers."""

    val: float
    test: float
    seconds: float
    probabilities: np.ndarray
    labels: np.ndarray


def run_of(recipe: str, graph: str, folder: str) -> Run:
    """The run of a recipe on a graph, with that graph's settings."""
    own = RECIPES[recipe]
    options, fit = SETTINGS.get((recipe, graph), ({}, {}))
    model = replace(own.model, options={**own.model.options, **options})
    data = replace(own.data, path=folder, name=graph) if graph != "cora" else own.data
    return own.with_(data=data, model=model, fit=replace(own.fit, **fit), seeds=1, combine="best")


def fitted(run: Run, keep: str) -> Fitted:
    """One fit, or what was kept of it."""
    decides = json.dumps(run.with_(source="", result="").as_json(), sort_keys=True)
    name = sha256(decides.encode()).hexdigest()[:20]
    file = Path(keep) / f"{run.recipe}-{name}.npz" if keep else None
    if file is not None and file.exists():
        with np.load(file) as kept:
            return Fitted(**{key: kept[key] if kept[key].ndim else float(kept[key]) for key in Fitted._fields})
    found = _fit(run)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **found._asdict())
    return found


def _fit(run: Run) -> Fitted:
    keras.backend.clear_session()
    task, splits, start = DOMAIN.task, load(run.data, run.seed), time.process_time()
    model = engine.fit(engine.prepare(run, task, splits), run, task, splits).model
    seconds = time.process_time() - start
    outputs = {part: task.named(engine.predict(model, rows), splits.meta) for part, rows in splits.items()}
    accuracy = {p: 100 * task.validate(outputs[p], rows, splits.meta)["accuracy"] for p, rows in splits.items()}
    return Fitted(accuracy["val"], accuracy["test"], seconds, outputs["test"]["probabilities"], splits.test["label"])


def over(run: Run, seeds: int, split: str, keep: str) -> list[Fitted]:
    """Fits from seeds 0, 1, ..., on the public split or each on a random one of its own."""
    return [fitted(run.with_(data=replace(run.data, split=split), seed=seed), keep) for seed in range(seeds)]


def spoken(values: list[float]) -> str:
    spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return f"{np.mean(values):.2f}{spread} ({len(values)})" if values else "-"


def row(graph: str, recipe: str, public: list[Fitted], random: list[Fitted]) -> str:
    mean = np.mean([fit.probabilities for fit in public], axis=0)
    cells = [
        *(graph, recipe, spoken([fit.val for fit in public]), spoken([fit.test for fit in public])),
        f"{100 * np.mean(mean.argmax(1) == public[0].labels):.2f}",
        *(spoken([fit.test for fit in random]), f"{np.mean([fit.seconds for fit in public]):.1f}"),
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", default=["gcn", "gat", "grand"])
    parser.add_argument("--graphs", nargs="+", default=["cora", "citeseer", "pubmed"])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--planetoid", default=str(PLANETOID))
    parser.add_argument("--keep", default="")
    flags = parser.parse_args()
    print("| graph | recipe | public split: val | test | ensemble of the seeds | random splits: test | CPU s a fit |")
    print("|---|---|--:|--:|--:|--:|--:|", flush=True)
    for graph in flags.graphs:
        for recipe in flags.recipes:
            run = run_of(recipe, graph, flags.planetoid)
            public = over(run, flags.seeds, "public", flags.keep)
            print(row(graph, recipe, public, over(run, flags.splits, "random", flags.keep)), flush=True)


if __name__ == "__main__":
    main()
