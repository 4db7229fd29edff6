"""Figures of a graph's test papers: where they lie, where it errs, and how that hangs on their citations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from data.graph_inputs import graph_beside
from data.splits import Rows
from pipelines import plots
from pipelines.task import Meta

MAPPED = 2_000  # papers on the map: more take minutes
DEGREES = (1, 2, 3, 5, 9, 17, 33)  # where bins of the number of neighbours begin


def figures(outputs: Mapping[str, np.ndarray], rows: Rows, meta: Meta, folder: Path) -> list[Path]:
    """Those of every classifier, the map of the papers, and accuracy by the number of neighbours."""
    labels, probabilities = rows["label"], outputs["probabilities"]
    drawn = plots.classifier(labels, probabilities, meta["classes"], folder)
    if not drawn:
        return drawn
    _, edges = graph_beside(rows, meta["words"])
    degrees = np.bincount(edges[:, 1], minlength=meta["papers"])[rows["node"]]
    right = probabilities.argmax(1) == labels
    if len(labels) > 3:  # fewer have no map
        drawn.append(embedding_map(labels, probabilities, meta["classes"], folder / "map.png"))
    return [*drawn, by_degree(degrees, right, folder / "accuracy_by_degree.png")]


def embedding_map(labels: np.ndarray, probabilities: np.ndarray, classes: list[str], path: Path) -> Path:
    """t-SNE of the logits, coloured by the true class, errors marked."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    chosen = np.sort(np.random.default_rng(0).permutation(len(labels))[:MAPPED])
    labels, logits = labels[chosen], np.log(np.clip(probabilities[chosen], 1e-9, 1))
    wrong = logits.argmax(1) != labels
    with threadpool_limits(1):
        places = TSNE(perplexity=min(30, (len(labels) - 1) / 3), init="pca", random_state=0).fit_transform(logits)
    figure, (axes,) = plots.panels(1)
    for number, name in enumerate(classes):
        own = labels == number
        colour = plots.COLOURS[number % len(plots.COLOURS)]
        axes.scatter(places[own, 0], places[own, 1], s=7, color=colour, label=name, linewidths=0)
    axes.scatter(
        places[wrong, 0], places[wrong, 1], s=26, facecolors="none", edgecolors=plots.INK, linewidths=0.7, label="wrong"
    )
    axes.set(title=f"t-SNE of the logits of {len(labels):,} test papers", xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    return plots.saved(figure, path)


def by_degree(degrees: np.ndarray, right: np.ndarray, path: Path) -> Path:
    """Accuracy of the papers by how many neighbours they have, with its standard error."""
    bins = np.searchsorted(DEGREES, degrees, side="right")
    present = np.unique(bins)
    share = np.array([right[bins == number].mean() for number in present])
    count = np.array([(bins == number).sum() for number in present])
    figure, (axes,) = plots.panels(1)
    places = np.arange(len(present))
    axes.bar(places, share, color=plots.COLOURS[0], yerr=np.sqrt(share * (1 - share) / count), ecolor=plots.INK)
    for place, papers in zip(places, count, strict=True):
        axes.annotate(f"{papers:,}", (place, 0.02), ha="center", fontsize=8, color="white")
    axes.set_xticks(places, [_bin_name(number) for number in present])
    axes.set(xlabel="neighbours", ylabel="accuracy", ylim=(0, 1), title="Accuracy on test by number of neighbours")
    return plots.saved(figure, path)


def _bin_name(number: int) -> str:
    if number == 0:
        return "0"
    first, last = DEGREES[number - 1], (*DEGREES, None)[number]
    return f"{first}+" if last is None else str(first) if last == first + 1 else f"{first}-{last - 1}"
