"""Seconds to encode DNA from Python strings on one core: `python benchmarks/encode.py`."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from data.sequences import encode


def random_sequences(rows: int, length: int) -> list[str]:
    letters = np.frombuffer(b"ACGTacgtNR", np.uint8)
    shares = [0.2, 0.2, 0.2, 0.2, 0.045, 0.045, 0.045, 0.045, 0.01, 0.01]
    text = np.random.default_rng(0).choice(letters, size=(rows, length), p=shares)
    return [row.tobytes().decode() for row in text]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--length", type=int, default=251)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    sequences = random_sequences(options.rows, options.length)
    seconds = []
    for _ in range(options.repeats):
        start = time.perf_counter()
        encode(sequences)
        seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds)
    print("| rows | bases | n | seconds, median | min to max | sequences a second |")
    print("|---|---|---|---|---|---|")
    print(
        f"| {options.rows:,} | {options.length} | {len(seconds)} | {median:.3f} "
        f"| {min(seconds):.3f} to {max(seconds):.3f} | {options.rows / median:,.0f} |"
    )


if __name__ == "__main__":
    main()
