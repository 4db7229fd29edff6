"""Two logical devices beside one, and two local workers beside one process, at equal global batch.

Each way to fit lives in processes of its own; they train in turns, some epochs at a time, by the clock, and the
seconds of each pair give one ratio. Compilation is over before the first pair. Two devices or workers share the cores
that one has alone, so that a ratio of one is the best there is; on as many GPUs it would be 0.5.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import socket
import sys

from peers import Peer, in_turns, ratio_row, table, waiting_callback


def peer(recipe: str, devices: int, batch_size: int, epochs: int) -> None:
    """Fit a recipe, waiting at the end of each epoch."""
    from pipelines.quiet import start_tensorflow

    start_tensorflow()
    from pipelines import engine
    from pipelines.domain import domain

    genomics = domain("genomics")
    run = genomics.recipe(recipe)
    fit = dataclasses.replace(run.fit, epochs=epochs, devices=devices, batch_size=batch_size, keep="last", patience=0)
    run = run.with_(fit=fit)
    splits = genomics.load(run.data, 0)
    engine.fit(engine.prepare(run, genomics.task, splits), run, genomics.task, splits, [waiting_callback()])


def cluster(workers: int) -> list[dict[str, str]]:
    """`TF_CONFIG` of each worker on this machine."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(workers)]
    addresses = [f"127.0.0.1:{s.getsockname()[1]}" for s in sockets]
    for each in sockets:
        each.close()
    tasks = [{"type": "worker", "index": i} for i in range(workers)]
    return [{"TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": task})} for task in tasks]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=5, help="in each measurement")
    parser.add_argument("--batch_size", type=int, default=256)
    parser.add_argument("--recipes", nargs="+", default=["wide_deep", "cnn"])
    parser.add_argument("--ways", nargs="+", default=["devices", "workers"], choices=["devices", "workers"])
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        return peer(**json.loads(options.peer))
    rows = []
    for recipe in options.recipes:
        for way in options.ways:
            rows += _compared(recipe, way, options)
            print("\n".join(rows[-3:]), file=sys.stderr)
    print(table("two", "one", rows))
    return None


def _compared(recipe: str, way: str, options: argparse.Namespace) -> list[str]:
    whole = options.epochs * (options.pairs + 1)
    asked = {"recipe": recipe, "batch_size": options.batch_size, "epochs": whole}
    one = Peer(__file__, {**asked, "devices": 1})
    two = Peer(
        __file__,
        {**asked, "devices": 2 if way == "devices" else 1},
        cluster(2) if way == "workers" else ({},),
    )
    try:
        measured = in_turns(two, one, options.pairs, options.epochs, options.epochs)
    finally:
        two.close()
        one.close()
    return [ratio_row(f"{recipe}, two {way}", measured, what) for what in ("train_wall", "train_cpu", "wall")]


if __name__ == "__main__":
    main()
