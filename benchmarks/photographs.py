"""A user's folder: 3,000 colour photographs of any size in 10 unbalanced classes, trained on by `--data.path` alone.

    python benchmarks/photographs.py [--seeds 3] [--shared FOLDER]

The photographs are of the lossy CIFAR-10, stretched to sides of 40 to 400 and written as JPEG, PNG or BMP; the largest
class has some ten times as many as the smallest. Everything else is the default command's: parts, size, recipe, epochs.
Seconds are of the whole process, memory is the most that it held. Always guessing the largest class stands beside.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from fits import spoken
from PIL import Image

SHARED = Path(__file__).parents[2] / "shared" / "data" / "images"
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
COUNTS = (697, 540, 418, 324, 251, 194, 151, 193, 162, 70)
SIDES = (40, 400)
SUFFIXES = (".jpg", ".jpg", ".jpg", ".png", ".bmp")  # most are JPEG


def write(folder: Path, shared: Path, seed: int) -> None:
    """The photographs, a folder a class."""
    rng = np.random.default_rng(seed)
    with np.load(shared / "cifar10_q75_jpeg.npz") as file:
        data, ends, labels = file["train_jpeg"], file["train_offset"], file["train_label"]
    for label, (name, count) in enumerate(zip(CLASSES, COUNTS, strict=True)):
        (folder / name).mkdir(parents=True)
        for row in rng.choice(np.flatnonzero(labels == label), count, replace=False):
            with Image.open(io.BytesIO(data[ends[row] : ends[row + 1]].tobytes())) as picture:
                width, height = rng.integers(*SIDES, size=2)
                stretched = picture.resize((int(width), int(height)), Image.Resampling.BICUBIC)
            stretched.save(folder / name / f"{row}{rng.choice(SUFFIXES)}")


def trained(folder: Path, seed: int) -> dict[str, float]:
    """The command as a newcomer types it."""
    command = [sys.executable, "-m", "pipelines.images", "train", "--data.path", str(folder)]
    start = time.perf_counter()
    told = subprocess.run([*command, "--seed", str(seed), "--json"], capture_output=True, text=True, check=True).stdout
    seconds, told = time.perf_counter() - start, json.loads(told)
    scores = {part: 100 * told["scores"][part]["accuracy"] for part in ("val", "test")}
    return {**scores, "parameters": told["parameters"], "epochs": told["epochs"], "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--shared", type=Path, default=SHARED)
    flags = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "photographs"
        write(folder, flags.shared, 0)
        for seed in range(flags.seeds):
            found.append(trained(folder, seed))
            print(f"  seed {seed}: {json.dumps(found[-1])}", file=sys.stderr, flush=True)
    held = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    cells = [f"{found[0]['parameters']:,}", f"{found[0]['epochs']}", str(len(found))]
    cells += [spoken([one[key] for one in found]) for key in ("val", "test", "seconds")]
    print("| parameters | epochs | seeds | val, % | test, % | whole process, s | GB | largest class, % |")
    print("|--:|--:|--:|--:|--:|--:|--:|--:|")
    print("| " + " | ".join([*cells, f"{held:.2f}", f"{100 * max(COUNTS) / sum(COUNTS):.1f}"]) + " |")


if __name__ == "__main__":
    main()
