"""Peak memory and rows a second of `predict` on a million sequences: `python benchmarks/predict.py`.

Without MODEL, a small convnet is trained first on the embedded rows, in a folder of runs of its own.
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

import numpy as np

ROOT = Path(__file__).parent.parent
LIMIT = 1.5e9


def write_sequences(path: Path, rows: int, length: int) -> None:
    letters = np.frombuffer(b"ACGT", np.uint8)
    random = np.random.default_rng(0)
    with path.open("wb") as file:
        file.write(b"sequence\n")
        for start in range(0, rows, 50_000):
            text = random.choice(letters, size=(min(50_000, rows - start), length + 1))
            text[:, length] = ord("\n")
            file.write(text.tobytes())


def train(folder: Path) -> str:
    command = [sys.executable, "-m", "pipelines.genomics", "train", "cnn", "--fit.epochs", "1", "--json"]
    environment = {**os.environ, "INDUCTIVE_RUNS": str(folder)}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)["export"]


def measured(command: list[str]) -> tuple[float, float]:
    """Seconds and peak resident bytes of one process, as the kernel counted them."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {status}")
    return time.perf_counter() - start, usage.ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--length", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = options.model or train(Path(folder) / "runs")
        source, target = Path(folder) / "sequences.csv", Path(folder) / "answers.csv"
        write_sequences(source, options.rows, options.length)
        command = [sys.executable, "-m", "pipelines.genomics", "predict", model, str(source), "--out", str(target)]
        runs = [measured(command) for _ in range(options.repeats)]
        with target.open("rb") as file:
            answered = sum(1 for _ in file) - 1
    if answered != options.rows:
        raise SystemExit(f"{answered} rows were answered, {options.rows} were asked")
    seconds, peaks = [run[0] for run in runs], [run[1] for run in runs]
    median = statistics.median(seconds)
    result = {
        "command": "predict MODEL sequences.csv --out answers.csv",
        "rows": options.rows,
        "length": options.length,
        "n": len(runs),
        "seconds": median,
        "seconds_range": [min(seconds), max(seconds)],
        "rows_per_second": options.rows / median,
        "peak_bytes": max(peaks),
        "limit_bytes": LIMIT,
    }
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print("| command | rows | bases | n | seconds, median | min to max | rows a second | peak memory |")
        print("|---|---|---|---|---|---|---|---|")
        print(
            f"| `{result['command']}` | {options.rows:,} | {options.length} | {len(runs)} | {median:.1f} "
            f"| {min(seconds):.1f} to {max(seconds):.1f} | {options.rows / median:,.0f} | {max(peaks) / 1e9:.2f} GB |"
        )
    if max(peaks) > LIMIT:
        raise SystemExit(f"peak memory {max(peaks) / 1e9:.2f} GB is above {LIMIT / 1e9:.1f} GB")


if __name__ == "__main__":
    main()
