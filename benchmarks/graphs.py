"""Epochs of full-batch graph networks beside PyTorch Geometric's, which has an environment of its own.

An epoch is one step on the whole graph: forward pass in training mode with dropout, cross-entropy of the labelled
papers, backward pass, weight decay, Adam. Nothing else is timed on either side: no validation, no reading of data. Ours
is what `python -m pipelines.citations train` runs, the engine's loop. PyG's is the loop of its own examples, with the
layers as the example has them (dense features), and tuned: words as sparse matrices in both layouts with dropout on
the non-zeros, normalization cached, edges either as indices or as a compressed sparse matrix. In the large graph,
whose features are dense, the tuned ones are those two. Every kind of PyG's is timed.

Each side lives in a process of its own on the same core, with one thread; they work in turns, some epochs at a time,
and the seconds of each pair give one ratio. Compilation and warming up are over before the first pair. The networks
must have equally many weights.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peers import Peer, in_turns, median_bounds, serve

PLANETOID = Path(__file__).parent.parent.parent / "shared" / "data" / "citations" / "planetoid"
BLOCKS = {"nodes": 169_343, "citations": 1_157_799, "classes": 40, "columns": 128}  # as large as ogbn-arxiv
SPARSE = ("example", "tuned", "tuned_csr")


@dataclass(frozen=True)
class Case:
    """A graph, our recipe, and the kinds of PyG's.

    Attributes:
        graph: a name of Planetoid's, or blocks.
        recipe: of citations.
        kinds: of PyG's networks in `torch_graphs.py`.
        epochs: in each measurement.
        options: of the builder, beside the recipe's.
    """

    graph: str
    recipe: str
    kinds: tuple[str, ...]
    epochs: int
    options: dict[str, Any] = field(default_factory=dict)


CASES = {
    "cora_gcn": Case("cora", "gcn", SPARSE, 40),
    "citeseer_gcn": Case("citeseer", "gcn", SPARSE, 40),
    "pubmed_gcn": Case("pubmed", "gcn", SPARSE, 8),
    "cora_gat": Case("cora", "gat", ("example", "tuned"), 15),
    "blocks_gcn": Case("blocks", "gcn", ("indices", "csr"), 1, {"widths": (256,)}),
}


def peer(case: str, file: str, core: int) -> None:
    """Our side: as many epochs as each line of standard input asks for, so many a call."""
    os.sched_setaffinity(0, {core})
    from pipelines.quiet import start_tensorflow

    start_tensorflow()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from pipelines import engine

    domain, run, splits = prepared(CASES[case], file)
    made = engine.prepare(run, domain.task, splits)
    loop = engine.backend().TrainLoop(run, domain.task, made.model, made.placement)
    loop.start(splits.train, 0)
    serve(lambda: loop(CASES[case].epochs), {"parameters": made.model.count_params()})


def prepared(case: Case, file: str) -> tuple[Any, Any, Any]:
    """The domain, the run of a case, and its splits."""
    from pipelines.domain import domain

    citations = domain("citations")
    run = citations.recipe(case.recipe)
    where = {"path": file} if case.graph == "blocks" else {"path": str(PLANETOID), "name": case.graph}
    scaling = "none" if case.graph == "blocks" else run.data.scaling
    data = dataclasses.replace(run.data, scaling=scaling, **where)
    run = run.with_(data=data, model=dataclasses.replace(run.model, options={**run.model.options, **case.options}))
    return citations, run, citations.load(run.data, 0)


def write_blocks(file: str) -> None:
    """The large graph as a user's own: half of its papers to learn from."""
    import numpy as np

    from data.blockmodel import block_model

    made = block_model(**BLOCKS)
    part = np.random.default_rng(0).choice(["train", "train", "val", "test"], BLOCKS["nodes"])
    np.savez(file, edges=made.citations, labels=made.labels, features=made.features, split=part)


def write_arrays(case: Case, file: str, arrays: str) -> None:
    """What our model is given, for PyG: the graph's arrays, labelled papers and their classes."""
    import numpy as np

    splits = prepared(case, file)[2]
    facts = {"classes": len(splits.meta["classes"]), "columns": splits.meta["words"]}
    np.savez(arrays, node=splits.train["node"], label=splits.train["label"], **splits.train.shared, **facts)


def rows_of(name: str, options: argparse.Namespace, folder: str) -> list[str]:
    """A row for each kind of PyG's."""
    case, file, arrays = CASES[name], f"{folder}/blocks.npz", f"{folder}/{name}.npz"
    if case.graph == "blocks":
        write_blocks(file)
    write_arrays(case, file, arrays)
    rows = []
    for kind in case.kinds:
        ours = Peer(__file__, {"case": name, "file": file, "core": options.core})
        script = str(Path(__file__).with_name("torch_graphs.py"))
        told = {
            "arrays": arrays,
            "network_name": case.recipe,
            "kind": kind,
            "epochs": case.epochs,
            "core": options.core,
        }
        theirs = Peer(script, told | {"width": case.options.get("widths", (16,))[0]}, python=options.pyg)
        try:
            measured = in_turns(theirs, ours, options.pairs, 1, 2)
        finally:
            ours.close()
            theirs.close()
        weights = {side["parameters"] for pair in measured for side in pair}
        assert len(weights) == 1, f"{name}: the networks differ: {weights}"
        rows += [row(f"{name} | {kind}", measured, what, case.epochs) for what in ("wall", "cpu")]
        print("\n".join(rows[-2:]), file=sys.stderr)
    return rows


def row(name: str, measured: Sequence[tuple[dict, dict]], what: str, epochs: int) -> str:
    """Milliseconds an epoch of both, and how many times faster ours is, pair by pair."""
    theirs, ours = ([pair[side][what] * 1000 / epochs for pair in measured] for side in (0, 1))
    ratio, low, high = median_bounds([a / b for a, b in zip(theirs, ours, strict=True)])
    medians = f"{statistics.median(theirs):,.2f} | {statistics.median(ours):,.2f}"
    return f"| {name} | {what} | {len(measured)} | {medians} | {ratio:.1f} | {low:.1f} to {high:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pyg", help="interpreter that has PyTorch Geometric: pip install torch torch_geometric")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        return peer(**json.loads(options.peer))
    if not options.pyg:
        parser.error("--pyg PYTHON is needed")
    with tempfile.TemporaryDirectory() as folder:
        rows = [row for name in options.cases for row in rows_of(name, options, folder)]
    head = "| case | PyG as | ms of | pairs | PyG | ours | PyG over ours | its 95 % bootstrap |"
    print("\n".join([head, "|---" * 8 + "|", *rows, "", f"`python {' '.join(sys.argv)}`"]))
    return None


if __name__ == "__main__":
    main()
