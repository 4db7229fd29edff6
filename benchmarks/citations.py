"""Test accuracy on Cora, Citeseer and PubMed: the public split over seeds, random splits apart, and an ensemble.

    python benchmarks/citations.py [--recipes gcn gat grand] [--graphs cora citeseer] [--seeds 10] [--splits 10]
                                   [--planetoid FOLDER]

Hyper-parameters are those of SETTINGS, chosen on validation papers of the public split alone; each fit stops on them
too. The ensemble averages the probabilities of the seeds' models, and so is one number.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from data.citations import load
from pipelines import engine
from pipelines.citations import DOMAIN
from pipelines.citations.recipes import RECIPES
from pipelines.run import Run

PLANETOID = Path(__file__).parents[2] / "shared" / "data" / "citations" / "planetoid"

# What differs from the recipe, which is Cora's: (options of the model, of the fit).
SETTINGS = {
    ("grand", "citeseer"): (
        {"order": 2, "input_dropout": 0.0, "dropout": 0.2},
        {"passes": 2, "consistency": 0.7, "temperature": 0.3},
    ),
    ("grand", "pubmed"): (
        {"order": 5, "input_dropout": 0.6, "dropout": 0.8},
        {"passes": 4, "consistency": 1.0, "temperature": 0.2},
    ),
}


def run_of(recipe: str, graph: str, folder: str) -> Run:
    """The run of a recipe on a graph, with that graph's settings."""
    own = RECIPES[recipe]
    options, fit = SETTINGS.get((recipe, graph), ({}, {}))
    model = replace(own.model, options={**own.model.options, **options})
    data = replace(own.data, path=folder, name=graph) if graph != "cora" else own.data
    return own.with_(data=data, model=model, fit=replace(own.fit, **fit), seeds=1, combine="best")


def fitted(run: Run, task, splits) -> tuple[dict[str, float], np.ndarray, float]:
    """Accuracy on val and test, probabilities of test, and seconds of CPU time."""
    keras.backend.clear_session()
    start = time.process_time()
    model = engine.fit(engine.prepare(run, task, splits), run, task, splits).model
    seconds = time.process_time() - start
    outputs = {part: task.named(engine.predict(model, rows), splits.meta) for part, rows in splits.items()}
    accuracy = {part: task.validate(outputs[part], rows, splits.meta)["accuracy"] for part, rows in splits.items()}
    return accuracy, outputs["test"]["probabilities"], seconds


def over(run: Run, seeds: int, splits_by: str) -> tuple[dict[str, np.ndarray], list[np.ndarray], np.ndarray, float]:
    """Accuracies and probabilities of fits from seeds 0, 1, ..., on one split or each on its own."""
    task, accuracies, probabilities, seconds = DOMAIN.task, [], [], []
    for seed in range(seeds):
        splits = load(replace(run.data, split=splits_by), seed)
        told, chances, took = fitted(run.with_(seed=seed), task, splits)
        accuracies.append(told)
        probabilities.append(chances)
        seconds.append(took)
    labels = splits.test["label"]
    return (
        {p: 100 * np.array([a[p] for a in accuracies]) for p in ("val", "test")},
        probabilities,
        labels,
        np.mean(seconds),
    )


def spoken(values: np.ndarray) -> str:
    return (
        f"{values.mean():.2f} ± {values.std(ddof=1):.2f} ({len(values)})" if len(values) > 1 else f"{values[0]:.2f} (1)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipes", nargs="+", default=["gcn", "gat", "grand"])
    parser.add_argument("--graphs", nargs="+", default=["cora", "citeseer", "pubmed"])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--planetoid", default=str(PLANETOID))
    flags = parser.parse_args()
    print(
        "| graph | recipe | public split: val | test | mean of the seeds' models | random splits: test | CPU s a fit |"
    )
    print("|---|---|--:|--:|--:|--:|--:|", flush=True)
    for graph in flags.graphs:
        for recipe in flags.recipes:
            run = run_of(recipe, graph, flags.planetoid)
            public, chances, labels, seconds = over(run, flags.seeds, "public")
            both = 100 * np.mean(np.mean(chances, axis=0).argmax(1) == labels)
            random = spoken(over(run, flags.splits, "random")[0]["test"]) if flags.splits else "-"
            cells = [
                graph,
                recipe,
                spoken(public["val"]),
                spoken(public["test"]),
                f"{both:.2f}",
                random,
                f"{seconds:.1f}",
            ]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
