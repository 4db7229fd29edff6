"""Seconds and peak memory of `variants` on 100,000 substitutions at 1 kb: `python benchmarks/variants.py`.

Without MODEL, a recipe is trained first for one epoch on a planted genome, in a folder of runs of its own: what is
measured is the whole process that scores, from its start to the last line of the file.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.predict import measured  # noqa: E402
from data.planted import Planted, plant  # noqa: E402

SECONDS, BYTES = 300, 2e9


def train(made: Planted, recipe: str, folder: Path) -> str:
    """A run folder."""
    command = [sys.executable, "-m", "pipelines.genomics", "train", recipe, "--fit.epochs", "1", "--json"]
    command += ["--data.path", str(made.intervals), "--data.genome", str(made.genome)]
    environment = {**os.environ, "INDUCTIVE_RUNS": str(folder / "runs")}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    return str(json.loads(done.stdout)["run_dir"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="cnn")
    parser.add_argument("--changes", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=1_000)
    parser.add_argument("--repeats", type=int, default=3)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = plant(folder, intervals=2_000, width=flags.width, changes=flags.changes)
        run = train(made, flags.recipe, folder)
        command = [sys.executable, "-m", "pipelines.genomics", "variants", run, str(made.changes)]
        command += ["--genome", str(made.genome), "--out", str(folder / "effects.csv")]
        for _ in range(flags.repeats):
            seconds, peak = measured(command)
            told = "within" if seconds <= SECONDS and peak <= BYTES else "beyond"
            what = f"{flags.changes:,} changes at {flags.width:,} bases, {flags.recipe}"
            print(f"{what}: {seconds:.0f} s, {peak / 1e9:.2f} GB at most ({told} 300 s and 2 GB)", flush=True)


if __name__ == "__main__":
    main()
