"""Memory and seconds of a graph of ten million edges: trained by sampled neighbours, then labelled layer by layer.

    python benchmarks/large_graph.py [--papers 1000000] [--citations 5000000]

Each command runs in a process of its own, as a user would start it; the figures are those of the whole process.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

TRAIN = {
    "data": {"name": "blocks", "fan_outs": (15, 10), "judge_by": "sampled", "train_per_class": 4000},
    "model": {"widths": 128},
    "fit": {"batch_size": 1024, "epochs": 2},
}


def words(group: str, values: dict) -> list[str]:
    """Flags of the command line."""
    return [
        word
        for name, value in values.items()
        for word in (f"--{group}.{name}", *map(str, value if isinstance(value, tuple) else (value,)))
    ]


def measured(name: str, arguments: list[str], runs: str) -> dict:
    """The JSON answer of a command, after a line with its seconds and its most memory."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "pipelines.citations", *arguments]
    done = subprocess.run(command, env={**os.environ, "INDUCTIVE_RUNS": runs}, stdout=subprocess.PIPE, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds, cpu = time.perf_counter() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    # The most of any child so far: the larger of the two commands, if the second is not the larger.
    print(
        f"| {name} | {after.ru_maxrss / 2**20:.2f} GiB at most | {seconds:.0f} s | {cpu:.0f} s of CPU time |",
        flush=True,
    )
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--papers", type=int, default=1_000_000)
    parser.add_argument("--citations", type=int, default=5_000_000)
    flags = parser.parse_args()
    size = {"block_nodes": flags.papers, "block_citations": flags.citations}
    options = [word for group, values in (*TRAIN.items(), ("data", size)) for word in words(group, values)]
    with tempfile.TemporaryDirectory() as runs:
        told = measured("train", ["train", "graphsage", "--json", *options], runs)
        print(f"test accuracy {told['scores']['test']['accuracy']:.3f}, label propagation "
              f"{told['baselines']['label_propagation']['test']['accuracy']:.3f}")  # fmt: skip
        measured("label", ["label", told["run_dir"], "--out", f"{runs}/labels.csv", "--json"], runs)


if __name__ == "__main__":
    main()
