"""`label`: the class of every paper of a run's own graph, layer by layer, however large it is."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.errors import BadInput
from data.graph_inputs import graph_beside
from data.splits import Splits
from pipelines.cli import parse
from pipelines.domain import Domain
from pipelines.output import files_of, whole_file
from pipelines.trained import open_trained


@dataclass(frozen=True)
class LabelFlags:
    """Flags of `label`.

    Attributes:
        out: table to write to; stdout without it.
        messages: most edges whose messages stand in memory at once.
        json: print one JSON object on stdout, everything else on stderr.
    """

    out: str = ""
    messages: int = 1_000_000
    json: bool = False


def main(domain: Domain, arguments: Sequence[str], program: str) -> dict[str, Any]:
    """Write `paper`, `label` and `probability` for every paper of the graph that a model was trained on.

    Raises:
        BadInput: no such model, or its graph cannot be read any more.
    """
    first = next((i for i, word in enumerate(arguments) if word.startswith("-")), len(arguments))
    flags = parse(LabelFlags, arguments[first:], program, "label [MODEL]: every paper of a run's own graph.")
    if first > 1:
        raise BadInput("label: too many words", wanted="label [MODEL] [--out FILE]", got=" ".join(arguments[:first]))
    if flags.json and not flags.out:
        raise BadInput("label: stdout cannot hold both rows and JSON", wanted="--out FILE beside --json")
    trained = open_trained(domain, arguments[0] if first else "")
    export, classes = trained.export, trained.export.metadata["classes"]
    splits = domain.splits(trained.run)
    probabilities = _probabilities(trained.model, splits, flags.messages)
    ids = splits.test.shared["ids"].tolist()
    with whole_file(flags.out, *files_of(export)) as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(["paper", "label", "probability"])
        best, chances = probabilities.argmax(1).tolist(), probabilities.max(1).tolist()
        writer.writerows([paper, classes[b], f"{c:.6g}"] for paper, b, c in zip(ids, best, chances, strict=True))
    head = {"schema": 1, "domain": domain.name, "model": export.name, "version": export.version}
    return head | {"rows": len(ids), "out": flags.out}


def _probabilities(model: Any, splits: Splits, messages: int) -> np.ndarray:
    """Of all papers, (papers, classes)."""
    from pipelines.citations.layerwise import infer
    from pipelines.classify import probabilities

    rows = splits.test
    features, edges = graph_beside(rows, splits.meta["words"])
    places = rows.shared.get("positions", getattr(rows.around, "positions", None))
    return probabilities(infer(model, features, edges, places, messages=messages))
