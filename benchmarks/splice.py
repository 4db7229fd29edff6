"""The default recipe on the embedded splice junctions: `python benchmarks/splice.py`.

Seconds of the whole default run, start to export, and test accuracy over ten folds beside the regressions trained in
the same folds; once with folds drawn at random, once with rows that share a 30-mer on either strand kept in one fold.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Measure and print Markdown, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="default runs to time")
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the folds and of the weights")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as runs:
        times = [train(runs)["process_seconds"] for _ in range(options.runs)]
        flags = ["--folds", str(options.folds), "--seed", str(options.seed)]
        folds = {"random": train(runs, *flags), "grouped by 30-mers": train(runs, *flags, "--data.shared_kmers", "30")}
    if options.json:
        print(json.dumps({"seconds": times, "folds": folds}))
        return
    spread = f"{statistics.median(times):.0f} ({min(times):.0f} to {max(times):.0f})"
    print(f"default run, whole process: {spread} s, n = {options.runs}\n")
    print("| folds | model | test accuracy, % | nll | n | seconds |")
    print("|---|---|--:|--:|--:|--:|")
    for name, result in folds.items():
        for line in rows(name, result):
            print(line)


def train(runs: str, *flags: str) -> dict[str, Any]:
    """One `train` as a user starts it, in a folder of runs of its own."""
    command = [sys.executable, "-m", "pipelines.genomics", "train", *flags, "--json"]
    environment = {**os.environ, "INDUCTIVE_RUNS": runs}
    start = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout) | {"process_seconds": time.perf_counter() - start}


def rows(name: str, result: dict[str, Any]) -> list[str]:
    """Lines of the table for one way to fold."""
    scores = {result["recipe"]: result["scores"], **result["baselines"]}
    spreads = {result["recipe"]: result["spread"]["scores"], **result["spread"]["baselines"]}
    lines = []
    for model, value in scores.items():
        test, deviation = value["test"], spreads[model]["test"]
        accuracy = f"{100 * test['accuracy']:.2f} ± {100 * deviation['accuracy']:.2f}"
        tail = f"{test['nll']:.3f} | {len(result['runs'])} | {result['process_seconds']:.0f} |"
        lines.append(f"| {name} | {model} | {accuracy} | {tail}")
    return lines


if __name__ == "__main__":
    main()
