"""Memory of one process that fits again and again: `python benchmarks/growth.py`.

Resident memory behind each fit, beside that behind the fifth, when what is made once has been made.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))


def resident() -> float:
    """MiB of this process that are in memory now."""
    import psutil

    return psutil.Process().memory_info().rss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fits", type=int, default=50)
    parser.add_argument("--recipe", default="cnn")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--devices", type=int, default=1)
    options = parser.parse_args()
    from pipelines.quiet import start_tensorflow

    start_tensorflow()
    from pipelines import engine
    from pipelines.domain import domain

    genomics = domain("genomics")
    run = genomics.recipe(options.recipe)
    run = run.with_(fit=dataclasses.replace(run.fit, epochs=options.epochs, devices=options.devices))
    splits = genomics.load(run.data, 0)
    memory, start = [], time.perf_counter()
    for number in range(options.fits):
        member = run.with_(seed=number)
        engine.fit(engine.prepare(member, genomics.task, splits), member, genomics.task, splits)
        gc.collect()
        memory.append(resident())
        print(f"fit {number + 1}: {memory[-1]:.0f} MiB", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - start
    fifth, last = memory[min(4, len(memory) - 1)], memory[-1]
    print("| recipe | devices | fits | MiB behind the fifth | behind the last | ratio | largest ratio | seconds |")
    print("|---" * 8 + "|")
    print(
        f"| {options.recipe} | {options.devices} | {len(memory)} | {fifth:.0f} | {last:.0f} | {last / fifth:.3f} "
        f"| {max(memory[4:] or memory) / fifth:.3f} | {seconds:.0f} |"
    )
    print(f"\n`python {' '.join(sys.argv)}`")


if __name__ == "__main__":
    main()
