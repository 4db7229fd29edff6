"""Seconds until help and listings stand on the screen, and what they import: `python benchmarks/help.py`."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIMIT = 2.0
HEAVY = ("tensorflow", "keras", "mlflow")
DOMAIN_VERBS = ("train", "evaluate", "predict", "export")
COMMANDS = [
    ["pipelines"],
    ["pipelines", "list"],
    ["pipelines", "list", "--json"],
    ["pipelines", "describe", "resnet", "--help"],
    *(["pipelines", verb, "--help"] for verb in ("models", "doctor", "sync", "launch", "sweep")),
    ["pipelines.genomics"],
    *(["pipelines.genomics", verb, "--help"] for verb in DOMAIN_VERBS),
    ["pipelines.genomics", "train", "transformer", "--help"],
    ["pipelines.serve", "--help"],
]


def seconds_of(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, check=True)
    return time.perf_counter() - start


def imported(command: list[str]) -> list[str]:
    """Which of the heavy packages the command imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", *command], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    return [name for name in HEAVY if name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = []
    for command in COMMANDS:
        heavy = imported(command)  # which also brings the files into memory
        seconds = [seconds_of(command) for _ in range(options.repeats)]
        spread = {"seconds": statistics.median(seconds), "seconds_range": [min(seconds), max(seconds)]}
        results.append({"command": " ".join(["python -m", *command]), "n": len(seconds), "imports": heavy, **spread})
    if options.json:
        print(json.dumps({"limit_seconds": LIMIT, "results": results}, indent=2))
    else:
        print(f"| command | n | seconds, median | min to max | of {', '.join(HEAVY)} |")
        print("|---|---|---|---|---|")
        for r in results:
            low, high = r["seconds_range"]
            told = ", ".join(r["imports"]) or "none"
            print(f"| `{r['command']}` | {r['n']} | {r['seconds']:.2f} | {low:.2f} to {high:.2f} | {told} |")
    slow = [r["command"] for r in results if r["imports"] or r["seconds"] > LIMIT]
    if slow:
        raise SystemExit(f"too slow, or importing what help does not need: {'; '.join(slow)}")


if __name__ == "__main__":
    main()
