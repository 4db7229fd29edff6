"""Test accuracy on Cora, Citeseer and PubMed: the public split over seeds, random splits apart, and an ensemble.

    python benchmarks/citations.py [--recipes gcn gat grand] [--graphs cora citeseer] [--seeds 10] [--splits 10]
                                   [--planetoid FOLDER] [--keep FOLDER]

Hyper-parameters are those of the recipes and of SETTINGS, chosen on validation papers of the public split alone; each
fit stops on them too. The ensemble averages the probabilities of the seeds' models, and so is one number. With `--keep`
each fit is kept as it ends, and a benchmark that was cut short goes on behind the last one.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from fits import kept, spoken

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


def run_of(recipe: str, graph: str, folder: str) -> Run:
    """The run of a recipe on a graph, with that graph's settings."""
    own = RECIPES[recipe]
    options, fit = SETTINGS.get((recipe, graph), ({}, {}))
    model = replace(own.model, options={**own.model.options, **options})
    data = replace(own.data, path=folder, name=graph) if graph != "cora" else own.data
    return own.with_(data=data, model=model, fit=replace(own.fit, **fit), seeds=1, combine="best")


def fitted(run: Run) -> dict[str, Any]:
    """One fit: accuracies, seconds of CPU time, and probabilities and labels of the test papers."""
    keras.backend.clear_session()
    task, splits, start = DOMAIN.task, load(run.data, run.seed), time.process_time()
    model = engine.fit(engine.prepare(run, task, splits), run, task, splits).model
    seconds = time.process_time() - start
    outputs = {part: task.named(engine.predict(model, rows), splits.meta) for part, rows in splits.items()}
    accuracy = {p: 100 * task.validate(outputs[p], rows, splits.meta)["accuracy"] for p, rows in splits.items()}
    kept_too = {"probabilities": outputs["test"]["probabilities"], "labels": splits.test["label"]}
    return {"val": accuracy["val"], "test": accuracy["test"], "seconds": seconds, **kept_too}


def over(run: Run, seeds: int, split: str, keep: str) -> list[dict[str, Any]]:
    """Fits from seeds 0, 1, ..., on the public split or each on a random one of its own."""
    runs = [run.with_(data=replace(run.data, split=split), seed=seed) for seed in range(seeds)]
    return [kept(keep, one, partial(fitted, one)) for one in runs]


def told(fits: list[dict[str, Any]], part: str) -> str:
    return f"{spoken([fit[part] for fit in fits], 2)} ({len(fits)})" if fits else "-"


def row(graph: str, recipe: str, public: list[dict[str, Any]], random: list[dict[str, Any]]) -> str:
    mean = np.mean([fit["probabilities"] for fit in public], axis=0)
    cells = [
        *(graph, recipe, told(public, "val"), told(public, "test")),
        f"{100 * np.mean(mean.argmax(1) == public[0]['labels']):.2f}",
        *(told(random, "test"), f"{np.mean([fit['seconds'] for fit in public]):.1f}"),
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
