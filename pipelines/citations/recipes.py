"""The named runs of citations; the first is what `train` takes."""

from __future__ import annotations

from typing import Any

from data.citations import CitationsData
from pipelines.citations.fit import CitationsFit
from pipelines.run import Model, Run

WHOLE = 10_000  # papers a step: all that there are to learn from in any graph that is taken whole


def _recipe(
    name: str, builder: str, options: dict[str, Any], fit: CitationsFit, source: str, **further: Any
) -> tuple[str, Run]:
    fields: dict[str, Any] = {"data": CitationsData(), "source": source} | further
    return name, Run("citations", name, model=Model(builder, options), fit=fit, **fields)


def _fit(**changes: Any) -> CitationsFit:
    """Adam at a constant rate on the whole graph, stopped on validation, as the papers have it."""
    usual: dict[str, Any] = {
        "batch_size": WHOLE,
        "learning_rate": 0.01,
        "schedule": "constant",
        "warmup": 0.0,
        "optimizer": "adam",
    }
    return CitationsFit(**(usual | changes))


GRAND = {"widths": (32,), "order": 8, "drop_node": 0.5, "input_dropout": 0.5, "dropout": 0.5}
GRAND_FIT = _fit(epochs=1000, l2=5e-4, patience=200, passes=4, consistency=1.0, temperature=0.5)

RECIPES: dict[str, Run] = dict(
    [
        _recipe(
            "grand",
            "grand",
            GRAND,
            GRAND_FIT,
            "Feng et al. 2020, Graph random neural networks for semi-supervised learning on graphs",
        ),
        _recipe(
            "gcn",
            "gcn",
            {"widths": (16,), "dropout": 0.5},
            _fit(epochs=400, l2=5e-4, patience=100),
            "Kipf and Welling 2017, Semi-supervised classification with graph convolutional networks",
        ),
        _recipe(
            "gat",
            "gat",
            {"widths": (8,), "heads": 8, "dropout": 0.6},
            _fit(epochs=1000, learning_rate=5e-3, l2=5e-4, patience=100),
            "Velickovic et al. 2018, Graph attention networks",
        ),
        _recipe(
            "graphsage",
            "graphsage",
            {"widths": (16,), "dropout": 0.5},
            _fit(epochs=400, l2=5e-4, patience=100),
            "Hamilton, Ying and Leskovec 2017, Inductive representation learning on large graphs",
        ),
        _recipe(
            "appnp",
            "appnp",
            {"widths": (64,), "steps": 10, "teleport": 0.1, "dropout": 0.5},
            _fit(epochs=1000, l2=5e-3, patience=100),
            "Gasteiger, Bojchevski and Guennemann 2019, Predict then propagate",
        ),
        _recipe(
            "gcnii",
            "gcnii",
            {"width": 64, "depth": 64, "dropout": 0.6},
            _fit(epochs=1000, l2=5e-3, patience=100),
            "Chen et al. 2020, Simple and deep graph convolutional networks",
        ),
        _recipe(
            "graph_transformer",
            "graph_transformer",
            {"width": 64, "depth": 2, "positions": "random_walk", "dropout": 0.5},
            _fit(epochs=400, learning_rate=1e-3, l2=5e-4, patience=100),
            "Dwivedi and Bresson 2021, A generalization of transformer networks to graphs; walks: Dwivedi 2022",
            data=CitationsData(positions=16),
        ),
        _recipe(
            "ensemble",
            "grand",
            GRAND,
            GRAND_FIT,
            "ten GRANDs from different seeds, their probabilities averaged, as Lakshminarayanan et al. 2017 have it",
            seeds=10,
            combine="mean",
        ),
    ]
)
